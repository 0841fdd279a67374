/* Laying a program out in memory: what lies where, what is refused, what relocations do. */
#include "lib/core/pe_load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/core/pe_fixture.h"

enum {
	IMAGE_BYTES = 0x5000,
	FILE_MAX = 0x2000,
	OPT_AT = FIXTURE_OPT_AT,
	RELOC_DIRECTORY_AT = OPT_AT + 152,
};

/* Code, a section half of which is zeroes, one without any bytes in the file. */
static const struct fixture_section sections[] = {
	{ ".text", 0x1000, 0x300, 0x400, FIXTURE_CODE, NULL },
	{ ".data", 0x2000, 0x900, 0x200, FIXTURE_DATA, NULL },
	{ ".bss", 0x3000, 0x100, 0, FIXTURE_DATA, NULL },
	{ ".reloc", 0x4000, 0x20, 0x200, FIXTURE_CONST, NULL },
};

static uint8_t file[FILE_MAX], image[IMAGE_BYTES];
static uint32_t file_len;
static struct pe pe;

static void make(void)
{
	file_len = fixture_pe(file, sections, 4, IMAGE_BYTES, 0x1010);
	memset(image, 0xaa, sizeof(image));
}

static void parse(void)
{
	assert_int_equal(pe_parse(file, file_len, file_len, &pe), PE_OK);
}

static uint8_t *header(unsigned int idx)
{
	return fixture_section_header(file, idx);
}

static void assert_bytes(uint32_t from, uint32_t to, int value)
{
	for (uint32_t i = from; i < to; i++)
		if (image[i] != value)
			fail_msg("byte %#x is %02x, not %02x", i, image[i], value);
}

static void headers_and_sections_lie_at_their_addresses_with_zeroes_between(void **state)
{
	(void)state;
	make();
	parse();
	assert_int_equal(pe_load_check(&pe), PE_OK);
	assert_int_equal(pe_load_alignment(&pe), 0x1000);
	assert_int_equal(pe_load(&pe, image, 0), PE_OK);
	assert_memory_equal(image, file, FIXTURE_FILE_AT);
	assert_bytes(FIXTURE_FILE_AT, 0x1000, 0);
	assert_memory_equal(image + 0x1000, file + FIXTURE_FILE_AT, 0x300);
	assert_bytes(0x1300, 0x2000, 0);
	assert_memory_equal(image + 0x2000, file + 0x800, 0x200);
	assert_bytes(0x2200, 0x4000, 0);
	assert_int_equal(image[0x4000], 1);
	assert_bytes(0x4020, IMAGE_BYTES, 0);
}

static void the_loaded_image_parses_as_such(void **state)
{
	struct pe loaded = { .len = 77 };
	struct pe_section s;

	(void)state;
	make();
	parse();
	assert_int_equal(pe_load(&pe, image, 0), PE_OK);
	assert_int_equal(pe_parse_loaded(image, IMAGE_BYTES - 1, &loaded), PE_E_MEMORY);
	assert_int_equal(loaded.len, 77);
	assert_int_equal(pe_parse_loaded(image, IMAGE_BYTES, &loaded), PE_OK);
	assert_int_equal(pe_section_find(&loaded, ".data", &s), PE_OK);
	assert_int_equal(s.virtual_bytes, 0x900);
	assert_int_equal(loaded.data[s.virtual_address], 1);
}

/* Each case breaks one field of the file; nothing of it may reach the loader. */
static void what_does_not_fit_is_refused(void **state)
{
	static const struct {
		uint32_t at, value;
		int result;
	} cases[] = {
		{ OPT_AT + 16, 0xfff, PE_E_ENTRY }, /* entry before the code, behind it, in data */
		{ OPT_AT + 16, 0x1300, PE_E_ENTRY },
		{ OPT_AT + 16, 0x2010, PE_E_ENTRY },
		{ OPT_AT + 16, 0xffffffff, PE_E_ENTRY },
		{ OPT_AT + 32, 0x3000, PE_E_MEMORY }, /* alignment */
		{ OPT_AT + 32, 0x80000000, PE_E_MEMORY },
		{ OPT_AT + 32, PE_LOAD_ALIGNMENT_MAX * 2, PE_E_MEMORY },
		{ OPT_AT + 56, 0, PE_E_MEMORY }, /* size of the image */
		{ OPT_AT + 56, 0x401f, PE_E_MEMORY },
		{ OPT_AT + 60, FIXTURE_TABLE_AT + 159, PE_E_MEMORY }, /* size of the headers */
		{ OPT_AT + 60, 0xc01, PE_E_RANGE }, /* ... longer than the file */
		{ OPT_AT + 60, 0xffffffff, PE_E_RANGE },
		{ FIXTURE_TABLE_AT + 8, 0x1001, PE_E_MEMORY }, /* .text reaches into .data */
		{ FIXTURE_TABLE_AT + 8, 0, PE_E_MEMORY }, /* bytes in the file, none in memory */
		{ FIXTURE_TABLE_AT + 12, 0x3ff, PE_E_MEMORY }, /* .text over the headers */
		{ FIXTURE_TABLE_AT + 12, 0x2100, PE_E_MEMORY },
		{ FIXTURE_TABLE_AT + 120 + 12, 0xfffffff0, PE_E_MEMORY }, /* .reloc at the top */
		{ FIXTURE_TABLE_AT + 80 + 8, 0xffffffff, PE_E_MEMORY }, /* .bss without end */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		make();
		le32_store(file + cases[i].at, cases[i].value);
		parse();
		if (pe_load_check(&pe) != cases[i].result)
			fail_msg("case %zu: %s", i, pe_error_text(pe_load_check(&pe)));
	}
}

static void a_file_that_is_not_all_there_is_refused(void **state)
{
	(void)state;
	make();
	assert_int_equal(pe_parse(file, file_len - 0x1e1, file_len, &pe), PE_OK);
	assert_int_equal(pe_load_check(&pe), PE_E_RANGE);
	assert_int_equal(pe_parse(file, file_len - 0x1e0, file_len, &pe), PE_OK);
	assert_int_equal(pe_load_check(&pe), PE_OK);
}

static void an_empty_section_is_no_obstacle(void **state)
{
	(void)state;
	make();
	le32_store(header(2) + 8, 0);
	le32_store(header(2) + 12, 0);
	parse();
	assert_int_equal(pe_load_check(&pe), PE_OK);
}

static void alignment_is_the_sections_but_at_least_a_page(void **state)
{
	(void)state;
	make();
	le32_store(file + OPT_AT + 32, 0x200);
	parse();
	assert_int_equal(pe_load_check(&pe), PE_OK);
	assert_int_equal(pe_load_alignment(&pe), 0x1000);
	le32_store(file + OPT_AT + 32, 0x10000);
	parse();
	assert_int_equal(pe_load_check(&pe), PE_OK);
	assert_int_equal(pe_load_alignment(&pe), 0x10000);
}

static void rights_are_separable_only_where_pages_are(void **state)
{
	(void)state;
	make();
	parse();
	assert_true(pe_load_separable(&pe));
	le32_store(file + OPT_AT + 32, 0x800);
	parse();
	assert_false(pe_load_separable(&pe));
	make();
	le16_store(file + OPT_AT + 70, 0);
	parse();
	assert_false(pe_load_separable(&pe));
	make();
	le32_store(header(2) + 12, 0x3800);
	parse();
	assert_false(pe_load_separable(&pe));
}

/* Relocations in .reloc: one block with three entries, the last of which is padding. */
static void make_relocations(uint32_t page, uint32_t bytes, uint16_t first, uint16_t second)
{
	uint8_t *block = file + 0xa00;

	make();
	memset(block, 0, 0x20);
	le32_store(block, page);
	le32_store(block + 4, bytes);
	le16_store(block + 8, first);
	le16_store(block + 10, second);
	le32_store(file + RELOC_DIRECTORY_AT, 0x4000);
	le32_store(file + RELOC_DIRECTORY_AT + 4, bytes);
	le64_store(file + OPT_AT + 24, 0x140000000);
	le64_store(file + 0x800 + 8, 0x140001234);
	le64_store(file + 0x800 + 0x20, 0x140000008);
	parse();
	assert_int_equal(pe_load_check(&pe), PE_OK);
}

static void pointers_move_with_the_image(void **state)
{
	(void)state;
	make_relocations(0x2000, 14, 0xa008, 0xa020);
	assert_int_equal(pe_load(&pe, image, 0x7fff00000000), PE_OK);
	assert_true(le64_load(image + 0x2008) == 0x7fff00001234);
	assert_true(le64_load(image + 0x2020) == 0x7fff00000008);
	/* Down as well as up, and not at all where the linker meant it. */
	assert_int_equal(pe_load(&pe, image, 0x10000), PE_OK);
	assert_true(le64_load(image + 0x2008) == 0x11234);
	assert_int_equal(pe_load(&pe, image, 0x140000000), PE_OK);
	assert_true(le64_load(image + 0x2008) == 0x140001234);
}

static void a_relocation_that_cannot_be_applied_is_refused(void **state)
{
	static const struct {
		uint32_t page, bytes, directory_bytes;
		uint16_t first;
	} cases[] = {
		{ 0x2000, 14, 14, 0x3008 }, /* a kind for 32-bit programs */
		{ 0x2000, 14, 14, 0xf008 },
		{ 0x4000, 14, 14, 0xaff9 }, /* eight bytes from the end, less one */
		{ 0xfffff000, 14, 14, 0xafff },
		{ 0x2000, 7, 14, 0xa008 }, /* a block shorter than its head, odd, too long */
		{ 0x2000, 13, 14, 0xa008 },
		{ 0x2000, 13, 13, 0xa008 },
		{ 0x2000, 16, 14, 0xa008 },
		{ 0x2000, 0, 14, 0xa008 },
		{ 0x2000, 0xffffffff, 14, 0xa008 },
		{ 0x2000, 14, 18, 0xa008 }, /* four bytes left over */
		{ 0x2000, 14, 0x1001, 0xa008 }, /* a table that leaves the image */
		{ 0x2000, 14, 0xffffffff, 0xa008 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		make_relocations(cases[i].page, cases[i].bytes, cases[i].first, 0);
		le32_store(file + RELOC_DIRECTORY_AT + 4, cases[i].directory_bytes);
		parse();
		if (pe_load(&pe, image, 0x10000) != PE_E_RELOCATION)
			fail_msg("case %zu was taken", i);
	}
}

/* Bytes behind the image may look like relocations; they are not its own. */
static void relocations_end_with_the_image(void **state)
{
	(void)state;
	make();
	memset(image, 0, sizeof(image));
	le32_store(file + OPT_AT + 56, 0x4020);
	le32_store(file + 0xa18, 0x2000);
	le32_store(file + 0xa1c, 16);
	le32_store(file + RELOC_DIRECTORY_AT, 0x4018);
	le32_store(file + RELOC_DIRECTORY_AT + 4, 16);
	parse();
	assert_int_equal(pe_load_check(&pe), PE_OK);
	assert_int_equal(pe_load(&pe, image, 0x10000), PE_E_RELOCATION);
	le32_store(file + 0xa1c, 8);
	le32_store(file + RELOC_DIRECTORY_AT + 4, 8);
	parse();
	assert_int_equal(pe_load(&pe, image, 0x10000), PE_OK);
}

static void headers_lie_within_the_image_even_without_sections(void **state)
{
	struct pe loaded;

	(void)state;
	make();
	for (unsigned int i = 0; i < 4; i++)
		le32_store(header(i) + 8, 0);
	le32_store(file + OPT_AT + 56, FIXTURE_FILE_AT);
	assert_int_equal(pe_parse_loaded(file, file_len, &loaded), PE_OK);
	le32_store(file + OPT_AT + 56, FIXTURE_FILE_AT - 1);
	assert_int_equal(pe_parse_loaded(file, file_len, &loaded), PE_E_MEMORY);
}

static void a_program_without_relocations_runs_anywhere_unless_they_were_removed(void **state)
{
	(void)state;
	make();
	parse();
	assert_int_equal(pe_load(&pe, image, 0x10000), PE_OK);
	le16_store(file + FIXTURE_PE_AT + 22, 0x206 | PE_RELOCS_STRIPPED);
	le64_store(file + OPT_AT + 24, 0x20000);
	parse();
	assert_int_equal(pe_load(&pe, image, 0x20000), PE_OK);
	assert_int_equal(pe_load(&pe, image, 0x10000), PE_E_RELOCATION);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_and_sections_lie_at_their_addresses_with_zeroes_between),
		cmocka_unit_test(the_loaded_image_parses_as_such),
		cmocka_unit_test(what_does_not_fit_is_refused),
		cmocka_unit_test(a_file_that_is_not_all_there_is_refused),
		cmocka_unit_test(an_empty_section_is_no_obstacle),
		cmocka_unit_test(alignment_is_the_sections_but_at_least_a_page),
		cmocka_unit_test(rights_are_separable_only_where_pages_are),
		cmocka_unit_test(pointers_move_with_the_image),
		cmocka_unit_test(a_relocation_that_cannot_be_applied_is_refused),
		cmocka_unit_test(relocations_end_with_the_image),
		cmocka_unit_test(headers_lie_within_the_image_even_without_sections),
		cmocka_unit_test(a_program_without_relocations_runs_anywhere_unless_they_were_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
