/* The example in kiln-bundle(5) is what the code reads and writes, byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "install/slotindex.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/core/bytes.h"
#include "verity/tree.h"

static struct err err;
static char *head_hex, *manifest_text, *index_hex, *foot_hex;

/* The text between the next .Bd and its .Ed; *@at moves on. */
static char *take_display(const char **at)
{
	const char *start = strstr(*at, "\n.Bd "), *end;

	assert_non_null(start);
	start = strchr(start + 1, '\n') + 1;
	end = strstr(start, ".Ed\n");
	assert_non_null(end);
	*at = end;
	return strndup(start, (size_t)(end - start));
}

/* Hex digits with blanks between; returns their number of bytes. */
static size_t unhex(const char *text, uint8_t *out, size_t room)
{
	_cleanup_buf_ struct buf digits = BUF_INIT;

	for (; *text; text++)
		if (*text != ' ' && *text != '\n')
			buf_addc(&digits, *text);
	assert_true(digits.len / 2 <= room);
	assert_true(bytes_from_hex(digits.data, digits.len, out, digits.len / 2));
	return digits.len / 2;
}

static int setup(void **state)
{
	_cleanup_free_ char *page = NULL;
	const char *at;

	(void)state;
	if (io_read_file("docs/man/kiln-bundle.5", 1 << 20, &page, NULL, &err))
		return -1;
	at = strstr(page, ".Sh EXAMPLES");
	assert_non_null(at);
	head_hex = take_display(&at);
	manifest_text = take_display(&at);
	index_hex = take_display(&at);
	foot_hex = take_display(&at);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(head_hex);
	free(manifest_text);
	free(index_hex);
	free(foot_hex);
	return 0;
}

static struct bundle_manifest manifest(void)
{
	struct bundle_manifest m;

	if (bundle_manifest_parse(manifest_text, strlen(manifest_text), &m, &err))
		fail_msg("%s", err.text);
	return m;
}

static void head_and_offsets_are_as_printed(void **state)
{
	uint8_t block[BUNDLE_BLOCK_BYTES] = { 0 }, again[BUNDLE_BLOCK_BYTES];
	struct bundle_manifest m = manifest();
	struct bundle_offsets at;
	struct bundle_head head;

	(void)state;
	assert_int_equal(unhex(head_hex, block, sizeof(block)), BUNDLE_O_UNUSED);
	assert_int_equal(bundle_head_decode(block, &head, &err), 0);
	assert_int_equal(head.signature_bytes, 1499);
	assert_int_equal(head.manifest_bytes, strlen(manifest_text));
	bundle_head_encode(&head, again);
	assert_memory_equal(block, again, sizeof(block));
	at = bundle_offsets_of(&head);
	bundle_locate(&m, &at);
	assert_int_equal(at.signature, 4096);
	assert_int_equal(at.manifest, 8192);
	assert_int_equal(at.index, 12288);
	assert_int_equal(at.data, 16384);
	assert_int_equal(at.end, 24576);
}

static void check_part(const struct bundle_manifest *m, enum bundle_part p, const void *data, size_t len)
{
	uint8_t sha256[DIGEST_BYTES];

	digest_bytes(data, len, sha256);
	assert_int_equal(m->part[p].bytes, len);
	assert_memory_equal(m->part[p].sha256, sha256, sizeof(sha256));
}

static void the_manifest_is_of_those_parts(void **state)
{
	static const uint8_t zeroes[VERITY_BLOCK_BYTES];
	struct bundle_manifest m = manifest();
	uint8_t root_hash[32], tree[VERITY_BLOCK_BYTES];
	_cleanup_close_ int root_fd = memfd_create("root", MFD_CLOEXEC);
	_cleanup_close_ int tree_fd = memfd_create("tree", MFD_CLOEXEC);

	(void)state;
	assert_string_equal(m.name, "web");
	assert_string_equal(m.version, "1.4");
	assert_string_equal(m.arch, "amd64");
	assert_int_equal(m.epoch, 7);
	assert_int_equal(m.state_min, 1);
	assert_int_equal(m.state_max, 2);
	assert_int_equal(m.tries, 3);
	check_part(&m, BUNDLE_UKI, "kernelinitrd", 12);
	check_part(&m, BUNDLE_ROOT, zeroes, sizeof(zeroes));
	check_part(&m, BUNDLE_SIG, "signed", 6);
	check_part(&m, BUNDLE_SELECTOR, "select", 6);
	assert_int_equal(io_pwrite_all(root_fd, zeroes, sizeof(zeroes), 0), 0);
	assert_int_equal(verity_tree_write(root_fd, sizeof(zeroes), m.salt, m.salt_len, m.uuid, tree_fd,
					   root_hash, NULL, &err), 0);
	assert_memory_equal(m.root_hash, root_hash, sizeof(root_hash));
	assert_int_equal(io_pread_all(tree_fd, tree, sizeof(tree), 0), 0);
	check_part(&m, BUNDLE_VERITY, tree, sizeof(tree));
}

static void the_index_is_of_those_chunks(void **state)
{
	static const uint8_t zeroes[VERITY_BLOCK_BYTES];
	static const struct {
		const void *data;
		uint32_t len;
		uint64_t part_offset, data_offset;
	} chunks[] = {
		{ "kernel", 6, 0, 0 }, { "initrd", 6, 6, 6 }, { zeroes, sizeof(zeroes), 0, 12 },
		{ "signed", 6, 0, 4108 }, { "select", 6, 0, 4114 },
	};
	_cleanup_bundle_index_ struct bundle_index idx = { .n_chunks = 0 };
	struct bundle_manifest m = manifest();
	uint8_t bytes[200];

	(void)state;
	assert_int_equal(unhex(index_hex, bytes, sizeof(bytes)), m.index.bytes);
	if (bundle_index_decode(bytes, &m, &idx, &err))
		fail_msg("%s", err.text);
	assert_int_equal(idx.n_chunks, ARRAY_SIZE(chunks));
	for (size_t i = 0; i < ARRAY_SIZE(chunks); i++) {
		uint8_t hash[BUNDLE_HASH_BYTES];

		bundle_hash(chunks[i].data, chunks[i].len, hash);
		assert_memory_equal(idx.chunks[i].hash, hash, sizeof(hash));
		assert_int_equal(idx.chunks[i].length, chunks[i].len);
		assert_int_equal(idx.chunks[i].part_offset, chunks[i].part_offset);
		assert_int_equal(idx.chunks[i].data_offset, chunks[i].data_offset);
	}
}

static void the_slot_index_is_as_printed(void **state)
{
	static const uint64_t part_bytes[BUNDLE_IN_SLOT] = { 12, 4096, 6 };
	uint8_t entries[200], out[8192], want[200];
	size_t n;

	(void)state;
	unhex(index_hex, entries, sizeof(entries));
	n = unhex(foot_hex, want, sizeof(want));
	assert_int_equal(n, SLOTINDEX_O_UNUSED + 32);
	assert_int_equal(slotindex_place(1 << 20, 12, 4), 1036288);
	assert_int_equal(slotindex_bytes(4), sizeof(out));
	slotindex_encode(entries, 4, part_bytes, out);
	assert_memory_equal(out, entries, 80);
	assert_memory_equal(out + 4096, want, SLOTINDEX_O_UNUSED);
	assert_memory_equal(out + 4096 + SLOTINDEX_O_SEAL, want + SLOTINDEX_O_UNUSED, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(head_and_offsets_are_as_printed),
		cmocka_unit_test(the_manifest_is_of_those_parts),
		cmocka_unit_test(the_index_is_of_those_chunks),
		cmocka_unit_test(the_slot_index_is_as_printed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
