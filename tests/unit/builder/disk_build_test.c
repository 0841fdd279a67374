/*
 * A whole disk from small artefacts, read back with the code the selector and
 * early init use.
 */
#include "builder/disk/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "builder/disk/inspect.h"
#include "builder/disk/region.h"
#include "uki/uki.h"
#include "lib/base/atomic_file.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"
#include "lib/core/bootstate.h"
#include "lib/core/gpt.h"
#include "lib/core/verity_table.h"
#include "tests/unit/builder/uki_fixture.h"
#include "verity/tree.h"

#define ROOT_BYTES (200 * 4096)
#define MIB (1ull << 20)

static struct err err;
static char dir[64];
static char *selector, *uki, *root, *verity, *sig, *output;
static struct disk_options options;

static char *put(const char *name, const void *data, size_t len)
{
	char *p = path_join(dir, name);

	assert_non_null(p);
	assert_int_equal(atomic_file_write(p, data, len, 0644, NULL), 0);
	return p;
}

static void make_uki(void)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	_cleanup_free_ char *line = NULL, *kernel = NULL;
	uint8_t pe[FIXTURE_PE_BYTES];
	struct verity_params v = { .data_blocks = ROOT_BYTES / 4096, .hash_start_block = 1,
				   .salt_bytes = 1, .salt = { 7 } };
	struct uki_cmdline c = { .image = "web", .version = "1.0", .verity = &v };

	fixture_pe(pe);
	selector = put("selector", pe, sizeof(pe));
	fixture_kernel(pe, "6.1");
	kernel = put("kernel", pe, sizeof(pe));
	memcpy(v.root_hash, options.root_hash, 32);
	assert_int_equal(uki_cmdline_build(&c, &line, &err), 0);

	struct uki_options o = { .stub = selector, .kernel = kernel, .release = "6.1",
				 .os_release = "ID=x\n", .cmdline = line, .initrd = "i",
				 .initrd_len = 1 };

	assert_int_equal(uki_build(&o, &out, &err), 0);
	uki = put("uki", out.data, out.len);
}

static int setup(void **state)
{
	static uint8_t data[ROOT_BYTES];
	_cleanup_close_ int data_fd = -1, tree_fd = -1;
	static const uint8_t salt[1] = { 7 }, uuid[16];

	(void)state;
	strcpy(dir, "/tmp/kiln-disk-XXXXXX");
	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 31 >> 7);
	memcpy(data, "hsqs", 4);
	root = put("root", data, sizeof(data));
	verity = put("verity", "", 0);
	data_fd = open(root, O_RDONLY | O_CLOEXEC);
	tree_fd = open(verity, O_RDWR | O_CLOEXEC);
	assert_int_equal(verity_tree_write(data_fd, sizeof(data), salt, sizeof(salt), uuid, tree_fd,
					   options.root_hash, NULL, &err),
			 0);
	sig = put("sig", "{\"rootHash\":\"\"}", 15);
	make_uki();
	output = path_join(dir, "disk.raw");
	options.name = "web";
	options.version = "1.0";
	options.selector = selector;
	options.uki = uki;
	options.root = root;
	options.verity = verity;
	options.verity_sig = sig;
	options.root_slot_bytes = 3 * MIB;
	options.boot_slot_bytes = 2 * MIB;
	options.state_bytes = 5 * MIB;
	options.tries = 3;
	options.epoch_s = 1700000000;
	options.output = output;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(selector);
	free(uki);
	free(root);
	free(verity);
	free(sig);
	free(output);
	return path_remove_tree(dir);
}

static int build(void)
{
	err_init(&err);
	return disk_build(&options, &err);
}

static void expect_content(int fd, uint64_t at, const char *path)
{
	_cleanup_free_ char *want = NULL, *got = NULL;
	size_t len;

	assert_int_equal(io_read_file(path, 1 << 24, &want, &len, NULL), 0);
	got = malloc(len);
	assert_int_equal(io_pread_all(fd, got, len, at), 0);
	assert_memory_equal(got, want, len);
}

static const struct {
	const char *name;
	uint64_t mib;
	const struct guid *type;
	uint64_t attributes;
} table[] = {
	{ "esp", 40, &gpt_type_esp, 0 },
	{ "boot-state", 1, &gpt_type_kiln_state, 0 },
	{ "boot-a", 2, &gpt_type_kiln_boot, 0 },
	{ "root-a", 3, &gpt_type_root_x64, GPT_ATTR_READ_ONLY },
	{ "verity-a", 1, &gpt_type_root_verity_x64, GPT_ATTR_READ_ONLY },
	{ "sig-a", 1, &gpt_type_root_sig_x64, GPT_ATTR_READ_ONLY },
	{ "boot-b", 2, &gpt_type_kiln_boot, 0 },
	{ "root-b", 3, &gpt_type_root_x64, GPT_ATTR_READ_ONLY | GPT_ATTR_NO_AUTO },
	{ "verity-b", 1, &gpt_type_root_verity_x64, GPT_ATTR_READ_ONLY | GPT_ATTR_NO_AUTO },
	{ "sig-b", 1, &gpt_type_root_sig_x64, GPT_ATTR_READ_ONLY | GPT_ATTR_NO_AUTO },
	{ "state", 5, &gpt_type_linux, 0 },
};

static uint64_t check_table(const struct gpt *gpt, struct gpt_partition part[11])
{
	uint64_t at = MIB;

	for (unsigned i = 0; i < ARRAY_SIZE(table); i++) {
		assert_int_equal(gpt_partition_at(gpt, i, &part[i]), GPT_OK);
		assert_string_equal(part[i].name, table[i].name);
		assert_int_equal(gpt_offset_bytes(gpt, &part[i]), at);
		assert_int_equal(gpt_size_bytes(gpt, &part[i]), table[i].mib * MIB);
		assert_true(guid_equal(&part[i].type, table[i].type));
		assert_int_equal(part[i].attributes, table[i].attributes);
		for (unsigned k = 0; k < i; k++)
			assert_false(guid_equal(&part[k].unique, &part[i].unique));
		at += table[i].mib * MIB;
	}
	return at + MIB;
}

static void check_boot_state(int fd, uint64_t at)
{
	static struct bs_disk disk;
	struct disk_region reg = { fd, at };
	struct disk_ops ops = disk_region_ops(&reg);
	struct bs bs;

	assert_int_equal(bs_load(&disk, &ops, &bs), BS_OK);
	assert_int_equal(bs.slot[0].status, BS_READY);
	assert_int_equal(bs.slot[0].priority, 1);
	assert_int_equal(bs.slot[0].tries_left, 3);
	assert_false(bs.slot[0].good);
	assert_int_equal(bs.slot[1].status, BS_EMPTY);
	assert_string_equal(bs.slot[0].image.version, "1.0");
}

static void check_descriptor(int fd, uint64_t at, uint64_t bytes)
{
	uint8_t data[SLOTDESC_BYTES], sum[32];
	struct slotdesc d;
	uint64_t uki_bytes;

	assert_int_equal(digest_file(uki, sum, &uki_bytes, NULL), 0);
	assert_int_equal(io_pread_all(fd, data, sizeof(data), at + bytes - sizeof(data)), 0);
	assert_int_equal(slotdesc_decode(data, bytes, &d), SLOTDESC_OK);
	assert_int_equal(d.uki_bytes, uki_bytes);
	assert_memory_equal(d.uki_sha256, sum, 32);
	assert_memory_equal(d.root_hash, options.root_hash, 32);
	assert_string_equal(d.name, "web");
	assert_int_equal(d.epoch, 1700000000);
}

static void a_disk_reads_back_as_planned(void **state)
{
	_cleanup_close_ int fd = -1;
	static struct gpt gpt;
	struct disk_region reg = { .offset_bytes = 0 };
	struct disk_ops ops = disk_region_ops(&reg);
	struct gpt_partition part[11];
	struct guid half;
	struct stat st;

	(void)state;
	if (build())
		fail_msg("%s", err.text);
	reg.fd = fd = open(output, O_RDONLY | O_CLOEXEC);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(gpt_read(&ops, 512, (uint64_t)st.st_size / 512, &gpt), GPT_OK);
	assert_false(gpt.from_backup);
	assert_int_equal(check_table(&gpt, part), st.st_size);
	half = guid_from_text_bytes(options.root_hash);
	assert_true(guid_equal(&part[3].unique, &half));
	half = guid_from_text_bytes(options.root_hash + 16);
	assert_true(guid_equal(&part[4].unique, &half));
	expect_content(fd, gpt_offset_bytes(&gpt, &part[2]), uki);
	expect_content(fd, gpt_offset_bytes(&gpt, &part[3]), root);
	expect_content(fd, gpt_offset_bytes(&gpt, &part[4]), verity);
	expect_content(fd, gpt_offset_bytes(&gpt, &part[5]), sig);
	check_boot_state(fd, gpt_offset_bytes(&gpt, &part[1]));
	check_descriptor(fd, gpt_offset_bytes(&gpt, &part[2]), 2 * MIB);
	assert_true(st.st_blocks * 512 < 4 << 20); /* sparse */
}

static void the_state_partition_and_slot_b_are_blank(void **state)
{
	_cleanup_free_ uint8_t *data = malloc(12 * MIB);
	_cleanup_close_ int fd = -1;

	(void)state;
	assert_int_equal(build(), 0);
	fd = open(output, O_RDONLY | O_CLOEXEC);
	assert_int_equal(io_pread_all(fd, data, 12 * MIB, 49 * MIB), 0);
	assert_true(bytes_are_zero(data, 12 * MIB));
}

static void two_builds_are_the_same_bytes(void **state)
{
	uint8_t one[32], two[32];

	(void)state;
	assert_int_equal(build(), 0);
	assert_int_equal(digest_file(output, one, NULL, NULL), 0);
	setenv("TZ", "Pacific/Kiritimati", 1);
	setenv("SOURCE_DATE_EPOCH", "5", 1);
	assert_int_equal(build(), 0);
	unsetenv("TZ");
	unsetenv("SOURCE_DATE_EPOCH");
	assert_int_equal(digest_file(output, two, NULL, NULL), 0);
	assert_memory_equal(one, two, 32);
}

static void expect_refusal(int rc, const char *says)
{
	static const char before[] = "what was there before";
	_cleanup_free_ char *data = NULL;

	free(put("disk.raw", before, sizeof(before)));
	assert_int_equal(build(), rc);
	if (!strstr(err.text, says))
		fail_msg("'%s' does not say '%s'", err.text, says);
	assert_int_equal(io_read_file(output, 4096, &data, NULL, NULL), 0);
	assert_string_equal(data, before);
}

/* The ESP's is what a machine is later told to replace: larger ones do not fit there. */
static void a_selector_is_as_large_as_its_place_in_the_boot_state(void **state)
{
	static uint8_t pe[BS_SELECTOR_MAX_BYTES + 1];
	const struct disk_options good = options;
	_cleanup_free_ char *fits = NULL, *large = NULL;

	(void)state;
	fixture_pe(pe);
	fits = put("fits", pe, sizeof(pe) - 1);
	options.selector = fits;
	assert_int_equal(build(), 0);
	large = put("large", pe, sizeof(pe));
	options.selector = large;
	expect_refusal(-EFBIG, "large is larger than 196608 bytes");
	options = good;
}

static void refusals_say_why_and_leave_the_output_alone(void **state)
{
	static const uint8_t garbage[4096] = "garbage";
	const struct disk_options good = options;
	_cleanup_free_ char *bad = put("bad", garbage, sizeof(garbage));

	(void)state;
	options.root_slot_bytes = 1;
	expect_refusal(-EINVAL, "slots.root: 1 bytes are less than 1M");
	options = good;
	options.state_bytes = UINT64_MAX;
	expect_refusal(-EOVERFLOW, "state.size");
	options = good;
	options.root = bad;
	expect_refusal(-EBADMSG, "is no squashfs");
	options = good;
	options.verity = bad;
	expect_refusal(-EBADMSG, "is no verity hash file");
	options = good;
	options.selector = bad;
	expect_refusal(-EBADMSG, "selector");
	options = good;
	options.uki = selector;
	expect_refusal(-EBADMSG, "UKI");
	options = good;
	options.root_hash[0] ^= 1;
	expect_refusal(-EBADMSG, "names another root");
	options = good;
	options.uki = "/nonexistent/uki";
	expect_refusal(-ENOENT, "/nonexistent/uki");
	options = good;
	options.tries = 16;
	expect_refusal(-EINVAL, "boot state");
	options = good;
}

static void an_artefact_larger_than_its_slot_says_by_how_much(void **state)
{
	const struct disk_options good = options;
	_cleanup_free_ char *path = put("large", "hsqs", 4);

	(void)state;
	assert_int_equal(truncate(path, 3 * MIB + 4096), 0);
	options.root = path;
	expect_refusal(-ENOSPC, "4096 more than partition root-a holds");
	options = good;
}

static void a_missing_tool_is_named_with_its_package(void **state)
{
	_cleanup_free_ char *path = strdup(getenv("PATH"));

	(void)state;
	setenv("PATH", "/nonexistent", 1);
	expect_refusal(-ENOENT, "'mformat' is not installed: install the package mtools");
	assert_int_equal(disk_qcow2("/dev/null", output, &err), -ENOENT);
	assert_non_null(strstr(err.text, "install the package qemu-utils"));
	setenv("PATH", path, 1);
}

static void nothing_is_left_beside_the_output(void **state)
{
	_cleanup_closedir_ DIR *d = NULL;
	struct dirent *e;

	(void)state;
	assert_int_equal(build(), 0);
	d = opendir(dir);
	while ((e = readdir(d)))
		if (strstr(e->d_name, "disk.raw"))
			assert_string_equal(e->d_name, "disk.raw");
}

static void write_at(uint64_t at, const void *data, size_t len)
{
	_cleanup_close_ int fd = open(output, O_RDWR | O_CLOEXEC);

	assert_int_equal(io_pwrite_all(fd, data, len, at), 0);
}

static struct disk_facts *inspect(void)
{
	struct disk_facts *f = NULL;

	err_init(&err);
	if (disk_inspect(output, &f, &err))
		fail_msg("%s", err.text);
	return f;
}

static void inspecting_tells_what_was_built(void **state)
{
	struct disk_facts *f;

	(void)state;
	assert_int_equal(build(), 0);
	f = inspect();
	assert_int_equal(f->bs_error, BS_OK);
	assert_int_equal(f->bs.slot[0].status, BS_READY);
	assert_true(f->slot[0].has_descriptor && f->slot[0].uki_hash_right);
	assert_string_equal(f->slot[0].descriptor.version, "1.0");
	assert_string_equal(f->slot[0].kernel, "6.1");
	assert_memory_equal(f->slot[0].cmdline, "kiln.image=web ", 15);
	assert_memory_equal(f->slot[0].verity.root_hash, options.root_hash, 32);
	assert_false(f->slot[1].has_descriptor);
	disk_facts_free(f);
}

static void inspecting_tells_what_was_damaged(void **state)
{
	static const uint8_t zeroes[BS_COPIES * BS_COPY_STRIDE_BYTES];
	struct disk_facts *f;

	(void)state;
	assert_int_equal(build(), 0);
	write_at(41 * MIB, zeroes, sizeof(zeroes));
	write_at(42 * MIB + 0x500, "flip", 4);
	f = inspect();
	assert_int_equal(f->bs_error, BS_E_LOST);
	assert_true(f->slot[0].has_descriptor);
	assert_false(f->slot[0].uki_hash_right);
	disk_facts_free(f);
	write_at(512, zeroes, 512); /* primary header: the backup is read */
	f = inspect();
	assert_true(f->gpt.from_backup);
	disk_facts_free(f);
	f = NULL;
	assert_int_equal(disk_inspect(root, &f, &err), -EBADMSG);
	assert_int_equal(disk_inspect("/nonexistent", &f, &err), -ENOENT);
	assert_null(f);
}

static void verity_slots_grow_with_root_slots(void **state)
{
	(void)state;
	assert_int_equal(disk_verity_slot_bytes(1 * MIB), 1 * MIB);
	/* 1 GiB: 2048 + 16 + 1 blocks of hashes and the superblock are 8.07 MiB */
	assert_int_equal(disk_verity_slot_bytes(1024 * MIB), 9 * MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_disk_reads_back_as_planned),
		cmocka_unit_test(the_state_partition_and_slot_b_are_blank),
		cmocka_unit_test(two_builds_are_the_same_bytes),
		cmocka_unit_test(refusals_say_why_and_leave_the_output_alone),
		cmocka_unit_test(a_selector_is_as_large_as_its_place_in_the_boot_state),
		cmocka_unit_test(an_artefact_larger_than_its_slot_says_by_how_much),
		cmocka_unit_test(a_missing_tool_is_named_with_its_package),
		cmocka_unit_test(nothing_is_left_beside_the_output),
		cmocka_unit_test(inspecting_tells_what_was_built),
		cmocka_unit_test(inspecting_tells_what_was_damaged),
		cmocka_unit_test(verity_slots_grow_with_root_slots),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
