/* kiln verify on a disk: a good one passes, and every kind of change is named. */
#include "builder/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "builder/disk/disk.h"
#include "uki/uki.h"
#include "lib/base/atomic_file.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"
#include "lib/core/bootstate.h"
#include "tests/unit/builder/uki_fixture.h"
#include "verity/keygen.h"
#include "verity/sigfile.h"
#include "verity/tree.h"

#define MIB (1ull << 20)
#define ROOT_BLOCKS 300

static char dir[] = "/tmp/kiln-verify-XXXXXX";
static char *key, *cert, *disk;
static uint8_t root_hash[32];
static struct err err;

static char *in_dir(const char *name)
{
	char *path = path_join(dir, name);

	assert_non_null(path);
	return path;
}

static void put(const char *name, const void *data, size_t len)
{
	_cleanup_free_ char *path = in_dir(name);

	assert_int_equal(atomic_file_write(path, data, len, 0644, NULL), 0);
}

static void make_root(void)
{
	static uint8_t data[ROOT_BLOCKS * VERITY_BLOCK_BYTES];
	static const uint8_t salt[1] = { 7 }, uuid[16];
	_cleanup_free_ char *root = in_dir("root"), *tree = in_dir("tree");
	_cleanup_close_ int data_fd = -1, tree_fd = -1;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 31 >> 7);
	memcpy(data, "hsqs", 4);
	put("root", data, sizeof(data));
	data_fd = open(root, O_RDONLY | O_CLOEXEC);
	tree_fd = open(tree, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(verity_tree_write(data_fd, sizeof(data), salt, 1, uuid, tree_fd, root_hash,
					   NULL, &err), 0);
}

static void make_signature(void)
{
	struct keygen_request req = { .use = KEYGEN_CODE_SIGN, .common_name = "t", .rsa_bits = 2048 };
	_cleanup_free_ uint8_t *der = NULL;
	static uint8_t padded[SIGFILE_BYTES];
	static struct sigfile sig;
	char hex[65];

	assert_int_equal(keygen_make(&req, &key, &cert, &err), 0);
	digest_hex(root_hash, 32, hex);
	assert_int_equal(cms_sign(cert, key, hex, 64, &der, &sig.der_len, &err), 0);
	memcpy(sig.root, root_hash, 32);
	memcpy(sig.der, der, sig.der_len);
	assert_int_equal(sigfile_write(&sig, padded, &err), 0);
	put("sig", padded, sizeof(padded));
}

static void make_uki(void)
{
	struct verity_params v = { .data_blocks = ROOT_BLOCKS, .hash_start_block = 1,
				   .salt_bytes = 1, .salt = { 7 } };
	struct uki_cmdline c = { .image = "web", .version = "1.0", .verity = &v };
	_cleanup_free_ char *selector = in_dir("selector"), *kernel = in_dir("kernel"), *line = NULL;
	_cleanup_buf_ struct buf out = BUF_INIT;
	uint8_t pe[FIXTURE_PE_BYTES];

	fixture_pe(pe);
	put("selector", pe, sizeof(pe));
	fixture_kernel(pe, "6.1");
	put("kernel", pe, sizeof(pe));
	memcpy(v.root_hash, root_hash, 32);
	assert_int_equal(uki_cmdline_build(&c, &line, &err), 0);

	struct uki_options o = { .stub = selector, .kernel = kernel, .release = "6.1",
				 .os_release = "ID=x\n", .cmdline = line, .initrd = "i",
				 .initrd_len = 1 };

	assert_int_equal(uki_build(&o, &out, &err), 0);
	put("uki", out.data, out.len);
}

static int setup(void **state)
{
	_cleanup_free_ char *selector = NULL, *uki = NULL, *root = NULL, *tree = NULL, *sig = NULL;

	(void)state;
	assert_non_null(mkdtemp(dir));
	make_root();
	make_signature();
	make_uki();
	selector = in_dir("selector");
	uki = in_dir("uki");
	root = in_dir("root");
	tree = in_dir("tree");
	sig = in_dir("sig");
	disk = in_dir("disk.raw");

	struct disk_options o = { .name = "web", .version = "1.0", .selector = selector, .uki = uki,
				  .root = root, .verity = tree, .verity_sig = sig,
				  .root_slot_bytes = 3 * MIB, .boot_slot_bytes = 2 * MIB,
				  .state_bytes = 5 * MIB, .tries = 3, .epoch_s = 1700000000,
				  .output = disk };

	memcpy(o.root_hash, root_hash, 32);
	if (disk_build(&o, &err))
		fail_msg("%s", err.text);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	key = keygen_wipe(key);
	free(cert);
	free(disk);
	return path_remove_tree(dir);
}

static int verify(const char *pem)
{
	struct verify_trust trust = { .pem = pem, .len = strlen(pem) };
	_cleanup_buf_ struct buf report = BUF_INIT;

	err_init(&err);
	return verify_disk(disk, &trust, &report, &err);
}

static uint64_t offset_of(const char *name)
{
	struct disk_options o = { .root_slot_bytes = 3 * MIB, .boot_slot_bytes = 2 * MIB,
				  .state_bytes = 5 * MIB };
	struct disk_layout l;

	assert_int_equal(disk_plan(&o, &l, &err), 0);
	for (unsigned i = 0; i < DISK_N_PARTS; i++)
		if (strcmp(l.part[i].name, name) == 0)
			return l.part[i].offset_bytes;
	return strcmp(name, "end") == 0 ? l.disk_bytes : 0;
}

static void flip(uint64_t at)
{
	_cleanup_close_ int fd = open(disk, O_RDWR | O_CLOEXEC);
	uint8_t byte;

	assert_int_equal(io_pread_all(fd, &byte, 1, at), 0);
	byte ^= 1;
	assert_int_equal(io_pwrite_all(fd, &byte, 1, at), 0);
}

static void a_disk_as_built_is_accepted(void **state)
{
	(void)state;
	if (verify(cert))
		fail_msg("%s", err.text);
}

static void another_certificate_refuses_it(void **state)
{
	struct keygen_request req = { .use = KEYGEN_CODE_SIGN, .common_name = "t", .rsa_bits = 2048 };
	char *other_key, *other_cert;

	(void)state;
	assert_int_equal(keygen_make(&req, &other_key, &other_cert, &err), 0);
	assert_int_equal(verify(other_cert), VERIFY_REFUSED);
	assert_non_null(strstr(err.text, "slot a: the signer is not trusted"));
	keygen_wipe(other_key);
	free(other_cert);
}

static void each_flipped_byte_is_named(void **state)
{
	char hex[65];

	digest_hex(root_hash, 32, hex);
	const struct {
		uint64_t at;
		const char *why;
	} cases[] = {
		{ 512 + 60, "the primary partition table" },
		{ offset_of("end") - 512 + 60, "the backup partition table" },
		{ offset_of("boot-a") + 0x410, "slot a: the UKI's hash is not the descriptor's" },
		{ offset_of("boot-a") + 2 * MIB - 4096 + 170, "slot a: no valid slot descriptor" },
		{ offset_of("root-a"), "slot a: data block 0 of 300 is corrupt" },
		{ offset_of("root-a") + 299 * 4096 + 4095, "slot a: data block 299 of 300 is corrupt" },
		{ offset_of("verity-a") + 4096, "slot a: hash block 1" },
		{ offset_of("verity-a") + 2 * 4096, "slot a: hash block 2 (level 0) is corrupt" },
		/* a digit of the root hash that another digit takes the place of */
		{ offset_of("sig-a") + strlen("{\"rootHash\":\"") + strcspn(hex, "0123456789"),
		  "slot a: the signature is for another root hash" },
		{ offset_of("sig-a") + 16000, "slot a: signature file, byte" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		flip(cases[i].at);
		if (verify(cert) != VERIFY_REFUSED || !strstr(err.text, cases[i].why))
			fail_msg("case %zu: '%s' does not say '%s'", i, err.text, cases[i].why);
		flip(cases[i].at);
	}
	assert_int_equal(verify(cert), 0);
}

static void a_torn_copy_of_the_boot_state_is_survived_but_not_both(void **state)
{
	uint64_t a = offset_of("boot-state"), b = a + BS_COPY_STRIDE_BYTES;

	(void)state;
	flip(a + 100);
	assert_int_equal(verify(cert), 0);
	flip(b + 100);
	assert_int_equal(verify(cert), VERIFY_REFUSED);
	assert_non_null(strstr(err.text, "the boot state"));
	flip(a + 100);
	flip(b + 100);
}

static void the_unread_superblock_does_not_matter(void **state)
{
	(void)state;
	flip(offset_of("verity-a") + 72);
	assert_int_equal(verify(cert), 0);
	flip(offset_of("verity-a") + 72);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_disk_as_built_is_accepted),
		cmocka_unit_test(another_certificate_refuses_it),
		cmocka_unit_test(each_flipped_byte_is_named),
		cmocka_unit_test(a_torn_copy_of_the_boot_state_is_survived_but_not_both),
		cmocka_unit_test(the_unread_superblock_does_not_matter),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
