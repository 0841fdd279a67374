/* The parts of a running UKI: found exactly once, in memory, or not started. */
#include "lib/core/uki_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/core/pe_load.h"
#include "tests/unit/core/pe_fixture.h"

enum { IMAGE_BYTES = 0x8000, FILE_MAX = 0x2000, N = 7 };

/* The order in the file is not the canonical one, on purpose. */
static const struct fixture_section sections[N] = {
	{ ".text", 0x1000, 0x10, 0x200, FIXTURE_CODE, NULL },
	{ ".osrel", 0x2000, 5, 0x200, FIXTURE_CONST, "ID=x\n" },
	{ ".uname", 0x3000, 3, 0x200, FIXTURE_CONST, "6.1" },
	{ ".cmdline", 0x4000, 8, 0x200, FIXTURE_CONST, "quiet ro" },
	{ ".linux", 0x5000, 0x180, 0x200, FIXTURE_CONST, NULL },
	{ ".initrd", 0x6000, 0x200, 0x200, FIXTURE_CONST, NULL },
	{ ".sbat", 0x7000, 6, 0x200, FIXTURE_CONST, "sbat,1" },
};

static uint8_t image[IMAGE_BYTES];

static void make(void)
{
	static uint8_t file[FILE_MAX];
	uint32_t len = fixture_pe(file, sections, N, IMAGE_BYTES, 0x1000);
	struct pe pe;

	assert_int_equal(pe_parse(file, len, len, &pe), PE_OK);
	assert_int_equal(pe_load_check(&pe), PE_OK);
	assert_int_equal(pe_load(&pe, image, 0), PE_OK);
}

static uint8_t *header(unsigned int idx)
{
	return fixture_section_header(image, idx);
}

static void rename_section(unsigned int idx, const char *name)
{
	memset(header(idx), 0, 8);
	memcpy(header(idx), name, strlen(name));
}

static void assert_refused(int result, const char *section)
{
	struct uki_parts parts = { .part[0].bytes = 77 };
	const char *at = NULL;

	assert_int_equal(uki_parts_find(image, IMAGE_BYTES, &parts, &at), result);
	assert_string_equal(at, section);
	assert_int_equal(parts.part[0].bytes, 77);
}

static void all_parts_are_found_in_memory_with_their_exact_size(void **state)
{
	struct uki_parts p;
	const char *at;

	(void)state;
	make();
	assert_int_equal(uki_parts_find(image, IMAGE_BYTES, &p, &at), UKI_OK);
	assert_ptr_equal(p.part[UKI_LINUX].data, image + 0x5000);
	assert_int_equal(p.part[UKI_LINUX].bytes, 0x180);
	assert_ptr_equal(p.part[UKI_INITRD].data, image + 0x6000);
	assert_int_equal(p.part[UKI_INITRD].bytes, 0x200);
	assert_int_equal(p.part[UKI_CMDLINE].bytes, 8);
	assert_memory_equal(p.part[UKI_CMDLINE].data, "quiet ro", 8);
	assert_memory_equal(p.part[UKI_OSREL].data, "ID=x\n", 5);
	assert_memory_equal(p.part[UKI_UNAME].data, "6.1", 3);
	assert_memory_equal(p.part[UKI_SBAT].data, "sbat,1", 6);
	assert_null(p.part[UKI_PCRPKEY].data);
}

/* The order is UAPI.5's; .pcrsig stands between .sbat and .pcrpkey there, and is not measured. */
static void the_order_is_the_one_that_pcr_11_is_computed_in(void **state)
{
	static const char *const order[] = { ".linux", ".osrel", ".cmdline", ".initrd",
					     ".uname", ".sbat",	 ".pcrpkey" };

	(void)state;
	assert_int_equal(sizeof(order) / sizeof(order[0]), UKI_PARTS);
	for (unsigned int i = 0; i < UKI_PARTS; i++)
		assert_string_equal(uki_part_name[i], order[i]);
}

static void a_missing_doubled_or_empty_part_is_named(void **state)
{
	static const unsigned int needed[] = { 3, 4, 5 };

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		const char *name = sections[needed[i]].name;

		make();
		rename_section(needed[i], ".other");
		assert_refused(UKI_E_MISSING, name);
		make();
		rename_section(1, name);
		assert_refused(UKI_E_TWICE, name);
		make();
		le32_store(header(needed[i]) + 8, 0);
		assert_refused(UKI_E_EMPTY, name);
	}
	make();
	rename_section(2, ".osrel");
	assert_refused(UKI_E_TWICE, ".osrel");
}

static void parts_that_may_be_missing_may(void **state)
{
	struct uki_parts p;
	const char *at;

	(void)state;
	make();
	rename_section(1, ".splash");
	rename_section(2, ".pcrsig");
	rename_section(6, ".pcrpkey");
	assert_int_equal(uki_parts_find(image, IMAGE_BYTES, &p, &at), UKI_OK);
	assert_null(p.part[UKI_OSREL].data);
	assert_memory_equal(p.part[UKI_PCRPKEY].data, "sbat,1", 6);
}

static void what_would_change_the_boot_and_is_not_obeyed_is_refused(void **state)
{
	static const char *const names[] = { ".ucode", ".dtb",	 ".dtbauto", ".hwids",
					     ".fwauto", ".efifw", ".profile" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		make();
		rename_section(1, names[i]);
		assert_refused(UKI_E_UNKNOWN, names[i]);
	}
	/* Twice is no way around it. */
	make();
	rename_section(1, ".dtb");
	rename_section(2, ".dtb");
	assert_refused(UKI_E_UNKNOWN, ".dtb");
}

static void parts_outside_the_image_are_refused(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < N; i++) {
		make();
		le32_store(header(i) + 12, IMAGE_BYTES - 1);
		assert_refused(UKI_E_IMAGE, "");
		make();
		le32_store(header(i) + 8, 0xffffffff);
		assert_refused(UKI_E_IMAGE, "");
		make();
		le32_store(header(i) + 12, 0x100);
		assert_refused(UKI_E_IMAGE, "");
	}
	/* The image is as large as the firmware says, not as it says itself. */
	make();
	le32_store(image + FIXTURE_OPT_AT + 56, IMAGE_BYTES + 1);
	assert_refused(UKI_E_IMAGE, "");
	make();
	image[0] = 'N';
	assert_refused(UKI_E_IMAGE, "");
}

static void a_command_line_is_what_the_kernel_can_take_unchanged(void **state)
{
	static const uint8_t bad[] = { 0, '\n', '\t', 0x1f, 0x7f, 0x80, 0xff };
	struct uki_parts p;
	const char *at;

	(void)state;
	for (size_t i = 0; i < sizeof(bad); i++) {
		make();
		image[0x4007] = bad[i];
		assert_refused(UKI_E_CMDLINE, ".cmdline");
	}
	make();
	memset(image + 0x4000, '~', 0x1000);
	le32_store(header(3) + 8, UKI_CMDLINE_MAX);
	assert_int_equal(uki_parts_find(image, IMAGE_BYTES, &p, &at), UKI_OK);
	le32_store(header(3) + 8, UKI_CMDLINE_MAX + 1);
	assert_refused(UKI_E_CMDLINE, ".cmdline");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_parts_are_found_in_memory_with_their_exact_size),
		cmocka_unit_test(the_order_is_the_one_that_pcr_11_is_computed_in),
		cmocka_unit_test(a_missing_doubled_or_empty_part_is_named),
		cmocka_unit_test(parts_that_may_be_missing_may),
		cmocka_unit_test(what_would_change_the_boot_and_is_not_obeyed_is_refused),
		cmocka_unit_test(parts_outside_the_image_are_refused),
		cmocka_unit_test(a_command_line_is_what_the_kernel_can_take_unchanged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
