/* GUIDs: text and disk order. */
#include "lib/core/guid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "lib/core/bytes.h"
#include "lib/core/gpt.h"

static void text_and_disk_order_match_the_esp_type(void **state)
{
	struct guid g;
	char text[GUID_TEXT_SIZE];

	(void)state;
	assert_true(guid_parse("C12A7328-F81F-11D2-BA4B-00A0C93EC93B", &g));
	assert_memory_equal(g.bytes, "\x28\x73\x2a\xc1\x1f\xf8\xd2\x11"
				     "\xba\x4b\x00\xa0\xc9\x3e\xc9\x3b", 16);
	assert_true(guid_equal(&g, &gpt_type_esp));
	guid_format(&g, text);
	assert_string_equal(text, "c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
}

static void every_type_reads_as_the_specification_writes_it(void **state)
{
	static const struct {
		const struct guid *guid;
		const char *text;
	} types[] = {
		{ &gpt_type_linux, "0fc63daf-8483-4772-8e79-3d69d8477de4" },
		{ &gpt_type_root_x64, "4f68bce3-e8cd-4db1-96e7-fbcaf984b709" },
		{ &gpt_type_root_verity_x64, "2c7357ed-ebd2-46d9-aec1-23d437ec2bf5" },
		{ &gpt_type_root_sig_x64, "41092b05-9fc8-4523-994f-2def0408b176" },
		{ &gpt_type_root_arm64, "b921b045-1df0-41c3-af44-4c6f280d3fae" },
		{ &gpt_type_root_verity_arm64, "df3300ce-d69f-4c92-978c-9bfb0f38d820" },
		{ &gpt_type_root_sig_arm64, "6db69de6-29f4-4758-a7a5-962190f00ce3" },
		{ &gpt_type_kiln_state, "6b696c6e-0001-4b4e-8000-626f6f747374" },
		{ &gpt_type_kiln_boot, "6b696c6e-0002-4b4e-8000-756b69736c6f" },
	};
	char text[GUID_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		guid_format(types[i].guid, text);
		assert_string_equal(text, types[i].text);
	}
}

static void malformed_texts_are_refused(void **state)
{
	static const char *const bad[] = {
		"", "c12a7328", "c12a7328-f81f-11d2-ba4b-00a0c93ec93", "c12a7328-f81f-11d2-ba4b-00a0c93ec93bb",
		"c12a7328xf81f-11d2-ba4b-00a0c93ec93b", "g12a7328-f81f-11d2-ba4b-00a0c93ec93b",
		"{12a7328-f81f-11d2-ba4b-00a0c93ec93}", "c12a7328f-81f-11d2-ba4b-00a0c93ec93b",
	};
	struct guid g, before;

	(void)state;
	memset(&g, 0x5a, sizeof(g));
	before = g;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(guid_parse(bad[i], &g));
	assert_true(guid_equal(&g, &before));
}

static void a_root_hash_half_reads_as_its_uuid(void **state)
{
	uint8_t half[16];
	struct guid g;
	char text[GUID_TEXT_SIZE], disk[33];

	(void)state;
	assert_true(bytes_from_hex("78ee4f72233c8433f2ec9b398a8e3675", 32, half, 16));
	g = guid_from_text_bytes(half);
	guid_format(&g, text);
	assert_string_equal(text, "78ee4f72-233c-8433-f2ec-9b398a8e3675");
	bytes_to_hex(g.bytes, 16, disk);
	assert_string_equal(disk, "724fee783c233384f2ec9b398a8e3675");
}

static void custom_uuids_say_version_8_variant_1(void **state)
{
	struct guid g;
	char text[GUID_TEXT_SIZE];

	(void)state;
	memset(&g, 0xff, sizeof(g));
	guid_mark_custom(&g);
	guid_format(&g, text);
	assert_string_equal(text, "ffffffff-ffff-8fff-bfff-ffffffffffff");
	memset(&g, 0, sizeof(g));
	assert_true(guid_is_zero(&g));
	guid_mark_custom(&g);
	guid_format(&g, text);
	assert_string_equal(text, "00000000-0000-8000-8000-000000000000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_and_disk_order_match_the_esp_type),
		cmocka_unit_test(every_type_reads_as_the_specification_writes_it),
		cmocka_unit_test(malformed_texts_are_refused),
		cmocka_unit_test(a_root_hash_half_reads_as_its_uuid),
		cmocka_unit_test(custom_uuids_say_version_8_variant_1),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
