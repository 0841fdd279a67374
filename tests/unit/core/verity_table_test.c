/* Verity parameters: parse, refuse, format, and the tree's shape. */
#include "lib/core/verity_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define ROOT "78ee4f72233c8433f2ec9b398a8e36753aa57652c229df497a40bba916d568c8"

static void parameters_survive_a_round_trip(void **state)
{
	static const char *const texts[] = { "1,0,-", "1000,1,00ff", "4294967296,1099511627776,ab" };
	struct verity_params p;
	char out[VERITY_PARAM_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < N(texts); i++) {
		assert_int_equal(verity_params_parse(ROOT, texts[i], &p), VERITY_OK);
		assert_int_equal(verity_params_format(&p, out, sizeof(out)), VERITY_OK);
		assert_string_equal(out, texts[i]);
	}
}

static void refusals_leave_the_result_alone(void **state)
{
	static const struct {
		const char *root, *verity;
		int result;
	} cases[] = {
		{ "", "1,1,-", VERITY_E_ROOT_HASH },
		{ "78ee", "1,1,-", VERITY_E_ROOT_HASH },
		{ ROOT "00", "1,1,-", VERITY_E_ROOT_HASH },
		{ "x" ROOT, "1,1,-", VERITY_E_ROOT_HASH },
		{ ROOT, "", VERITY_E_SYNTAX },
		{ ROOT, "1", VERITY_E_SYNTAX },
		{ ROOT, "1,1", VERITY_E_SYNTAX },
		{ ROOT, "1,1,-,", VERITY_E_SYNTAX },
		{ ROOT, "1,1,aa,bb", VERITY_E_SYNTAX },
		{ ROOT, ",1,-", VERITY_E_SYNTAX },
		{ ROOT, "1,,-", VERITY_E_SYNTAX },
		{ ROOT, "-1,1,-", VERITY_E_SYNTAX },
		{ ROOT, "0x1,1,-", VERITY_E_SYNTAX },
		{ ROOT, " 1,1,-", VERITY_E_SYNTAX },
		{ ROOT, "01,1,-", VERITY_E_SYNTAX },
		{ ROOT, "18446744073709551616,1,-", VERITY_E_SYNTAX },
		{ ROOT, "0,1,-", VERITY_E_DATA_BLOCKS },
		{ ROOT, "4294967297,1,-", VERITY_E_DATA_BLOCKS },
		{ ROOT, "18446744073709551615,1,-", VERITY_E_DATA_BLOCKS },
		{ ROOT, "1,1099511627777,-", VERITY_E_HASH_START },
		{ ROOT, "1,1,", VERITY_E_SALT },
		{ ROOT, "1,1,a", VERITY_E_SALT },
		{ ROOT, "1,1,ag", VERITY_E_SALT },
		{ ROOT, "1,1,aa ", VERITY_E_SALT },
		{ ROOT, "1,1,--", VERITY_E_SALT },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		struct verity_params p = { .data_blocks = 77 };

		assert_int_equal(verity_params_parse(cases[i].root, cases[i].verity, &p),
				 cases[i].result);
		assert_int_equal(p.data_blocks, 77);
	}
}

static void the_longest_salt_fits_and_no_longer_one(void **state)
{
	char text[4 + 2 * VERITY_SALT_MAX + 3] = "1,1,", out[VERITY_PARAM_TEXT_SIZE];
	char table[VERITY_TABLE_TEXT_SIZE];
	struct verity_params p;

	(void)state;
	memset(text + 4, 'a', 2 * VERITY_SALT_MAX);
	assert_int_equal(verity_params_parse(ROOT, text, &p), VERITY_OK);
	assert_int_equal(p.salt_bytes, VERITY_SALT_MAX);
	assert_int_equal(verity_params_format(&p, out, sizeof(out)), VERITY_OK);
	assert_string_equal(out, text);
	assert_int_equal(verity_table_format(&p, "/dev/vda4", "/dev/vda5", VERITY_DAMAGE_PANIC, table,
					     sizeof(table)),
			 VERITY_OK);
	memset(text + 4 + 2 * VERITY_SALT_MAX, 'a', 2);
	assert_int_equal(verity_params_parse(ROOT, text, &p), VERITY_E_SALT);
}

static void the_command_line_must_hold_each_key_once(void **state)
{
	static const struct {
		const char *line;
		int result;
	} cases[] = {
		{ "kiln.image=a kiln.roothash=" ROOT " kiln.verity=5,1,aabb ro quiet", VERITY_OK },
		{ "kiln.roothash=" ROOT, VERITY_E_CMDLINE },
		{ "kiln.verity=5,1,aabb", VERITY_E_CMDLINE },
		{ "kiln.roothash=" ROOT " kiln.verity=5,1,aa kiln.verity=5,1,aa", VERITY_E_CMDLINE },
		{ "kiln.roothash=" ROOT " kiln.verity=5,1,aa kiln.x=1 kiln.x=2", VERITY_E_CMDLINE },
		{ "kiln.roothash=" ROOT "0 kiln.verity=5,1,aa", VERITY_E_CMDLINE },
		{ "kiln.roothash=\"" ROOT " kiln.verity=5,1,aa", VERITY_E_CMDLINE },
		{ "kiln.roothash=" ROOT " kiln.verity=0,1,aa", VERITY_E_DATA_BLOCKS },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		struct verity_params p = { .data_blocks = 77 };

		assert_int_equal(verity_params_from_cmdline(cases[i].line, strlen(cases[i].line), &p),
				 cases[i].result);
		assert_int_equal(p.data_blocks, cases[i].result ? 77 : 5);
	}
}

static void the_table_is_the_one_device_mapper_reads(void **state)
{
	struct verity_params p;
	char table[VERITY_TABLE_TEXT_SIZE] = "before";

	(void)state;
	assert_int_equal(verity_params_parse(ROOT, "1000,1,00ff", &p), VERITY_OK);
	assert_int_equal(verity_data_sectors(&p), 8000);
	assert_int_equal(verity_table_format(&p, "", "253:5", VERITY_DAMAGE_PANIC, table, sizeof(table)),
			 VERITY_E_DEVICE);
	assert_int_equal(verity_table_format(&p, "a b", "253:5", VERITY_DAMAGE_PANIC, table, sizeof(table)),
			 VERITY_E_DEVICE);
	assert_int_equal(verity_table_format(&p, "253:4", "253:5", VERITY_DAMAGE_PANIC, table, 50), VERITY_E_BUFFER);
	assert_string_equal(table, "before");
	assert_int_equal(verity_table_format(&p, "253:4", "/dev/vda5", VERITY_DAMAGE_PANIC, table,
					     sizeof(table)), VERITY_OK);
	assert_string_equal(table, "1 253:4 /dev/vda5 4096 4096 1000 1 sha256 " ROOT
			    " 00ff 1 panic_on_corruption");
	p.salt_bytes = 0;
	assert_int_equal(verity_table_format(&p, "253:4", "/dev/vda5", VERITY_DAMAGE_EIO, table,
					     sizeof(table)), VERITY_OK);
	assert_string_equal(table, "1 253:4 /dev/vda5 4096 4096 1000 1 sha256 " ROOT " -");
	p.data_blocks = 0;
	assert_int_equal(verity_table_format(&p, "253:4", "/dev/vda5", VERITY_DAMAGE_EIO, table,
					     sizeof(table)), VERITY_E_DATA_BLOCKS);
}

static void the_tree_has_the_right_shape(void **state)
{
	static const struct {
		uint64_t data, hash;
		unsigned int levels;
	} cases[] = {
		{ 1, 0, 0 }, { 2, 1, 1 }, { 128, 1, 1 }, { 129, 3, 2 }, { 16384, 129, 2 },
		{ 16385, 132, 3 }, { 262144, 2065, 3 },
		{ VERITY_DATA_BLOCKS_MAX, 33818641, 5 },
	};
	struct verity_tree t;

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		assert_int_equal(verity_tree_shape(cases[i].data, &t), VERITY_OK);
		assert_int_equal(t.hash_blocks, cases[i].hash);
		assert_int_equal(t.levels, cases[i].levels);
		if (t.levels)
			assert_int_equal(t.level_blocks[t.levels - 1], 1);
	}
	assert_int_equal(verity_tree_shape(0, &t), VERITY_E_DATA_BLOCKS);
	assert_int_equal(verity_tree_shape(VERITY_DATA_BLOCKS_MAX + 1, &t), VERITY_E_DATA_BLOCKS);
}

static void a_block_too_many_does_not_fit(void **state)
{
	struct verity_params p;

	(void)state;
	assert_int_equal(verity_params_parse(ROOT, "129,1,-", &p), VERITY_OK);
	assert_int_equal(verity_params_fit(&p, 129 * 4096, 4 * 4096), VERITY_OK);
	assert_int_equal(verity_params_fit(&p, 129 * 4096 - 1, 4 * 4096), VERITY_E_DATA_SIZE);
	assert_int_equal(verity_params_fit(&p, 129 * 4096, 4 * 4096 - 1), VERITY_E_HASH_SIZE);
	p.hash_start_block = VERITY_HASH_START_MAX + 1;
	assert_int_equal(verity_params_fit(&p, UINT64_MAX, UINT64_MAX), VERITY_E_HASH_START);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parameters_survive_a_round_trip),
		cmocka_unit_test(refusals_leave_the_result_alone),
		cmocka_unit_test(the_longest_salt_fits_and_no_longer_one),
		cmocka_unit_test(the_command_line_must_hold_each_key_once),
		cmocka_unit_test(the_table_is_the_one_device_mapper_reads),
		cmocka_unit_test(the_tree_has_the_right_shape),
		cmocka_unit_test(a_block_too_many_does_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
