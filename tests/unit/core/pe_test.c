/* PE headers: a small made-up UKI, every field broken in turn. */
#include "lib/core/pe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/core/bytes.h"

enum {
	PE_AT = 0x80,
	OPT_AT = PE_AT + 24,
	TABLE_AT = OPT_AT + 240,
	FILE_BYTES = 0x600,
};

/* .cmdline of 5 bytes at 0x200, .linux of 0x200 at 0x400. */
static void make_pe(uint8_t *d)
{
	static const struct {
		const char *name;
		uint32_t virtual_bytes, raw_bytes, offset;
	} sections[] = { { ".cmdline", 5, 0x200, 0x200 }, { ".linux", 0x200, 0x200, 0x400 } };

	memset(d, 0, FILE_BYTES);
	memcpy(d, "MZ", 2);
	le32_store(d + 0x3c, PE_AT);
	memcpy(d + PE_AT, "PE\0\0", 4);
	le16_store(d + PE_AT + 4, PE_MACHINE_X64);
	le16_store(d + PE_AT + 6, 2);
	le16_store(d + PE_AT + 20, 240);
	le16_store(d + OPT_AT, 0x20b);
	le16_store(d + OPT_AT + 68, 10);
	le32_store(d + OPT_AT + 108, 16);
	for (unsigned int i = 0; i < 2; i++) {
		uint8_t *s = d + TABLE_AT + 40 * i;

		memcpy(s, sections[i].name, strlen(sections[i].name));
		le32_store(s + 8, sections[i].virtual_bytes);
		le32_store(s + 16, sections[i].raw_bytes);
		le32_store(s + 20, sections[i].offset);
	}
}

static void sections_are_found_with_their_real_size(void **state)
{
	uint8_t d[FILE_BYTES];
	struct pe_section s;
	struct pe pe;

	(void)state;
	make_pe(d);
	assert_int_equal(pe_parse(d, sizeof(d), sizeof(d), &pe), PE_OK);
	assert_int_equal(pe.machine, PE_MACHINE_X64);
	assert_int_equal(pe.subsystem, 10);
	assert_int_equal(pe.file_bytes, FILE_BYTES);
	assert_int_equal(pe_section_find(&pe, ".cmdline", &s), PE_OK);
	assert_int_equal(s.bytes, 5);
	assert_int_equal(s.offset, 0x200);
	assert_int_equal(pe_section_find(&pe, ".linux", &s), PE_OK);
	assert_int_equal(pe_section_find(&pe, ".linu", &s), PE_E_NOT_FOUND);
	assert_int_equal(pe_section_find(&pe, ".cmdline2", &s), PE_E_NOT_FOUND);
	assert_int_equal(pe_section_at(&pe, 2, &s), PE_E_NOT_FOUND);
	assert_int_equal(s.offset, 0x400);
}

static void a_prefix_will_do_when_the_headers_are_there(void **state)
{
	uint8_t d[FILE_BYTES];
	struct pe pe = { .len = 77 };

	(void)state;
	make_pe(d);
	for (size_t len = 0; len < TABLE_AT + 80; len++)
		assert_int_equal(pe_parse(d, len, sizeof(d), &pe), PE_E_SHORT);
	assert_int_equal(pe.len, 77);
	assert_int_equal(pe_parse(d, TABLE_AT + 80, sizeof(d), &pe), PE_OK);
	assert_int_equal(pe_parse(d, TABLE_AT + 80, sizeof(d) - 1, &pe), PE_E_RANGE);
}

static void broken_headers_are_refused(void **state)
{
	static const struct {
		unsigned int at;
		uint32_t value;
		unsigned int width;
		int result;
	} cases[] = {
		{ 0, 'Z', 1, PE_E_DOS },
		{ 0x3c, 0, 4, PE_E_OFFSET },
		{ 0x3c, 0x81, 4, PE_E_OFFSET },
		{ 0x3c, 0xfffffffc, 4, PE_E_SHORT },
		{ 0x3c, FILE_BYTES - 20, 4, PE_E_SHORT },
		{ PE_AT, 'X', 1, PE_E_SIGNATURE },
		{ PE_AT + 6, 0, 2, PE_E_SECTIONS },
		{ PE_AT + 6, PE_SECTIONS_MAX + 1, 2, PE_E_SECTIONS },
		{ PE_AT + 6, 0xffff, 2, PE_E_SECTIONS },
		{ PE_AT + 6, 40, 2, PE_E_SHORT },
		{ PE_AT + 20, 0, 2, PE_E_OPTIONAL },
		{ PE_AT + 20, 111, 2, PE_E_OPTIONAL },
		{ PE_AT + 20, 0xffff, 2, PE_E_SHORT },
		{ OPT_AT, 0x10b, 2, PE_E_OPTIONAL },
		{ TABLE_AT + 16, 0x401, 4, PE_E_RANGE },
		{ TABLE_AT + 16, 0xffffffff, 4, PE_E_RANGE },
		{ TABLE_AT + 20, 0xffffffff, 4, PE_E_RANGE },
		{ TABLE_AT + 20, 0x100, 4, PE_E_OVERLAP },
		{ TABLE_AT + 20, 0x201, 4, PE_E_OVERLAP },
		{ TABLE_AT + 60, 0x200, 4, PE_E_OVERLAP },
		{ OPT_AT + 144, 8, 4, PE_E_RANGE }, /* certificates without a size */
		{ OPT_AT + 148, 8, 4, PE_E_RANGE }, /* and without an offset */
	};
	uint8_t d[FILE_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pe pe = { .len = 77 };

		make_pe(d);
		if (cases[i].width == 4)
			le32_store(d + cases[i].at, cases[i].value);
		else if (cases[i].width == 2)
			le16_store(d + cases[i].at, (uint16_t)cases[i].value);
		else
			d[cases[i].at] = (uint8_t)cases[i].value;
		assert_int_equal(pe_parse(d, sizeof(d), sizeof(d), &pe), cases[i].result);
		assert_int_equal(pe.len, 77);
	}
}

static void certificates_count_towards_the_file(void **state)
{
	uint8_t d[FILE_BYTES];
	struct pe pe;

	(void)state;
	make_pe(d);
	le32_store(d + OPT_AT + 144, FILE_BYTES);
	le32_store(d + OPT_AT + 148, 16);
	assert_int_equal(pe_parse(d, sizeof(d), sizeof(d), &pe), PE_E_RANGE);
	assert_int_equal(pe_parse(d, sizeof(d), sizeof(d) + 16, &pe), PE_OK);
	assert_int_equal(pe.file_bytes, FILE_BYTES + 16);
	le32_store(d + OPT_AT + 144, 0x500);
	assert_int_equal(pe_parse(d, sizeof(d), sizeof(d) + 16, &pe), PE_E_OVERLAP);
}

static void a_doubled_section_is_not_guessed_at(void **state)
{
	uint8_t d[FILE_BYTES];
	struct pe_section s = { .offset = 77 };
	struct pe pe;

	(void)state;
	make_pe(d);
	memcpy(d + TABLE_AT + 40, ".cmdline", 8);
	assert_int_equal(pe_parse(d, sizeof(d), sizeof(d), &pe), PE_OK);
	assert_int_equal(pe_section_find(&pe, ".cmdline", &s), PE_E_TWICE);
	assert_int_equal(s.offset, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sections_are_found_with_their_real_size),
		cmocka_unit_test(a_prefix_will_do_when_the_headers_are_there),
		cmocka_unit_test(broken_headers_are_refused),
		cmocka_unit_test(certificates_count_towards_the_file),
		cmocka_unit_test(a_doubled_section_is_not_guessed_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
