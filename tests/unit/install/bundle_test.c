/* Bundles: what is written is read back, and nothing else is taken. */
#include "install/bundle.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/core/bootstate.h"
#include "lib/core/bytes.h"
#include "verity/keygen.h"

static struct err err;

/* Chunks by the number of their content; equal numbers are equal bytes. */
struct cut {
	uint32_t length;
	uint8_t content;
};

/* 10000 bytes of UKI, 12288 of root, 16384 of signature, 5000 of selector. */
static const struct cut cuts[] = {
	{ 4000, 1 }, { 6000, 2 }, /* uki */
	{ 4096, 3 }, { 4000, 1 }, { 4096, 3 }, { 96, 4 }, /* root */
	{ 16384, 5 }, /* sig */
	{ 4000, 1 }, { 1000, 6 }, /* selector */
};
#define N_CUTS ARRAY_SIZE(cuts)

static uint8_t entries[N_CUTS * BUNDLE_ENTRY_BYTES];

static void encode_cuts(const struct cut *list, size_t n, uint8_t *out)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t hash[BUNDLE_HASH_BYTES];

		memset(hash, list[i].content, sizeof(hash));
		bundle_entry_encode(list[i].length, hash, out + i * BUNDLE_ENTRY_BYTES);
	}
}

static struct bundle_manifest sample(void)
{
	struct bundle_manifest m = {
		.name = "demo", .version = "1.4.0~rc1", .arch = "amd64", .epoch = 7,
		.state_min = 2, .state_max = 3, .salt_len = 3, .salt = { 1, 2, 0xff }, .tries = 3,
		.index.bytes = sizeof(entries),
		.data_bytes = 4000 + 6000 + 4096 + 96 + 16384 + 1000,
		.part = { [BUNDLE_UKI].bytes = 10000, [BUNDLE_ROOT].bytes = 12288,
			  [BUNDLE_SIG].bytes = 16384, [BUNDLE_SELECTOR].bytes = 5000,
			  [BUNDLE_VERITY].bytes = 8192 },
	};

	encode_cuts(cuts, N_CUTS, entries);
	digest_bytes(entries, sizeof(entries), m.index.sha256);
	memset(m.root_hash, 0xab, sizeof(m.root_hash));
	memset(m.uuid, 0x11, sizeof(m.uuid));
	for (unsigned p = 0; p < BUNDLE_PARTS; p++)
		memset(m.part[p].sha256, 0xc0 + (int)p, 32);
	return m;
}

static char *text_of(const struct bundle_manifest *m)
{
	struct buf text = BUF_INIT;

	if (bundle_manifest_encode(m, &text, &err))
		fail_msg("%s", err.text);
	return buf_take(&text);
}

static void a_head_survives_and_any_change_is_seen(void **state)
{
	struct bundle_head head = { 1499, 1000, { 1, 2 } }, back = { 9, 9, { 0 } };
	uint8_t block[BUNDLE_BLOCK_BYTES];

	(void)state;
	bundle_head_encode(&head, block);
	assert_int_equal(bundle_head_decode(block, &back, &err), 0);
	assert_memory_equal(&head, &back, sizeof(head));
	back.signature_bytes = 9;
	for (unsigned bit = 0; bit < sizeof(block) * 8; bit++) {
		int want = bit < 64 ? BUNDLE_E_MAGIC : bit < 96 ? BUNDLE_E_FORMAT : BUNDLE_E_DAMAGED;

		/* A length or hash that another one became is caught with the signature. */
		if (bit >= 8 * BUNDLE_O_SIGNATURE_BYTES && bit < 8 * BUNDLE_O_UNUSED)
			continue;
		block[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(bundle_head_decode(block, &back, &err), want);
		block[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(back.signature_bytes, 9);
}

static void lengths_in_the_head_are_capped(void **state)
{
	static const struct {
		uint32_t signature, manifest;
		int result;
	} cases[] = {
		{ 1, 1, 0 },
		{ CMS_DER_MAX, BUNDLE_MANIFEST_MAX, 0 },
		{ 0, 1, BUNDLE_E_DAMAGED },
		{ 1, 0, BUNDLE_E_DAMAGED },
		{ CMS_DER_MAX + 1, 1, BUNDLE_E_DAMAGED },
		{ 1, BUNDLE_MANIFEST_MAX + 1, BUNDLE_E_DAMAGED },
		{ UINT32_MAX, UINT32_MAX, BUNDLE_E_DAMAGED },
	};
	struct bundle_head head = { 1, 1, { 0 } };
	uint8_t block[BUNDLE_BLOCK_BYTES];

	(void)state;
	bundle_head_encode(&head, block);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		le32_store(block + BUNDLE_O_SIGNATURE_BYTES, cases[i].signature);
		le32_store(block + BUNDLE_O_MANIFEST_BYTES, cases[i].manifest);
		assert_int_equal(bundle_head_decode(block, &head, &err), cases[i].result);
	}
}

static void pieces_start_at_whole_blocks(void **state)
{
	struct bundle_head head = { 1499, 4096, { 0 } };
	struct bundle_offsets at = bundle_offsets_of(&head);
	struct bundle_manifest m = sample();

	(void)state;
	assert_int_equal(at.signature, 4096);
	assert_int_equal(at.manifest, 8192);
	assert_int_equal(at.index, 12288);
	assert_int_equal(at.data, 0);
	bundle_locate(&m, &at);
	assert_int_equal(at.data, 16384);
	assert_int_equal(at.end, 16384 + 32768);
	head.manifest_bytes = 4097;
	assert_int_equal(bundle_offsets_of(&head).index, 16384);
}

static void a_manifest_survives_a_round_trip(void **state)
{
	struct bundle_manifest m = sample(), back;
	_cleanup_free_ char *text = text_of(&m);

	(void)state;
	assert_int_equal(bundle_manifest_parse(text, strlen(text), &back, &err), 0);
	assert_memory_equal(&m, &back, sizeof(m));
	m.salt_len = 0;
	memset(m.salt, 0, sizeof(m.salt));
	m.epoch = UINT64_MAX;
	m.state_min = 0;
	m.state_max = UINT32_MAX;
	free(text);
	text = text_of(&m);
	assert_int_equal(bundle_manifest_parse(text, strlen(text), &back, &err), 0);
	assert_memory_equal(&m, &back, sizeof(m));
}

static void the_manifest_reads_as_documented(void **state)
{
	struct bundle_manifest m = sample();
	_cleanup_free_ char *text = text_of(&m);
	const char *want = "KILN-BUNDLE=1\nNAME=demo\nVERSION=1.4.0~rc1\nARCH=amd64\nEPOCH=7\n"
			   "STATE=2-3\nROOT-HASH=abab";

	(void)state;
	assert_memory_equal(text, want, strlen(want));
	assert_non_null(strstr(text, "\nSALT=0102ff\nUUID=11111111111111111111111111111111\nTRIES=3\n"
				     "INDEX=180 "));
	assert_non_null(strstr(text, "\nDATA=31576\nPART=uki 10000 c0c0"));
	assert_non_null(strstr(text, "\nPART=root 12288 c1c1"));
	assert_non_null(strstr(text, "\nPART=verity 8192 c4c4"));
	assert_non_null(strstr(text, "\nPART=sig 16384 c2c2"));
	assert_non_null(strstr(text, "\nPART=selector 5000 c3c3"));
}

/* Every cut-off text, every byte that is another, and every line missing or twice. */
static void no_other_text_is_taken(void **state)
{
	struct bundle_manifest m = sample(), back = { .epoch = 99 };
	_cleanup_free_ char *text = text_of(&m);
	size_t len = strlen(text);

	(void)state;
	for (size_t n = 0; n < len; n++)
		assert_int_equal(bundle_manifest_parse(text, n, &back, &err), BUNDLE_E_FIELD);
	assert_int_equal(bundle_manifest_parse(text, len + 1, &back, &err), BUNDLE_E_FIELD);
	for (size_t n = 0; n < len; n++) {
		static const char others[] = { '\n', '\0', ' ', '_', 'A', '=', (char)0x80 };
		char was = text[n];

		for (size_t o = 0; o < sizeof(others); o++) {
			text[n] = others[o];
			/* "demo", "demA" and "dem_" are all names. */
			if (others[o] == was || bundle_manifest_parse(text, len, &back, &err) == BUNDLE_E_FIELD)
				continue;
			assert_true(others[o] == 'A' || others[o] == '_');
		}
		text[n] = was;
	}
	for (char *line = text; *line;) {
		char *next = strchr(line, '\n') + 1;
		_cleanup_free_ char *without = str_printf("%.*s%s", (int)(line - text), text, next);
		_cleanup_free_ char *twice =
			str_printf("%.*s%.*s%s", (int)(next - text), text, (int)(next - line), line, next);

		assert_int_equal(bundle_manifest_parse(without, strlen(without), &back, &err), BUNDLE_E_FIELD);
		assert_int_equal(bundle_manifest_parse(twice, strlen(twice), &back, &err), BUNDLE_E_FIELD);
		line = next;
	}
}

static void another_spelling_is_refused(void **state)
{
	static const char *const cases[][2] = {
		{ "EPOCH=7", "EPOCH=07" },	{ "EPOCH=7", "EPOCH=+7" },
		{ "EPOCH=7", "EPOCH= 7" },	{ "EPOCH=7", "EPOCH=18446744073709551616" },
		{ "STATE=2-3", "STATE=3" },	{ "STATE=2-3", "STATE=2-4294967296" },
		{ "ROOT-HASH=ab", "ROOT-HASH=AB" }, { "NAME=demo", "NAME=.demo" },
		{ "NAME=demo", "NAME=" },	{ "ARCH=amd64", "ARCH=AMD64" },
		{ "SALT=0102ff", "SALT=0102f" }, { "KILN-BUNDLE=1", "KILN-BUNDLE=2" },
		{ "ARCH=amd64\n", "ARCH=amd64\r\n" }, { "TRIES=3", "TRIES=0" },
		{ "TRIES=3", "TRIES=16" },	{ "STATE=2-3", "STATE=4-3" },
	};
	struct bundle_manifest m = sample(), back;
	_cleanup_free_ char *text = text_of(&m);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *at = strstr(text, cases[i][0]);
		_cleanup_free_ char *other = NULL;

		assert_non_null(at);
		other = str_printf("%.*s%s%s", (int)(at - text), text, cases[i][1], at + strlen(cases[i][0]));
		if (bundle_manifest_parse(other, strlen(other), &back, &err) != BUNDLE_E_FIELD)
			fail_msg("taken: %s", cases[i][1]);
	}
}

static void sizes_must_fit_together(void **state)
{
	struct bundle_manifest m = sample();
	struct buf text = BUF_INIT;
	const struct {
		uint64_t *field;
		uint64_t value;
	} cases[] = {
		{ &m.part[BUNDLE_UKI].bytes, 0 },
		{ &m.part[BUNDLE_UKI].bytes, BUNDLE_UKI_MAX + 1 },
		{ &m.part[BUNDLE_ROOT].bytes, 0 },
		{ &m.part[BUNDLE_ROOT].bytes, 12289 },
		{ &m.part[BUNDLE_ROOT].bytes, UINT64_MAX / 4096 * 4096 },
		{ &m.part[BUNDLE_VERITY].bytes, 4096 },
		{ &m.part[BUNDLE_VERITY].bytes, 12288 },
		{ &m.part[BUNDLE_SIG].bytes, 0 },
		{ &m.part[BUNDLE_SIG].bytes, 16385 },
		{ &m.part[BUNDLE_SELECTOR].bytes, 0 },
		{ &m.part[BUNDLE_SELECTOR].bytes, BS_SELECTOR_MAX_BYTES + 1 },
		{ &m.index.bytes, 0 },
		{ &m.index.bytes, 181 },
		{ &m.index.bytes, BUNDLE_INDEX_MAX + BUNDLE_ENTRY_BYTES },
		{ &m.data_bytes, 0 },
		{ &m.data_bytes, 10000 + 12288 + 16384 + 5000 + 1 },
		{ &m.data_bytes, UINT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t was = *cases[i].field;

		*cases[i].field = cases[i].value;
		if (bundle_manifest_encode(&m, &text, &err) != BUNDLE_E_FIELD)
			fail_msg("case %zu is taken", i);
		*cases[i].field = was;
	}
	assert_int_equal(text.len, 0);
}

static void the_signature_comes_before_the_parser(void **state)
{
	struct keygen_request req = { .use = KEYGEN_CODE_SIGN, .common_name = "a", .rsa_bits = 2048 };
	_cleanup_free_ char *key = NULL, *cert = NULL, *other_key = NULL, *other_cert = NULL;
	_cleanup_free_ uint8_t *der = NULL, *nonsense_der = NULL;
	struct bundle_manifest m = sample(), back = { .epoch = 99 };
	_cleanup_free_ char *text = text_of(&m);
	size_t der_len, nonsense_len, len = strlen(text);

	(void)state;
	assert_int_equal(keygen_make(&req, &key, &cert, &err), 0);
	assert_int_equal(keygen_make(&req, &other_key, &other_cert, &err), 0);
	assert_int_equal(cms_sign(cert, key, text, len, &der, &der_len, &err), 0);
	assert_int_equal(cms_sign(cert, key, "hello", 5, &nonsense_der, &nonsense_len, &err), 0);
	assert_int_equal(bundle_manifest_open(der, der_len, text, len, other_cert, strlen(other_cert), &back,
					      &err), BUNDLE_E_SIGNATURE);
	assert_int_equal(bundle_manifest_open(der, der_len, "hello", 5, cert, strlen(cert), &back, &err),
			 BUNDLE_E_SIGNATURE);
	assert_int_equal(bundle_manifest_open(nonsense_der, nonsense_len, "hello", 5, cert, strlen(cert),
					      &back, &err), BUNDLE_E_FIELD);
	assert_int_equal(back.epoch, 99);
	assert_int_equal(bundle_manifest_open(der, der_len, text, len, cert, strlen(cert), &back, &err), 0);
	assert_memory_equal(&m, &back, sizeof(m));
}

static void every_chunk_has_its_place(void **state)
{
	static const uint64_t part_offsets[] = { 0, 4000, 0, 4096, 8096, 12192, 0, 0, 4000 };
	static const uint64_t data_offsets[] = { 0, 4000, 10000, 0, 10000, 14096, 14192, 0, 30576 };
	static const uint32_t firsts[] = { 0, 1, 2, 0, 2, 5, 6, 0, 8 };
	static const uint32_t starts[] = { 0, 2, 6, 7, 9 };
	uint64_t distinct;
	_cleanup_bundle_index_ struct bundle_index idx = { .n_chunks = 0 };
	struct bundle_manifest m = sample();

	(void)state;
	assert_int_equal(bundle_index_decode(entries, &m, &idx, &err), 0);
	assert_int_equal(idx.n_chunks, N_CUTS);
	for (uint32_t i = 0; i < N_CUTS; i++) {
		assert_int_equal(idx.chunks[i].length, cuts[i].length);
		assert_int_equal(idx.chunks[i].hash[15], cuts[i].content);
		assert_int_equal(idx.chunks[i].part_offset, part_offsets[i]);
		assert_int_equal(idx.chunks[i].data_offset, data_offsets[i]);
		assert_int_equal(idx.chunks[i].first, firsts[i]);
	}
	assert_memory_equal(idx.start, starts, sizeof(starts));
	assert_int_equal(bundle_distinct_bytes(entries, N_CUTS, &distinct), 0);
	assert_int_equal(distinct, m.data_bytes);
	assert_int_equal(bundle_part_of(&idx, 1), BUNDLE_UKI);
	assert_int_equal(bundle_part_of(&idx, 2), BUNDLE_ROOT);
	assert_int_equal(bundle_part_of(&idx, 6), BUNDLE_SIG);
	assert_int_equal(bundle_part_of(&idx, 8), BUNDLE_SELECTOR);
}

static int decode(const struct cut *list, size_t n, struct bundle_manifest m)
{
	_cleanup_bundle_index_ struct bundle_index idx = { .n_chunks = 0 };
	uint8_t bytes[16 * BUNDLE_ENTRY_BYTES];

	encode_cuts(list, n, bytes);
	m.index.bytes = n * BUNDLE_ENTRY_BYTES;
	digest_bytes(bytes, m.index.bytes, m.index.sha256);
	return bundle_index_decode(bytes, &m, &idx, &err);
}

static void an_index_that_does_not_cover_the_parts_is_refused(void **state)
{
	struct bundle_manifest m = sample();
	struct cut list[N_CUTS + 1];

	(void)state;
	memcpy(list, cuts, sizeof(cuts));
	assert_int_equal(decode(list, N_CUTS, m), 0);
	m.data_bytes -= 1000;
	assert_int_equal(decode(list, N_CUTS - 1, m), BUNDLE_E_FIELD);
	m.data_bytes += 1001;
	list[N_CUTS] = (struct cut){ 1, 9 };
	assert_int_equal(decode(list, N_CUTS + 1, m), BUNDLE_E_FIELD);
	m.data_bytes -= 1;
	list[1].length = 6001; /* reaches into the root */
	assert_int_equal(decode(list, N_CUTS, m), BUNDLE_E_FIELD);
	list[1] = (struct cut){ 6000, 1 }; /* the same hash, another length */
	m.data_bytes -= 6000;
	assert_int_equal(decode(list, N_CUTS, m), BUNDLE_E_FIELD);
	m.data_bytes += 6000;
	memcpy(list, cuts, sizeof(cuts));
	m.data_bytes--;
	assert_int_equal(decode(list, N_CUTS, m), BUNDLE_E_FIELD);
}

static void lengths_in_the_index_are_bounded(void **state)
{
	static const uint32_t lengths[] = { 0, BUNDLE_CHUNK_MAX + 1, UINT32_MAX };
	_cleanup_bundle_index_ struct bundle_index idx = { .n_chunks = 0 };
	struct bundle_manifest m = sample();

	(void)state;
	m.part[BUNDLE_UKI].bytes = UINT32_MAX;
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		le32_store(entries, lengths[i]);
		digest_bytes(entries, sizeof(entries), m.index.sha256);
		assert_int_equal(bundle_index_decode(entries, &m, &idx, &err), BUNDLE_E_FIELD);
	}
	assert_null(idx.chunks);
}

static void a_flipped_bit_in_the_index_is_damage(void **state)
{
	_cleanup_bundle_index_ struct bundle_index idx = { .n_chunks = 0 };
	struct bundle_manifest m = sample();

	(void)state;
	for (unsigned bit = 0; bit < sizeof(entries) * 8; bit++) {
		entries[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(bundle_index_decode(entries, &m, &idx, &err), BUNDLE_E_DAMAGED);
		entries[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_survives_and_any_change_is_seen),
		cmocka_unit_test(lengths_in_the_head_are_capped),
		cmocka_unit_test(pieces_start_at_whole_blocks),
		cmocka_unit_test(a_manifest_survives_a_round_trip),
		cmocka_unit_test(the_manifest_reads_as_documented),
		cmocka_unit_test(no_other_text_is_taken),
		cmocka_unit_test(another_spelling_is_refused),
		cmocka_unit_test(sizes_must_fit_together),
		cmocka_unit_test(the_signature_comes_before_the_parser),
		cmocka_unit_test(every_chunk_has_its_place),
		cmocka_unit_test(an_index_that_does_not_cover_the_parts_is_refused),
		cmocka_unit_test(lengths_in_the_index_are_bounded),
		cmocka_unit_test(a_flipped_bit_in_the_index_is_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
