/* The slot index: found from the end, never believed, never out of bounds. */
#include "install/slotindex.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/blk.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/core/bytes.h"

#define PARTITION (256u * 1024)
#define N 5u

static const uint64_t part_bytes[BUNDLE_IN_SLOT] = { 1000, 600, 50 };
static const struct {
	uint32_t length;
	uint8_t content;
} cuts[N] = { { 700, 9 }, { 300, 3 }, { 300, 3 }, { 300, 1 }, { 50, 5 } };

static uint8_t entries[N * BUNDLE_ENTRY_BYTES], bytes[2 * 4096];
#define FOOT (bytes + 4096)

static int setup(void **state)
{
	(void)state;
	for (unsigned i = 0; i < N; i++) {
		uint8_t hash[BUNDLE_HASH_BYTES];

		memset(hash, cuts[i].content, sizeof(hash));
		bundle_entry_encode(cuts[i].length, hash, entries + i * BUNDLE_ENTRY_BYTES);
	}
	slotindex_encode(entries, N, part_bytes, bytes);
	return 0;
}

static void reseal(void)
{
	digest_bytes(FOOT, SLOTINDEX_O_SEAL, FOOT + SLOTINDEX_O_SEAL);
}

static void it_lies_between_the_uki_and_the_descriptor(void **state)
{
	uint64_t most = 4096 * 20 * 2;

	(void)state;
	assert_int_equal(slotindex_bytes(N), sizeof(bytes));
	assert_int_equal(slotindex_place(PARTITION, 1000, N), PARTITION - 3 * 4096);
	assert_int_equal(slotindex_place(PARTITION, PARTITION - 3 * 4096, N), PARTITION - 3 * 4096);
	assert_int_equal(slotindex_place(PARTITION, PARTITION - 3 * 4096 + 1, N), 0);
	assert_int_equal(slotindex_place(3 * 4096, 1, N), 0);
	assert_int_equal(slotindex_place(2 * 4096, 1, N), 0);
	assert_int_equal(slotindex_place(PARTITION + 1, 1000, N), 0);
	assert_int_equal(slotindex_place(PARTITION, UINT64_MAX, N), 0);
	assert_int_equal(slotindex_place(PARTITION, 1000, 0), 0);
	assert_int_equal(slotindex_place(UINT64_C(1) << 40, 1000, BUNDLE_CHUNKS_MAX + 1), 0);
	assert_int_equal(slotindex_place(1 << 20, 1, 4096 * 2), (1 << 20) - 8192 - most);
}

static void a_chunk_is_found_by_hash_and_length(void **state)
{
	_cleanup_slotindex_ struct slotindex idx = { .n_chunks = 0 };
	uint8_t hash[BUNDLE_HASH_BYTES];
	const struct slotindex_chunk *c;

	(void)state;
	assert_int_equal(slotindex_decode(FOOT, bytes, &idx), 0);
	assert_int_equal(idx.n_chunks, N);
	assert_memory_equal(idx.part_bytes, part_bytes, sizeof(part_bytes));
	for (unsigned i = 0; i < N; i++) {
		memset(hash, cuts[i].content, sizeof(hash));
		c = slotindex_find(&idx, hash, cuts[i].length);
		assert_non_null(c);
		assert_int_equal(c->length, cuts[i].length);
		assert_memory_equal(c->hash, hash, sizeof(hash));
		assert_null(slotindex_find(&idx, hash, cuts[i].length - 1));
		assert_null(slotindex_find(&idx, hash, cuts[i].length + 1));
	}
	memset(hash, 3, sizeof(hash));
	c = slotindex_find(&idx, hash, 300);
	assert_int_equal(c->part, BUNDLE_UKI);
	assert_int_equal(c->part_offset, 700);
	memset(hash, 1, sizeof(hash));
	c = slotindex_find(&idx, hash, 300);
	assert_int_equal(c->part, BUNDLE_ROOT);
	assert_int_equal(c->part_offset, 300);
	for (unsigned content = 0; content < 256; content++) {
		memset(hash, (int)content, sizeof(hash));
		hash[15] ^= 1;
		assert_null(slotindex_find(&idx, hash, 300));
	}
}

static void every_flipped_bit_is_refused(void **state)
{
	struct slotindex idx = { .n_chunks = 99 };

	(void)state;
	for (unsigned bit = 0; bit < sizeof(bytes) * 8; bit++) {
		/* Padding between entries and foot holds nothing. */
		if (bit >= sizeof(entries) * 8 && bit < 4096 * 8)
			continue;
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(slotindex_decode(FOOT, bytes, &idx), -EBADMSG);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(idx.n_chunks, 99);
}

static void sealed_nonsense_is_refused(void **state)
{
	static const struct {
		unsigned at;
		uint32_t value;
	} cases[] = {
		{ SLOTINDEX_O_FORMAT, 2 },
		{ SLOTINDEX_O_CHUNKS, 0 },
		{ SLOTINDEX_O_CHUNKS, N - 1 },
		{ SLOTINDEX_O_CHUNKS, BUNDLE_CHUNKS_MAX + 1 },
		{ SLOTINDEX_O_CHUNKS, UINT32_MAX },
		{ SLOTINDEX_O_UKI_BYTES, 1001 },
		{ SLOTINDEX_O_UKI_BYTES, 0 },
		{ SLOTINDEX_O_ROOT_BYTES, 599 },
		{ SLOTINDEX_O_SIG_BYTES, 51 },
		{ SLOTINDEX_O_SIG_BYTES, 0 },
		{ SLOTINDEX_O_UNUSED, 1 },
		{ SLOTINDEX_O_SEAL - 4, 1 },
	};
	struct slotindex idx = { .n_chunks = 99 };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		setup(state);
		le32_store(FOOT + cases[i].at, cases[i].value);
		reseal();
		assert_int_equal(slotindex_decode(FOOT, bytes, &idx), -EBADMSG);
	}
	static const uint32_t lengths[] = { 0, BUNDLE_CHUNK_MAX + 1, 701, 699, UINT32_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		setup(state);
		le32_store(bytes, lengths[i]);
		digest_bytes(bytes, sizeof(entries), FOOT + SLOTINDEX_O_ENTRIES_SHA256);
		reseal();
		assert_int_equal(slotindex_decode(FOOT, bytes, &idx), -EBADMSG);
	}
	assert_int_equal(idx.n_chunks, 99);
	setup(state);
}

static void it_is_read_from_a_boot_partition(void **state)
{
	_cleanup_slotindex_ struct slotindex idx = { .n_chunks = 0 };
	_cleanup_blk_ struct blk *boot = NULL, *small = NULL;
	uint8_t *disk;

	(void)state;
	assert_int_equal(blk_new_memory(PARTITION, &boot), 0);
	assert_int_equal(blk_new_memory(4096, &small), 0);
	assert_int_equal(slotindex_read(boot, &idx), -ENOENT);
	assert_int_equal(slotindex_read(small, &idx), -ENOENT);
	disk = blk_memory(boot);
	memcpy(disk + slotindex_place(PARTITION, 1000, N), bytes, sizeof(bytes));
	assert_int_equal(slotindex_read(boot, &idx), 0);
	assert_int_equal(idx.n_chunks, N);
	slotindex_done(&idx);
	disk[PARTITION - 3 * 4096] ^= 1; /* an entry */
	assert_int_equal(slotindex_read(boot, &idx), -ENOENT);
	disk[PARTITION - 3 * 4096] ^= 1;
	/* A foot that says that its UKI reaches into the index. */
	le64_store(FOOT + SLOTINDEX_O_UKI_BYTES, PARTITION - 4096);
	reseal();
	memcpy(disk + PARTITION - 2 * 4096, FOOT, 4096);
	assert_int_equal(slotindex_read(boot, &idx), -ENOENT);
	assert_null(idx.chunks);
	setup(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_lies_between_the_uki_and_the_descriptor),
		cmocka_unit_test(a_chunk_is_found_by_hash_and_length),
		cmocka_unit_test(every_flipped_bit_is_refused),
		cmocka_unit_test(sealed_nonsense_is_refused),
		cmocka_unit_test(it_is_read_from_a_boot_partition),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
