/* The signed command line: exactly what verity needs, each once. */
#include "bootloader/initramfs/params.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"

#define HASH "25f9e3d5944f9a404250fe3186b0d379729a6560f00134a5a20411ca42692328"
#define IMAGE "kiln.image=demo "
#define VERSION_WORD "kiln.version=1.2~rc1 "
#define ROOT "kiln.roothash=" HASH " "
#define VERITY "kiln.verity=100,1,00ff "
#define REST "ro panic=-1 console=ttyS0\n"

static struct err err;

static void a_builder_s_line_is_understood(void **state)
{
	static const char line[] = IMAGE VERSION_WORD ROOT VERITY REST;
	struct params p;

	(void)state;
	assert_int_equal(params_parse(line, strlen(line), &p, &err), 0);
	assert_string_equal(p.image, "demo");
	assert_string_equal(p.version, "1.2~rc1");
	assert_string_equal(p.roothash, HASH);
	assert_int_equal(p.verity.data_blocks, 100);
	assert_int_equal(p.verity.hash_start_block, 1);
	assert_int_equal(p.verity.salt_bytes, 2);
}

static void anything_missing_doubled_or_odd_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		VERSION_WORD ROOT VERITY REST,
		IMAGE ROOT VERITY REST,
		IMAGE VERSION_WORD VERITY REST,
		IMAGE VERSION_WORD ROOT REST,
		IMAGE IMAGE VERSION_WORD ROOT VERITY REST,
		IMAGE VERSION_WORD ROOT ROOT VERITY REST,
		IMAGE VERSION_WORD ROOT VERITY REST " kiln.verity=1,1,-",
		"kiln.image=de/mo " VERSION_WORD ROOT VERITY,
		"kiln.image " VERSION_WORD ROOT VERITY,
		IMAGE "kiln.version=.. " ROOT VERITY,
		IMAGE VERSION_WORD "kiln.roothash=00 " VERITY,
		IMAGE VERSION_WORD ROOT "kiln.verity=0,1,00 ",
		IMAGE VERSION_WORD ROOT "kiln.verity=100,1,0 ",
		IMAGE VERSION_WORD ROOT "kiln.verity=100,1 ",
		IMAGE VERSION_WORD ROOT "kiln.verity=100,1,00,4096 ",
		IMAGE VERSION_WORD ROOT VERITY "x=\"never closed",
		IMAGE VERSION_WORD ROOT "\"kiln.verity=100,1,00ff ",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct params p = { .image = "untouched" };

		err_init(&err);
		if (params_parse(bad[i], strlen(bad[i]), &p, &err) != -EINVAL)
			fail_msg("accepted: %s", bad[i]);
		assert_string_equal(p.image, "untouched");
		assert_true(err.text[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_builder_s_line_is_understood),
		cmocka_unit_test(anything_missing_doubled_or_odd_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
