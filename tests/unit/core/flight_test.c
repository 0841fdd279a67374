/* The flight recorder's entries: round trip, torn writes, the boot they are about. */
#include "lib/core/flight.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/core/bootstate_fixture.h"

static uint8_t entry[FLIGHT_ENTRY_BYTES];

static struct flight sample(void)
{
	return (struct flight){ .boot = 0x0102030405060708, .slot = 1, .stage = BS_STAGE_VERITY,
				.reason = BS_REASON_SIGNATURE, .version = "1.4.0" };
}

static void an_entry_survives_a_round_trip(void **state)
{
	struct flight f = sample(), back;
	const char *text;

	(void)state;
	flight_encode(&f, "why\nnot", 7, entry);
	assert_int_equal(flight_decode(entry, &back, &text), FLIGHT_OK);
	f.text_bytes = 7;
	assert_memory_equal(&f, &back, sizeof(f));
	assert_memory_equal(text, "why\nnot", 7);
	flight_encode(&f, "", 0, entry);
	assert_int_equal(flight_decode(entry, &back, &text), FLIGHT_OK);
	assert_int_equal(back.text_bytes, 0);
}

static void of_a_long_text_the_end_is_kept(void **state)
{
	static char long_text[FLIGHT_TEXT_MAX + 100];
	struct flight f = sample(), back;
	const char *text;

	(void)state;
	memset(long_text, 'a', sizeof(long_text));
	memcpy(long_text + sizeof(long_text) - 5, "panic", 5);
	flight_encode(&f, long_text, sizeof(long_text), entry);
	assert_int_equal(flight_decode(entry, &back, &text), FLIGHT_OK);
	assert_int_equal(back.text_bytes, FLIGHT_TEXT_MAX);
	assert_memory_equal(text + FLIGHT_TEXT_MAX - 5, "panic", 5);
}

/* Head and text; behind the text lies nothing anybody reads. */
static void every_flipped_bit_is_noticed(void **state)
{
	struct flight f = sample(), back = { .boot = 77 };
	const char *text = NULL;

	(void)state;
	flight_encode(&f, "a short text", 12, entry);
	for (unsigned int bit = 0; bit < (FLIGHT_TEXT_OFFSET + 12) * 8; bit++) {
		int r;

		entry[bit / 8] ^= (uint8_t)(1 << bit % 8);
		r = flight_decode(entry, &back, &text);
		assert_true(r == FLIGHT_E_MAGIC || r == FLIGHT_E_CHECKSUM || r == FLIGHT_E_FIELD);
		entry[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(back.boot, 77);
	assert_null(text);
	memset(entry, 0, sizeof(entry));
	assert_int_equal(flight_decode(entry, &back, &text), FLIGHT_E_MAGIC);
}

static void nonsense_with_a_right_checksum_is_refused(void **state)
{
	struct flight bad[] = { sample(), sample(), sample() }, back = { .boot = 77 };
	const char *text;

	(void)state;
	bad[0].slot = 2;
	bad[1].stage = BS_STAGE_COUNT;
	bad[2].version[0] = '\033';
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		flight_encode(&bad[i], "x", 1, entry);
		assert_int_equal(flight_decode(entry, &back, &text), FLIGHT_E_FIELD);
	}
	assert_int_equal(back.boot, 77);
	bad[2] = sample();
	bad[2].reason = 200;
	flight_encode(&bad[2], "x", 1, entry);
	assert_int_equal(flight_decode(entry, &back, &text), FLIGHT_OK);
	assert_int_equal(back.reason, BS_REASON_OTHER);
}

static void four_boots_in_a_row_keep_their_entries(void **state)
{
	(void)state;
	for (uint64_t n = 1; n < 100; n++) {
		assert_in_range(FLIGHT_OFFSET(n), BS_FLIGHT_OFFSET,
				BS_FLIGHT_OFFSET + BS_FLIGHT_BYTES - FLIGHT_ENTRY_BYTES);
		for (uint64_t m = n + 1; m < n + FLIGHT_ENTRIES; m++)
			assert_int_not_equal(FLIGHT_OFFSET(n), FLIGHT_OFFSET(m));
	}
}

static void the_ring_says_what_an_entry_is_about(void **state)
{
	struct bs bs = updated();
	struct flight f = { .boot = 77 };

	(void)state;
	boot(&bs);
	bs_set_stage(&bs, BS_STAGE_VERITY);
	bs_mark_bad(&bs, 1, BS_REASON_SIGNATURE);
	assert_true(flight_of_boot(&bs, bs.boots, &f));
	assert_int_equal(f.boot, bs.boots);
	assert_int_equal(f.slot, 1);
	assert_int_equal(f.stage, BS_STAGE_VERITY);
	assert_int_equal(f.reason, BS_REASON_SIGNATURE);
	assert_string_equal(f.version, "C");
	assert_false(flight_of_boot(&bs, 0, &f));
	assert_false(flight_of_boot(&bs, 99, &f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_survives_a_round_trip),
		cmocka_unit_test(of_a_long_text_the_end_is_kept),
		cmocka_unit_test(every_flipped_bit_is_noticed),
		cmocka_unit_test(nonsense_with_a_right_checksum_is_refused),
		cmocka_unit_test(four_boots_in_a_row_keep_their_entries),
		cmocka_unit_test(the_ring_says_what_an_entry_is_about),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
