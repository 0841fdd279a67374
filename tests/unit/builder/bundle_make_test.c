/* A bundle of a small image: the same bytes twice, and no bit of it can change unseen. */
#include "builder/bundle/make.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "builder/bundle/read.h"
#include "builder/disk/disk.h"
#include "builder/squash/squash.h"
#include "builder/verify.h"
#include "install/slotindex.h"
#include "lib/base/atomic_file.h"
#include "lib/base/blk.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"
#include "lib/base/proc.h"
#include "lib/core/bootstate.h"
#include "tests/unit/builder/uki_fixture.h"
#include "uki/uki.h"
#include "verity/keygen.h"
#include "verity/sigfile.h"
#include "verity/tree.h"

#define MIB (1ull << 20)

static char dir[] = "/tmp/kiln-bundle-XXXXXX";
static char *key, *cert, *paths[BUNDLE_PARTS], *bundle;
static struct bundle_manifest manifest = {
	.name = "web", .version = "1.0", .arch = "amd64", .epoch = 1700000000, .state_min = 1,
	.state_max = 2, .salt_len = 1, .salt = { 7 }, .tries = 3,
};
static struct made_bundle made;
static struct err err;

static char *in_dir(const char *name)
{
	char *path = path_join(dir, name);

	assert_non_null(path);
	return path;
}

static void put(const char *path, const void *data, size_t len)
{
	assert_int_equal(atomic_file_write(path, data, len, 0644, NULL), 0);
}

static void make_root(void)
{
	_cleanup_free_ char *tree = in_dir("tree"), *file = in_dir("tree/file");
	_cleanup_free_ uint8_t *data = calloc(1, MIB);
	struct squash_options o = { .tree = tree, .output = paths[BUNDLE_ROOT], .epoch_s = 1700000000 };
	_cleanup_close_ int root = -1, hash = -1;
	uint64_t bytes;
	uint32_t x = 1;

	assert_int_equal(path_mkdirs(tree), 0);
	/* The second half is the first once more: equal blocks, which squashfs keeps once. */
	for (size_t i = 0; i < MIB / 2; i++)
		data[i] = data[i + MIB / 2] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
	put(file, data, MIB);
	assert_int_equal(squash_pack(&o, &bytes, &err), 0);
	root = open(paths[BUNDLE_ROOT], O_RDONLY | O_CLOEXEC);
	hash = open(paths[BUNDLE_VERITY], O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(verity_tree_write(root, bytes, manifest.salt, 1, manifest.uuid, hash,
					   manifest.root_hash, NULL, &err), 0);
}

static void make_signature(void)
{
	struct keygen_request req = { .use = KEYGEN_CODE_SIGN, .common_name = "t", .rsa_bits = 2048 };
	_cleanup_free_ uint8_t *der = NULL;
	static uint8_t padded[SIGFILE_BYTES];
	static struct sigfile sig;
	char hex[65];

	assert_int_equal(keygen_make(&req, &key, &cert, &err), 0);
	digest_hex(manifest.root_hash, 32, hex);
	assert_int_equal(cms_sign(cert, key, hex, 64, &der, &sig.der_len, &err), 0);
	memcpy(sig.root, manifest.root_hash, 32);
	memcpy(sig.der, der, sig.der_len);
	assert_int_equal(sigfile_write(&sig, padded, &err), 0);
	put(paths[BUNDLE_SIG], padded, sizeof(padded));
}

static void make_uki(const char *version)
{
	struct verity_params v = { .hash_start_block = 1, .salt_bytes = 1, .salt = { 7 } };
	struct uki_cmdline c = { .image = "web", .version = version, .verity = &v };
	_cleanup_free_ char *kernel = in_dir("kernel"), *line = NULL;
	_cleanup_close_ int root = open(paths[BUNDLE_ROOT], O_RDONLY | O_CLOEXEC);
	_cleanup_buf_ struct buf out = BUF_INIT;
	uint8_t pe[FIXTURE_PE_BYTES];
	uint64_t bytes;

	assert_int_equal(io_size(root, &bytes), 0);
	v.data_blocks = bytes / VERITY_BLOCK_BYTES;
	memcpy(v.root_hash, manifest.root_hash, 32);
	fixture_pe(pe);
	put(paths[BUNDLE_SELECTOR], pe, sizeof(pe));
	fixture_kernel(pe, "6.1");
	put(kernel, pe, sizeof(pe));
	assert_int_equal(uki_cmdline_build(&c, &line, &err), 0);

	struct uki_options o = { .stub = paths[BUNDLE_SELECTOR], .kernel = kernel, .release = "6.1",
				 .os_release = "ID=x\n", .cmdline = line, .initrd = "i", .initrd_len = 1 };

	assert_int_equal(uki_build(&o, &out, &err), 0);
	put(paths[BUNDLE_UKI], out.data, out.len);
}

static int sign(void *arg, const void *content, size_t len, uint8_t **ret_der, size_t *ret_der_len,
		struct err *e)
{
	(void)arg;
	return cms_sign(cert, key, content, len, ret_der, ret_der_len, e);
}

static void make(const char *output)
{
	struct make_options o = { .manifest = manifest, .output = output, .sign = sign };

	memcpy(o.part, paths, sizeof(paths));
	made_bundle_done(&made);
	if (bundle_make(&o, &made, &err))
		fail_msg("%s", err.text);
}

static int setup(void **state)
{
	(void)state;
	if (!proc_exists("mksquashfs")) {
		print_message("SKIP: mksquashfs is needed\n");
		exit(77);
	}
	assert_non_null(mkdtemp(dir));
	for (unsigned p = 0; p < BUNDLE_PARTS; p++)
		paths[p] = in_dir(bundle_part_name(p));
	bundle = in_dir("web.kiln");
	make_root();
	make_signature();
	make_uki("1.0");
	make(bundle);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	key = keygen_wipe(key);
	free(cert);
	free(bundle);
	for (unsigned p = 0; p < BUNDLE_PARTS; p++)
		free(paths[p]);
	made_bundle_done(&made);
	return path_remove_tree(dir);
}

static int verify(const char *path)
{
	struct verify_trust trust = { .pem = cert, .len = strlen(cert) };
	_cleanup_buf_ struct buf report = BUF_INIT;

	err_init(&err);
	return verify_bundle(path, &trust, &report, &err);
}

static void the_same_parts_give_the_same_bytes(void **state)
{
	_cleanup_free_ char *other = in_dir("again.kiln"), *a = NULL, *b = NULL;
	size_t a_len, b_len;

	(void)state;
	make(other);
	assert_int_equal(io_read_file(bundle, 16 * MIB, &a, &a_len, &err), 0);
	assert_int_equal(io_read_file(other, 16 * MIB, &b, &b_len, &err), 0);
	assert_int_equal(a_len, b_len);
	assert_int_equal(a_len, made.file_bytes);
	assert_memory_equal(a, b, a_len);
}

static void it_is_accepted_and_gives_the_parts_back(void **state)
{
	_cleanup_bundle_file_ struct bundle_file f = BUNDLE_FILE_INIT;

	(void)state;
	if (verify(bundle))
		fail_msg("%s", err.text);
	assert_int_equal(bundle_file_open(bundle, cert, strlen(cert), &f, &err), 0);
	for (unsigned p = 0; p < BUNDLE_CARRIED; p++) {
		_cleanup_free_ char *out = in_dir("out"), *a = NULL, *b = NULL;
		_cleanup_close_ int fd = open(out, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		size_t a_len, b_len;

		assert_int_equal(bundle_file_extract(&f, p, fd, &err), 0);
		assert_int_equal(io_read_file(out, 16 * MIB, &a, &a_len, &err), 0);
		assert_int_equal(io_read_file(paths[p], 16 * MIB, &b, &b_len, &err), 0);
		assert_int_equal(a_len, b_len);
		assert_memory_equal(a, b, a_len);
	}
}

/* Every byte up to the data, then some of every larger chunk. */
static void no_byte_can_change_unseen(void **state)
{
	_cleanup_bundle_file_ struct bundle_file f = BUNDLE_FILE_INIT;
	_cleanup_close_ int fd = open(bundle, O_RDWR | O_CLOEXEC);
	uint64_t tried = 0;

	(void)state;
	assert_int_equal(bundle_file_open(bundle, NULL, 0, &f, &err), 0);
	for (uint64_t at = 0; at < f.at.end; at += at < f.at.manifest ? 1 : at < f.at.data ? 5 : 3571) {
		uint8_t byte, other;

		assert_int_equal(io_pread_all(fd, &byte, 1, at), 0);
		other = byte ^ (uint8_t)(1 << at % 8);
		assert_int_equal(io_pwrite_all(fd, &other, 1, at), 0);
		if (verify(bundle) != VERIFY_REFUSED)
			fail_msg("byte %llu: %s", (unsigned long long)at, err.text);
		assert_true(err.text[0]);
		assert_int_equal(io_pwrite_all(fd, &byte, 1, at), 0);
		tried++;
	}
	assert_true(tried > f.at.manifest);
	assert_int_equal(verify(bundle), 0);
}

static void no_byte_can_be_missing_or_added(void **state)
{
	_cleanup_free_ char *other = in_dir("cut.kiln"), *data = NULL;
	size_t len;

	(void)state;
	assert_int_equal(io_read_file(bundle, 16 * MIB, &data, &len, &err), 0);
	for (size_t n = 0; n < len; n += n < 20000 ? 500 : 50000) {
		put(other, data, n);
		assert_int_equal(verify(other), VERIFY_REFUSED);
	}
	put(other, data, len - 1);
	assert_int_equal(verify(other), VERIFY_REFUSED);
	put(other, data, len + 1); /* the NUL that io_read_file() puts there */
	assert_int_equal(verify(other), VERIFY_REFUSED);
}

static void a_stranger_is_not_believed(void **state)
{
	struct keygen_request req = { .use = KEYGEN_CODE_SIGN, .common_name = "t", .rsa_bits = 2048 };
	_cleanup_free_ char *other_key = NULL, *other_cert = NULL;
	_cleanup_buf_ struct buf report = BUF_INIT;
	struct verify_trust trust;

	(void)state;
	assert_int_equal(keygen_make(&req, &other_key, &other_cert, &err), 0);
	trust = (struct verify_trust){ .pem = other_cert, .len = strlen(other_cert) };
	assert_int_equal(verify_bundle(bundle, &trust, &report, &err), VERIFY_REFUSED);
	assert_non_null(strstr(err.text, "the bundle's signature"));
	assert_int_equal(report.len, 0);
}

/* All signed, but the parts do not belong together. */
static void signed_contradictions_are_refused(void **state)
{
	_cleanup_free_ char *other = in_dir("other.kiln");
	struct bundle_manifest was = manifest;

	(void)state;
	strcpy(manifest.version, "1.1");
	make(other);
	assert_int_equal(verify(other), VERIFY_REFUSED);
	assert_non_null(strstr(err.text, "the UKI is not of web 1.1"));
	manifest = was;
	manifest.root_hash[0] ^= 1;
	make(other);
	assert_int_equal(verify(other), VERIFY_REFUSED);
	assert_non_null(strstr(err.text, "another root hash"));
	manifest = was;
	manifest.uuid[0] ^= 1;
	make(other);
	assert_int_equal(verify(other), VERIFY_REFUSED);
	assert_non_null(strstr(err.text, "the hash tree is not the signed one"));
	manifest = was;
}

static void an_update_fetches_what_changed(void **state)
{
	_cleanup_bundle_file_ struct bundle_file a = BUNDLE_FILE_INIT, b = BUNDLE_FILE_INIT;
	_cleanup_free_ char *other = in_dir("next.kiln");
	struct bundle_manifest was = manifest;
	struct bundle_delta d;

	(void)state;
	assert_int_equal(bundle_file_open(bundle, cert, strlen(cert), &a, &err), 0);
	assert_int_equal(bundle_delta(&a, &a, &d), 0);
	assert_int_equal(d.fetched_bytes, a.at.data);
	assert_int_equal(d.reused_bytes, a.manifest.data_bytes);
	strcpy(manifest.version, "1.1");
	make_uki("1.1");
	make(other);
	manifest = was;
	make_uki("1.0");
	assert_int_equal(bundle_file_open(other, cert, strlen(cert), &b, &err), 0);
	assert_int_equal(bundle_delta(&a, &b, &d), 0);
	assert_int_equal(d.part_bytes[BUNDLE_ROOT], 0);
	assert_int_equal(d.part_bytes[BUNDLE_SELECTOR], 0);
	assert_in_range(d.part_bytes[BUNDLE_UKI], 1, 4096);
	assert_int_equal(d.fetched_bytes, b.at.data + d.part_bytes[BUNDLE_UKI]);
	assert_int_equal(d.fetched_bytes + d.reused_bytes, b.at.data + b.manifest.data_bytes);
}

static void a_fresh_disk_knows_what_slot_a_holds(void **state)
{
	_cleanup_free_ char *disk = in_dir("disk.raw"), *again = in_dir("x.kiln");
	_cleanup_slotindex_ struct slotindex idx = { .n_chunks = 0 };
	_cleanup_blk_ struct blk *whole = NULL;
	struct blk *window[BUNDLE_IN_SLOT] = { NULL };
	static const char *const names[BUNDLE_IN_SLOT] = { "boot-a", "root-a", "sig-a" };
	struct disk_layout l;

	(void)state;
	make(again);

	struct disk_options o = { .name = "web", .version = "1.0", .selector = paths[BUNDLE_SELECTOR],
				  .uki = paths[BUNDLE_UKI], .root = paths[BUNDLE_ROOT],
				  .verity = paths[BUNDLE_VERITY], .verity_sig = paths[BUNDLE_SIG],
				  .root_slot_bytes = 3 * MIB, .boot_slot_bytes = 2 * MIB,
				  .state_bytes = 5 * MIB, .tries = 3, .epoch_s = 1700000000,
				  .slot_entries = made.entries, .n_slot_entries = made.n_slot_chunks,
				  .output = disk };

	memcpy(o.root_hash, manifest.root_hash, 32);
	if (disk_build(&o, &err) || disk_plan(&o, &l, &err) || blk_open(disk, false, &whole, &err))
		fail_msg("%s", err.text);
	for (unsigned p = 0; p < BUNDLE_IN_SLOT; p++)
		for (unsigned i = 0; i < DISK_N_PARTS; i++)
			if (strcmp(l.part[i].name, names[p]) == 0)
				assert_int_equal(blk_new_window(whole, l.part[i].offset_bytes,
								l.part[i].size_bytes, &window[p]), 0);
	assert_int_equal(slotindex_read(window[BUNDLE_UKI], &idx), 0);
	assert_int_equal(idx.n_chunks, made.n_slot_chunks);
	for (uint32_t i = 0; i < idx.n_chunks; i++) {
		const struct slotindex_chunk *c = &idx.chunks[i];
		_cleanup_free_ uint8_t *bytes = malloc(c->length);
		uint8_t hash[BUNDLE_HASH_BYTES];

		assert_int_equal(blk_read(window[c->part], c->part_offset, bytes, c->length), 0);
		bundle_hash(bytes, c->length, hash);
		assert_memory_equal(hash, c->hash, sizeof(hash));
	}
	for (unsigned p = 0; p < BUNDLE_IN_SLOT; p++)
		window[p] = blk_free(window[p]);
}

static void what_is_no_image_is_refused(void **state)
{
	_cleanup_free_ char *junk = in_dir("junk"), *other = in_dir("bad.kiln");
	static const enum bundle_part parts[] = { BUNDLE_UKI, BUNDLE_ROOT, BUNDLE_SELECTOR };

	(void)state;
	put(junk, "no such thing", 13);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		struct make_options o = { .manifest = manifest, .output = other, .sign = sign };
		struct made_bundle m = { .n_chunks = 99 };

		memcpy(o.part, paths, sizeof(paths));
		o.part[parts[i]] = junk;
		assert_int_equal(bundle_make(&o, &m, &err), -EBADMSG);
		assert_non_null(strstr(err.text, junk));
		assert_int_equal(m.n_chunks, 99);
		assert_int_equal(access(other, F_OK), -1);
	}
}

static void a_selector_is_as_large_as_its_place_in_the_boot_state(void **state)
{
	_cleanup_free_ char *large = in_dir("large"), *other = in_dir("large.kiln"), *want = NULL;
	struct make_options o = { .manifest = manifest, .output = other, .sign = sign };
	static uint8_t bytes[BS_SELECTOR_MAX_BYTES + 1];
	struct made_bundle m = { .n_chunks = 0 };

	(void)state;
	memcpy(o.part, paths, sizeof(paths));
	o.part[BUNDLE_SELECTOR] = large;
	fixture_pe(bytes);
	put(large, bytes, sizeof(bytes));
	assert_int_equal(bundle_make(&o, &m, &err), -EFBIG);
	want = str_printf("the selector %s has 196609 bytes, and a machine keeps one of at most 196608", large);
	assert_string_equal(err.text, want);
	assert_int_equal(access(other, F_OK), -1);
	put(large, bytes, sizeof(bytes) - 1);
	assert_int_equal(bundle_make(&o, &m, &err), 0);
	made_bundle_done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_parts_give_the_same_bytes),
		cmocka_unit_test(it_is_accepted_and_gives_the_parts_back),
		cmocka_unit_test(no_byte_can_change_unseen),
		cmocka_unit_test(no_byte_can_be_missing_or_added),
		cmocka_unit_test(a_stranger_is_not_believed),
		cmocka_unit_test(signed_contradictions_are_refused),
		cmocka_unit_test(an_update_fetches_what_changed),
		cmocka_unit_test(a_fresh_disk_knows_what_slot_a_holds),
		cmocka_unit_test(what_is_no_image_is_refused),
		cmocka_unit_test(a_selector_is_as_large_as_its_place_in_the_boot_state),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
