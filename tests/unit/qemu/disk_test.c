/* The machine's disk: overlay, copy, and what scenarios do to it between boots. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/blk.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"
#include "lib/base/proc.h"
#include "lib/core/bootstate.h"
#include "lib/core/flight.h"
#include "lib/core/gpt.h"
#include "lib/core/pe.h"
#include "lib/core/sha256.h"
#include "lib/core/slotdesc.h"
#include "qemu/esp.h"
#include "qemu/faults.h"
#include "qemu/firmware.h"
#include "qemu/image.h"
#include "qemu/looks.h"
#include "qemu/slots.h"
#include "tests/unit/core/pe_fixture.h"
#include "verity/sigfile.h"

#define MIB (UINT64_C(1) << 20)

static struct err err;
static char dir[] = "/tmp/kiln-disk-test.XXXXXX";
static char disk[64], other[64];

static const char *const names[] = { "esp",    "boot-state", "boot-a",   "root-a", "verity-a", "sig-a",
				     "boot-b", "root-b",     "verity-b", "sig-b",  "state" };

static void make_table(struct blk *b)
{
	static struct gpt gpt;
	static uint8_t head[GPT_HEAD_BYTES(512)];
	struct guid unique = { { 1 } };
	struct disk_ops ops = blk_disk_ops(b);

	assert_int_equal(gpt_init(&gpt, 512, b->size_bytes / 512, &unique), 0);
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct gpt_partition p = { .idx = i, .type = gpt_type_linux };

		p.unique.bytes[0] = (uint8_t)(i + 2);
		p.first_lba = gpt_next_free_lba(&gpt);
		p.last_lba = p.first_lba + MIB / 512 - 1;
		snprintf(p.name, sizeof(p.name), "%s", names[i]);
		assert_int_equal(gpt_set_partition(&gpt, &p), 0);
	}
	assert_int_equal(gpt_write(&gpt, &ops, head), 0);
}

static uint64_t offset_of(struct blk *b, const char *name)
{
	static struct gpt gpt;
	struct disk_ops ops = blk_disk_ops(b);
	struct gpt_partition p;

	assert_int_equal(gpt_read(&ops, 512, b->size_bytes / 512, &gpt), 0);
	assert_int_equal(gpt_find_name(&gpt, name, &p), 0);
	return gpt_offset_bytes(&gpt, &p);
}

static uint8_t uki[0x1000];

#define CMDLINE "kiln.roothash=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff " \
		"kiln.verity=200,1,-"

static uint32_t make_uki(void)
{
	static const struct fixture_section sections[] = {
		{ ".text", 0x1000, 0x10, 0x200, FIXTURE_CODE, NULL },
		{ ".initrd", 0x2000, 6, 0x200, FIXTURE_CONST, "initrd" },
		{ ".cmdline", 0x3000, sizeof(CMDLINE) - 1, 0x200, FIXTURE_CONST, CMDLINE },
	};

	return fixture_pe(uki, sections, 3, 0x4000, 0x1000);
}

/* A disk as the builder makes it, 16 MiB small: slot a ready, slot b empty. */
static int setup(void **state)
{
	static struct bs_disk bd;
	static struct bs bs;
	struct slotdesc image = { .uki_bytes = make_uki(), .name = "web", .version = "1" };
	uint8_t descriptor[SLOTDESC_BYTES];
	struct blk *b, *part;
	struct disk_ops ops;
	int fd;

	(void)state;
	if (!*disk && !mkdtemp(dir))
		return -1;
	snprintf(disk, sizeof(disk), "%s/d,1.raw", dir);
	snprintf(other, sizeof(other), "%s/other", dir);
	unlink(disk);
	unlink(other);
	fd = open(disk, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, 16 * MIB), 0);
	assert_int_equal(blk_from_fd(fd, true, &b, &err), 0);
	make_table(b);
	assert_int_equal(blk_new_window(b, offset_of(b, "boot-state"), MIB, &part), 0);
	ops = blk_disk_ops(part);
	assert_int_equal(bs_init_fresh(&image, 3, &bs), 0);
	assert_int_equal(bs_create(&bd, &ops, &bs), 0);
	assert_int_equal(blk_write(b, offset_of(b, "root-a") + 8192, "hello", 5), 0);
	assert_int_equal(blk_write(b, offset_of(b, "boot-a"), uki, image.uki_bytes), 0);
	assert_int_equal(slotdesc_encode(&image, descriptor), 0);
	assert_int_equal(blk_write(b, offset_of(b, "boot-a") + MIB - sizeof(descriptor), descriptor,
				   sizeof(descriptor)), 0);
	blk_free(part);
	blk_free(b);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return path_remove_tree(dir);
}

static uint8_t byte_at(const char *part, uint64_t offset)
{
	struct blk *b;
	uint8_t sector[512];

	assert_int_equal(blk_open(disk, false, &b, &err), 0);
	offset += offset_of(b, part);
	assert_int_equal(blk_read(b, offset & ~511ull, sector, 512), 0);
	blk_free(b);
	return sector[offset & 511];
}

static void corruption_hits_one_byte_of_the_block_named(void **state)
{
	struct step st = { .kind = STEP_CORRUPT, .target = TARGET_ROOT, .block = 1, .count = 2 };

	(void)state;
	assert_int_equal(faults_corrupt(disk, &st, &err), 0);
	assert_int_equal(byte_at("root-a", 4096 + 1000), 1);
	assert_int_equal(byte_at("root-a", 8192 + 1000), 1);
	assert_int_equal(byte_at("root-a", 1000), 0);
	assert_int_equal(byte_at("root-a", 12288 + 1000), 0);
	assert_int_equal(byte_at("root-b", 4096 + 1000), 0);
	st.block = 255;
	assert_int_not_equal(faults_corrupt(disk, &st, &err),
			     0); /* its second block is outside */
}

static void either_copy_of_state_and_table_may_go(void **state)
{
	struct step st = { .kind = STEP_CORRUPT, .target = TARGET_BOOT_STATE };
	const char *word;

	(void)state;
	assert_int_equal(faults_corrupt(disk, &st, &err), 0);
	assert_int_equal(look_slot_state(disk, 0, &word, &err), 0);
	assert_string_equal(word, "ready");
	st.block = 1;
	assert_int_equal(faults_corrupt(disk, &st, &err), 0);
	assert_int_not_equal(look_slot_state(disk, 0, &word, &err), 0);
	assert_non_null(strstr(err.text, "the boot state: "));
	st.target = TARGET_GPT;
	st.block = 0;
	assert_int_equal(faults_corrupt(disk, &st, &err), 0);
	assert_int_equal(byte_at("root-a", 8192), 'h'); /* by the backup */
	st.block = 1;
	assert_int_equal(faults_corrupt(disk, &st, &err), 0);
	assert_int_not_equal(look_slot_state(disk, 0, &word, &err), 0);
	assert_non_null(strstr(err.text, "the disk: "));
}

static void a_clone_is_ready_good_and_second(void **state)
{
	const char *word;

	(void)state;
	assert_int_equal(look_slot_state(disk, 1, &word, &err), 0);
	assert_string_equal(word, "empty");
	assert_int_equal(slots_clone(disk, 0, &err), 0);
	assert_int_equal(look_slot_state(disk, 0, &word, &err), 0);
	assert_string_equal(word, "good");
	assert_int_equal(look_slot_state(disk, 1, &word, &err), 0);
	assert_string_equal(word, "good");
	assert_int_equal(byte_at("root-b", 8192), 'h');
}

static void a_uki_is_read_as_long_as_the_boot_state_says(void **state)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(look_slot_uki(disk, 0, &b, &err), 0);
	assert_int_equal(b.len, make_uki());
	assert_memory_equal(b.data, uki, b.len);
	assert_int_equal(look_slot_uki(disk, 1, &b, &err), -EINVAL);
	assert_non_null(strstr(err.text, "slot b holds no UKI"));
}

/* The selector must find nothing wrong with it. */
static void a_spoilt_uki_has_the_right_hash_everywhere(void **state)
{
	struct step st = { .kind = STEP_CORRUPT, .target = TARGET_SECTION, .text = ".initrd" };
	static uint8_t descriptor[SLOTDESC_BYTES];
	_cleanup_buf_ struct buf b = BUF_INIT;
	uint8_t hash[SHA256_BYTES];
	struct pe_section s;
	struct slotdesc d;
	struct pe pe;

	(void)state;
	assert_int_equal(faults_corrupt(disk, &st, &err), 0);
	assert_int_equal(look_slot_uki(disk, 0, &b, &err), 0);
	assert_int_equal(pe_parse(b.data, b.len, b.len, &pe), PE_OK);
	assert_int_equal(pe_section_find(&pe, ".initrd", &s), PE_E_NOT_FOUND);
	assert_int_equal(pe_section_find(&pe, "-initrd", &s), PE_OK);
	for (unsigned i = 0; i < sizeof(descriptor); i++)
		descriptor[i] = byte_at("boot-a", MIB - SLOTDESC_BYTES + i);
	assert_int_equal(slotdesc_decode(descriptor, MIB, &d), 0);
	sha256_bytes(b.data, b.len, hash);
	assert_memory_equal(d.uki_sha256, hash, sizeof(hash));
	assert_int_equal(faults_corrupt(disk, &st, &err), -EINVAL);
	assert_non_null(strstr(err.text, "section .initrd of the UKI: no such section"));
}

/* Flip where @place says and tell which block of @part changed; FAIL when more than one did. */
static unsigned flipped(enum step_target target, enum step_place place, const char *part)
{
	struct step st = { .kind = STEP_CORRUPT, .target = target, .place = place, .count = 1 };
	static uint8_t before[MIB], after[MIB];
	unsigned found = 0, n = 0;
	struct blk *b;

	assert_int_equal(blk_open(disk, false, &b, &err), 0);
	assert_int_equal(blk_read(b, offset_of(b, part), before, MIB), 0);
	if (faults_corrupt(disk, &st, &err))
		fail_msg("%s", err.text);
	assert_int_equal(blk_read(b, offset_of(b, part), after, MIB), 0);
	blk_free(b);
	for (unsigned i = 0; i < MIB; i++)
		if (before[i] != after[i]) {
			found = i / 4096;
			n++;
		}
	assert_int_equal(n, 1);
	return found;
}

/* A signature's flipped bit is in its value, and leaves it base64. */
static void a_signature_is_flipped_where_it_counts(void **state)
{
	struct step st = { .kind = STEP_CORRUPT, .target = TARGET_SIG, .place = PLACE_BLOCK, .count = 1 };
	char text[SIGFILE_BYTES] = "", after[SIGFILE_BYTES];
	size_t len, at = 0, n = 0;
	struct blk *b;

	(void)state;
	assert_int_equal(faults_corrupt(disk, &st, &err), -ENODATA);
	len = (size_t)snprintf(text, sizeof(text), "{\"rootHash\":\"00\",\"signature\":\"%0600dz/zZAQ==\"}",
			       0);
	memset(text + len - 80, 'z', 40);
	assert_int_equal(blk_open(disk, true, &b, &err), 0);
	assert_int_equal(blk_write(b, offset_of(b, "sig-a"), text, sizeof(text)), 0);
	if (faults_corrupt(disk, &st, &err))
		fail_msg("%s", err.text);
	assert_int_equal(blk_read(b, offset_of(b, "sig-a"), after, sizeof(after)), 0);
	blk_free(b);
	for (size_t i = 0; i < sizeof(text); i++)
		if (text[i] != after[i]) {
			at = i;
			n++;
		}
	assert_int_equal(n, 1);
	assert_in_range(at, len - 300, len - 64);
	assert_int_equal(after[at], '1');
}

static void places_of_root_and_hash_tree_have_names(void **state)
{
	static const uint8_t inodes[8] = { 0x34, 0x72 }; /* byte 0x7234: block 7 */
	struct step st = { .kind = STEP_CORRUPT, .target = TARGET_HASH, .place = PLACE_MIDDLE };
	struct blk *b;

	(void)state;
	assert_int_equal(blk_open(disk, true, &b, &err), 0);
	assert_int_equal(blk_write(b, offset_of(b, "root-a") + 64, inodes, 8), 0);
	blk_free(b);
	assert_int_equal(flipped(TARGET_ROOT, PLACE_METADATA, "root-a"), 8);
	assert_int_equal(flipped(TARGET_ROOT, PLACE_SUPERBLOCK, "root-a"), 0);
	assert_int_equal(flipped(TARGET_ROOT, PLACE_FIRST, "root-a"), 0);
	assert_int_equal(flipped(TARGET_ROOT, PLACE_MIDDLE, "root-a"), 100);
	assert_int_equal(flipped(TARGET_ROOT, PLACE_LAST, "root-a"), 199);
	/* 200 blocks: two of leaves behind the top, which follows the superblock. */
	assert_int_equal(flipped(TARGET_HASH, PLACE_TOP, "verity-a"), 1);
	assert_int_equal(flipped(TARGET_HASH, PLACE_LEAF, "verity-a"), 3);
	assert_int_equal(faults_corrupt(disk, &st, &err), -EINVAL);
	assert_non_null(strstr(err.text, "has 2 levels and nothing between"));
}

static void whole_parts_are_cut_zeroed_and_swapped(void **state)
{
	struct step st = { .kind = STEP_CORRUPT, .target = TARGET_UKI, .place = PLACE_TRUNCATE };
	uint32_t len = make_uki();

	(void)state;
	assert_int_equal(slots_clone(disk, 0, &err), 0);
	assert_int_equal(faults_corrupt(disk, &st, &err), 0);
	assert_int_equal(byte_at("boot-a", 0), 'M');
	assert_int_equal(byte_at("boot-a", len / 2 - 1), uki[len / 2 - 1]);
	for (uint32_t i = len / 2; i < len; i++)
		assert_int_equal(byte_at("boot-a", i), 0);
	st.place = PLACE_SWAP;
	assert_int_equal(byte_at("boot-b", len - 1), uki[len - 1]);
}

static void partitions_vanish_from_both_copies_of_the_table(void **state)
{
	static struct gpt gpt;
	struct gpt_partition p;
	struct disk_ops ops;
	struct blk *b;

	(void)state;
	assert_int_equal(faults_drop_partition(disk, "nothing", &err), -ENOENT);
	assert_int_equal(faults_drop_partition(disk, "root-b", &err), 0);
	assert_int_equal(faults_shrink_partition(disk, "state", &err), 0);
	assert_int_equal(blk_open(disk, false, &b, &err), 0);
	ops = blk_disk_ops(b);
	assert_int_equal(gpt_read(&ops, 512, b->size_bytes / 512, &gpt), 0);
	assert_false(gpt.from_backup);
	assert_int_equal(gpt_find_name(&gpt, "root-b", &p), GPT_E_NOT_FOUND);
	assert_int_equal(gpt_find_name(&gpt, "state", &p), 0);
	assert_int_equal(gpt_size_bytes(&gpt, &p), MIB);
	blk_free(b);
}

static void files_are_put_on_the_esp_with_their_directories(void **state)
{
	char image[96], *format[] = { "mformat", "-i", image, "-T", "2048", "-h", "1",
				      "-s",	 "1",  "::",  NULL };
	char *type[] = { "mtype", "-i", image, "::/loader/credentials/x.cred", NULL };
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct proc_options o = { .output = &out };
	struct blk *b;

	(void)state;
	assert_int_equal(blk_open(disk, false, &b, &err), 0);
	snprintf(image, sizeof(image), "%s@@%llu", disk, (unsigned long long)offset_of(b, "esp"));
	blk_free(b);
	assert_int_not_equal(esp_put(disk, dir, "/x", "y", 1, &err), 0);
	assert_int_equal(proc_run(format, NULL, &err), 0);
	for (int i = 0; i < 2; i++) {
		const char *text = i ? "second" : "the first";

		if (esp_put(disk, dir, "/loader/credentials/x.cred", text, strlen(text), &err))
			fail_msg("%s", err.text);
		buf_done(&out);
		assert_int_equal(proc_run(type, &o, &err), 0);
		assert_string_equal(out.data, text);
	}
}

static void the_state_partition_is_hit_in_its_superblock_and_wiped(void **state)
{
	struct step st = { .kind = STEP_CORRUPT, .target = TARGET_STATE, .count = 1 };

	(void)state;
	assert_int_equal(faults_corrupt(disk, &st, &err), 0);
	assert_int_equal(byte_at("state", 1024 + 112), 1); /* s_uuid is at 104 */
	st.block = 255;
	assert_int_equal(faults_corrupt(disk, &st, &err), 0);
	assert_int_equal(faults_wipe_state(disk, &err), 0);
	assert_int_equal(byte_at("state", 1024 + 112), 0);
	assert_int_equal(byte_at("state", 255 * 4096 + 1136), 0);
	assert_int_equal(byte_at("root-a", 8192), 'h');
}

/* Let slot @slot start once more, fail for @reason (NONE: not), and say @text. */
static void boot_that_failed(unsigned slot, enum bs_reason reason, const char *text)
{
	static uint8_t entry[FLIGHT_ENTRY_BYTES];
	static struct bs_disk bd;
	static struct bs bs;
	struct blk *b, *part;
	struct disk_ops ops;
	struct flight f;

	assert_int_equal(blk_open(disk, true, &b, &err), 0);
	assert_int_equal(blk_new_window(b, offset_of(b, "boot-state"), MIB, &part), 0);
	ops = blk_disk_ops(part);
	assert_int_equal(bs_load(&bd, &ops, &bs), 0);
	assert_int_equal(bs_count_start(&bs, slot), 0);
	if (reason)
		assert_int_equal(bs_mark_failed(&bs, slot, reason), 0);
	assert_int_equal(bs_store(&bd, &bs), 0);
	assert_true(flight_of_boot(&bs, bs.boots, &f));
	flight_encode(&f, text, strlen(text), entry);
	if (*text)
		assert_int_equal(blk_write(part, FLIGHT_OFFSET(f.boot), entry, sizeof(entry)), 0);
	blk_free(part);
	blk_free(b);
}

static void why_a_slot_failed_is_read_from_ring_and_recorder(void **state)
{
	const char *word;
	char *log = NULL;

	(void)state;
	assert_int_equal(slots_clone(disk, 0, &err), 0);
	assert_int_equal(look_slot_reason(disk, 1, &word, &err), 0);
	assert_string_equal(word, "none");
	assert_int_equal(look_slot_log(disk, 1, &log, &err), -ENOENT);
	assert_null(log);
	boot_that_failed(1, BS_REASON_MODULES, "first");
	boot_that_failed(1, BS_REASON_VERITY, "second");
	boot_that_failed(0, BS_REASON_STATE, "other slot");
	boot_that_failed(1, BS_REASON_NONE, "");
	assert_int_equal(look_slot_reason(disk, 1, &word, &err), 0);
	assert_string_equal(word, "verity");
	assert_int_equal(look_slot_reason(disk, 0, &word, &err), 0);
	assert_string_equal(word, "state");
	assert_int_equal(look_slot_log(disk, 1, &log, &err), 0);
	assert_string_equal(log, "second");
	free(log);
}

static void a_copy_grows_and_leaves_the_image_alone(void **state)
{
	char a[6] = "", b[6] = "";
	struct stat st;
	int fd;

	(void)state;
	assert_int_equal(image_copy(disk, other, 32 * MIB, &err), 0);
	assert_int_equal(stat(other, &st), 0);
	assert_int_equal(st.st_size, 32 * MIB);
	assert_true((uint64_t)st.st_blocks * 512 < 8 * MIB); /* holes stay holes */
	fd = open(other, O_RDONLY | O_CLOEXEC);
	assert_int_equal(io_pread_all(fd, a, 5, 512), 0);
	close(fd);
	fd = open(disk, O_RDONLY | O_CLOEXEC);
	assert_int_equal(io_pread_all(fd, b, 5, 512), 0);
	close(fd);
	assert_string_equal(a, b);
	assert_int_equal(image_copy(disk, other, 8 * MIB, &err), -EINVAL);
	assert_non_null(strstr(err.text, "a disk of 8 MiB cannot hold"));
}

static void an_overlay_is_a_qcow2_on_top_of_the_image(void **state)
{
	uint8_t h[512];
	enum image_format format;
	int fd;

	(void)state;
	assert_int_equal(image_overlay(disk, other, 64 * MIB, &err), 0);
	assert_int_equal(image_probe(other, &format, &err), 0);
	assert_int_equal(format, IMAGE_QCOW2);
	fd = open(other, O_RDONLY | O_CLOEXEC);
	assert_int_equal(io_pread_all(fd, h, sizeof(h), 0), 0);
	close(fd);
	assert_int_equal(h[28], 4); /* 64 MiB, big-endian, at byte 24 */
	assert_int_equal(h[19], strlen(disk));
	assert_memory_equal(h + h[15], disk, strlen(disk)); /* offset at byte 8, below 256 */
	assert_int_equal(image_overlay("/nonexistent", other, 0, &err), -ENOENT);
	assert_int_equal(image_overlay(dir, other, 0, &err), -EINVAL);
	assert_int_equal(image_overlay(disk, other, MIB + 1, &err), -EINVAL);
}

static void touch(const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static void firmware_brings_its_variables_or_is_refused(void **state)
{
	struct firmware f = { 0 };
	char path[128];

	(void)state;
	touch("OVMF_CODE_4M.secboot.fd");
	snprintf(path, sizeof(path), "%s/OVMF_CODE_4M.secboot.fd", dir);
	assert_int_equal(firmware_find(path, &f, &err), -ENOENT);
	assert_null(f.code);
	touch("OVMF_VARS_4M.fd");
	assert_int_equal(firmware_find(path, &f, &err), 0);
	assert_non_null(strstr(f.vars, "/OVMF_VARS_4M.fd"));
	assert_true(f.smm);
	firmware_done(&f);
	snprintf(path, sizeof(path), "%s/nothing", dir);
	assert_int_equal(firmware_find(path, &f, &err), -ENOENT);
	setenv("KILN_OVMF", path, 1);
	assert_int_equal(firmware_find(NULL, &f, &err), -ENOENT);
	assert_non_null(strstr(err.text, path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(corruption_hits_one_byte_of_the_block_named, setup),
		cmocka_unit_test_setup(either_copy_of_state_and_table_may_go, setup),
		cmocka_unit_test_setup(a_clone_is_ready_good_and_second, setup),
		cmocka_unit_test_setup(a_uki_is_read_as_long_as_the_boot_state_says, setup),
		cmocka_unit_test_setup(a_spoilt_uki_has_the_right_hash_everywhere, setup),
		cmocka_unit_test_setup(files_are_put_on_the_esp_with_their_directories, setup),
		cmocka_unit_test_setup(a_signature_is_flipped_where_it_counts, setup),
		cmocka_unit_test_setup(places_of_root_and_hash_tree_have_names, setup),
		cmocka_unit_test_setup(whole_parts_are_cut_zeroed_and_swapped, setup),
		cmocka_unit_test_setup(partitions_vanish_from_both_copies_of_the_table, setup),
		cmocka_unit_test_setup(the_state_partition_is_hit_in_its_superblock_and_wiped, setup),
		cmocka_unit_test_setup(why_a_slot_failed_is_read_from_ring_and_recorder, setup),
		cmocka_unit_test_setup(a_copy_grows_and_leaves_the_image_alone, setup),
		cmocka_unit_test_setup(an_overlay_is_a_qcow2_on_top_of_the_image, setup),
		cmocka_unit_test(firmware_brings_its_variables_or_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
