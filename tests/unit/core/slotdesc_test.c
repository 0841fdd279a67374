/* Slot descriptors: round trip, every flipped bit refused, fields checked. */
#include "lib/core/slotdesc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define PARTITION (1 << 20)

static struct slotdesc sample(void)
{
	struct slotdesc d = { .uki_bytes = 70000, .epoch = 3, .name = "demo", .version = "1.4.0" };

	memset(d.uki_sha256, 0xaa, sizeof(d.uki_sha256));
	memset(d.root_hash, 0xbb, sizeof(d.root_hash));
	return d;
}

static void a_descriptor_survives_a_round_trip(void **state)
{
	struct slotdesc d = sample(), back;
	uint8_t bytes[SLOTDESC_BYTES];

	(void)state;
	assert_int_equal(slotdesc_encode(&d, bytes), SLOTDESC_OK);
	assert_int_equal(slotdesc_decode(bytes, PARTITION, &back), SLOTDESC_OK);
	assert_memory_equal(&d, &back, sizeof(d));
}

static void every_flipped_bit_is_refused(void **state)
{
	struct slotdesc d = sample(), back = { .epoch = 99 };
	uint8_t bytes[SLOTDESC_BYTES];

	(void)state;
	slotdesc_encode(&d, bytes);
	for (unsigned int bit = 0; bit < SLOTDESC_BYTES * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(slotdesc_decode(bytes, PARTITION, &back),
				 bit < 64 ? SLOTDESC_E_MAGIC : SLOTDESC_E_SEAL);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(back.epoch, 99);
}

static void reseal(uint8_t bytes[SLOTDESC_BYTES])
{
	sha256_bytes(bytes, SLOTDESC_O_SEAL, bytes + SLOTDESC_O_SEAL);
}

static void sealed_nonsense_is_refused(void **state)
{
	static const struct {
		unsigned int at;
		uint8_t value;
		int result;
	} cases[] = {
		{ SLOTDESC_O_FORMAT, 2, SLOTDESC_E_FORMAT },
		{ SLOTDESC_O_RESERVED, 1, SLOTDESC_E_FORMAT },
		{ SLOTDESC_O_UNUSED, 1, SLOTDESC_E_FORMAT },
		{ SLOTDESC_O_SEAL - 1, 1, SLOTDESC_E_FORMAT },
		{ SLOTDESC_O_NAME, 0, SLOTDESC_E_FIELD },
		{ SLOTDESC_O_NAME, '\n', SLOTDESC_E_FIELD },
		{ SLOTDESC_O_NAME + IMAGE_NAME_SIZE - 1, 'x', SLOTDESC_E_FIELD },
		{ SLOTDESC_O_VERSION, 0, SLOTDESC_E_FIELD },
		{ SLOTDESC_O_VERSION + VERSION_TEXT_SIZE - 1, 'x', SLOTDESC_E_FIELD },
		{ SLOTDESC_O_UKI_BYTES + 4, 1, SLOTDESC_E_UKI_BYTES },
	};
	struct slotdesc d = sample(), back = { .epoch = 99 };
	uint8_t bytes[SLOTDESC_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		slotdesc_encode(&d, bytes);
		bytes[cases[i].at] = cases[i].value;
		reseal(bytes);
		assert_int_equal(slotdesc_decode(bytes, PARTITION, &back), cases[i].result);
	}
	slotdesc_encode(&d, bytes);
	assert_int_equal(slotdesc_decode(bytes, 70000 + SLOTDESC_BYTES - 1, &back),
			 SLOTDESC_E_UKI_BYTES);
	assert_int_equal(slotdesc_decode(bytes, 1, &back), SLOTDESC_E_UKI_BYTES);
	assert_int_equal(back.epoch, 99);
	assert_int_equal(slotdesc_decode(bytes, 70000 + SLOTDESC_BYTES, &back), SLOTDESC_OK);
}

static void nonsense_is_not_written(void **state)
{
	struct slotdesc d = sample();
	uint8_t bytes[SLOTDESC_BYTES] = { 7 };

	(void)state;
	d.uki_bytes = 0;
	assert_int_equal(slotdesc_encode(&d, bytes), SLOTDESC_E_FIELD);
	d = sample();
	memset(d.version, '1', sizeof(d.version));
	assert_int_equal(slotdesc_encode(&d, bytes), SLOTDESC_E_FIELD);
	assert_int_equal(bytes[0], 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_descriptor_survives_a_round_trip),
		cmocka_unit_test(every_flipped_bit_is_refused),
		cmocka_unit_test(sealed_nonsense_is_refused),
		cmocka_unit_test(nonsense_is_not_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
