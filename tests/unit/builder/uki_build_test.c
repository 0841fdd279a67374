/* The command line and the PE file, read back by the parsers of the boot side. */
#include "uki/uki.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "uki/pe_append.h"
#include "lib/base/atomic_file.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/path.h"
#include "lib/core/pe.h"
#include "lib/core/slotdesc.h"
#include "lib/core/verity_table.h"
#include "tests/unit/builder/uki_fixture.h"

static struct err err;
static const struct verity_params verity = {
	.root_hash = { 0x11, 0x22, [31] = 0xff }, .data_blocks = 300, .hash_start_block = 1,
	.salt_bytes = 4, .salt = { 0xde, 0xad, 0xbe, 0xef },
};

static void the_command_line_is_contract_order(void **state)
{
	struct uki_cmdline c = { .image = "web", .version = "1.4.0", .verity = &verity,
				 .extra = " console=ttyS0 quiet" };
	_cleanup_free_ char *line = NULL;

	(void)state;
	assert_int_equal(uki_cmdline_build(&c, &line, &err), 0);
	assert_string_equal(line,
			    "kiln.image=web kiln.version=1.4.0 kiln.roothash=1122"
			    "0000000000000000000000000000000000000000000000000000000000ff "
			    "kiln.verity=300,1,deadbeef ro panic=-1 systemd.crash_reboot=yes "
			    "systemd.crash_action=reboot systemd.gpt_auto=no "
			    "systemd.firstboot=off systemd.import_credentials=no "
			    "console=ttyS0 quiet");
}

static void credentials_are_taken_only_where_the_recipe_says_so(void **state)
{
	struct uki_cmdline c = { .image = "web", .version = "1", .verity = &verity,
				 .extra = "systemd.set_credential=a:b", .credentials = true };
	_cleanup_free_ char *line = NULL;

	(void)state;
	assert_int_equal(uki_cmdline_build(&c, &line, &err), 0);
	assert_null(strstr(line, "import_credentials"));
	assert_non_null(strstr(line, "firstboot=off systemd.set_credential=a:b"));
	c.credentials = false;
	assert_int_equal(uki_cmdline_build(&c, &line, &err), -EINVAL);
	assert_non_null(strstr(err.text, "'systemd.set_credential' does nothing without "
					 "image.credentials"));
}

static void the_watchdogs_of_the_initramfs_are_named(void **state)
{
	static const char *const words[] = { NULL, " kiln.watchdog=i6300esb ",
					     " kiln.watchdog=iTCO ", " kiln.watchdog=i6300esb,iTCO " };

	(void)state;
	for (unsigned set = 0; set < ARRAY_SIZE(words); set++) {
		struct uki_cmdline c = { .image = "web", .version = "1", .verity = &verity,
					 .watchdogs = set };
		_cleanup_free_ char *line = NULL;

		assert_int_equal(uki_cmdline_build(&c, &line, &err), 0);
		if (words[set])
			assert_non_null(strstr(line, words[set]));
		else
			assert_null(strstr(line, "watchdog"));
	}
}

/* What cannot be written as a name would be armed by nobody: better no image at all. */
static void an_unknown_watchdog_does_not_get_lost(void **state)
{
	struct uki_cmdline c = { .image = "web", .version = "1", .verity = &verity,
				 .watchdogs = 1u << 7 };
	char *line = NULL;

	(void)state;
	assert_int_equal(uki_cmdline_build(&c, &line, &err), -EINVAL);
	assert_null(line);
}

static void a_recipe_cannot_undo_what_kiln_decides(void **state)
{
	static char long_extra[2100];
	static const struct {
		const char *version, *extra, *says;
		int rc;
	} cases[] = {
		{ "1", "kiln.roothash=00", "'kiln.roothash' is set by kiln", -EINVAL },
		{ "1", "kiln.watchdog=iTCO", "'kiln.watchdog' is set by kiln", -EINVAL },
		{ "1", "quiet panic=0", "'panic' is set by kiln", -EINVAL },
		{ "1", "init=/bin/sh", "'init' is set by kiln", -EINVAL },
		{ "1", "systemd.import_credentials=yes", "is set by kiln", -EINVAL },
		{ "1", "systemd.import-credentials=yes", "is set by kiln", -EINVAL },
		{ "1", "systemd.crash_reboot=no", "is set by kiln", -EINVAL },
		{ "1", "systemd.crash-action=freeze", "is set by kiln", -EINVAL },
		{ "1", "systemd.gpt-auto=yes", "is set by kiln", -EINVAL },
		{ "1", "systemd.set-credential-binary=a:b", "without image.credentials", -EINVAL },
		{ "1", "quiet -- sh", "'--'", -EINVAL },
		{ "1", "a=\"b", "kernel.cmdline: ", -EINVAL },
		{ "1 kiln.verity=1,1,00", NULL, "no plain word", -EINVAL },
		{ "1", long_extra, "more than the kernel takes", -E2BIG },
	};

	(void)state;
	memset(long_extra, 'x', sizeof(long_extra) - 1);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct uki_cmdline c = { .image = "web", .version = cases[i].version,
					 .verity = &verity, .extra = cases[i].extra };
		char *line = (char *)"untouched";

		err_init(&err);
		assert_int_equal(uki_cmdline_build(&c, &line, &err), cases[i].rc);
		if (!strstr(err.text, cases[i].says))
			fail_msg("'%s' does not say '%s'", err.text, cases[i].says);
		assert_string_equal(line, "untouched");
	}
}

static uint32_t pe_checksum_of(const struct buf *b)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < b->len; i += 2)
		if (i != 0x58 + 64 && i != 0x58 + 66)
			sum += le16_load(b->data + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint32_t)(sum + b->len);
}

static void appended_sections_follow_the_image(void **state)
{
	static const char blob[700] = "kernel";
	const struct pe_new_section sections[] = { { ".cmdline", "quiet", 5 },
						   { ".linux", blob, sizeof(blob) } };
	_cleanup_buf_ struct buf out = BUF_INIT;
	uint8_t stub[FIXTURE_PE_BYTES];
	struct pe_section s;
	struct pe pe;

	(void)state;
	fixture_pe(stub);
	assert_int_equal(pe_append(stub, sizeof(stub), sections, 2, &out, &err), 0);
	assert_int_equal(out.len, 0x600 + 0x200 + 0x400);
	assert_int_equal(pe_parse(out.data, out.len, out.len, &pe), PE_OK);
	assert_int_equal(pe.n_sections, 3);
	assert_int_equal(pe.file_bytes, out.len);
	assert_int_equal(pe.size_of_image, 0x4000);
	assert_int_equal(pe_section_find(&pe, ".cmdline", &s), PE_OK);
	assert_int_equal(s.virtual_address, 0x2000);
	assert_int_equal(s.virtual_bytes, 5);
	assert_int_equal(s.raw_bytes, 0x200);
	assert_int_equal(s.characteristics, 0x40000040);
	assert_memory_equal(out.data + s.offset, "quiet", 5);
	assert_int_equal(pe_section_find(&pe, ".linux", &s), PE_OK);
	assert_int_equal(s.virtual_address, 0x3000);
	assert_memory_equal(out.data + s.offset, blob, sizeof(blob));
	assert_int_equal(le32_load(out.data + 0x58 + 64), pe_checksum_of(&out));
}

static void a_stub_without_room_or_with_the_section_is_refused(void **state)
{
	struct pe_new_section text = { ".text", "x", 1 }, many[16];
	_cleanup_buf_ struct buf out = BUF_INIT;
	static const char *const names[] = { ".a", ".b", ".c", ".d", ".e", ".f", ".g", ".h",
					     ".i", ".j", ".k", ".l", ".m", ".n", ".o", ".p" };
	uint8_t stub[FIXTURE_PE_BYTES];

	(void)state;
	fixture_pe(stub);
	for (size_t i = 0; i < 16; i++)
		many[i] = (struct pe_new_section){ names[i], "x", 1 };
	assert_int_equal(pe_append(stub, sizeof(stub), &text, 1, &out, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "has a section .text already"));
	/* 0x400 bytes of headers have room for 17 sections after 0x148, 0x380 do not. */
	assert_int_equal(pe_append(stub, sizeof(stub), many, 16, &out, &err), 0);
	buf_done(&out);
	le32_store(stub + 0x58 + 60, 0x380);
	assert_int_equal(pe_append(stub, sizeof(stub), many, 16, &out, &err), -ENOSPC);
	assert_int_equal(out.len, 0);
	stub[0] = 'N';
	assert_int_equal(pe_append(stub, sizeof(stub), many, 1, &out, &err), -EBADMSG);
}

static char dir[64];
static char *stub_path, *kernel_path;

static int setup(void **state)
{
	uint8_t pe[FIXTURE_PE_BYTES];

	(void)state;
	strcpy(dir, "/tmp/kiln-uki-XXXXXX");
	assert_non_null(mkdtemp(dir));
	stub_path = path_join(dir, "stub");
	kernel_path = path_join(dir, "vmlinuz");
	fixture_pe(pe);
	assert_int_equal(atomic_file_write(stub_path, pe, sizeof(pe), 0644, NULL), 0);
	fixture_kernel(pe, "6.1.0-test");
	return atomic_file_write(kernel_path, pe, sizeof(pe), 0644, NULL);
}

static int teardown(void **state)
{
	(void)state;
	free(stub_path);
	free(kernel_path);
	return path_remove_tree(dir);
}

static int build(const char *stub, const char *kernel, const char *release, struct buf *out)
{
	struct uki_options o = {
		.stub = stub, .kernel = kernel, .release = release, .os_release = "ID=debian\n",
		.cmdline = "kiln.image=x", .initrd = "initrd", .initrd_len = 6,
	};

	err_init(&err);
	return uki_build(&o, out, &err);
}

static void a_uki_holds_its_five_sections_and_is_reproducible(void **state)
{
	static const char *const names[] = { ".osrel", ".uname", ".cmdline", ".linux", ".initrd" };
	_cleanup_buf_ struct buf one = BUF_INIT, two = BUF_INIT;
	struct pe_section s;
	struct pe pe;

	(void)state;
	if (build(stub_path, kernel_path, "6.1.0-test", &one))
		fail_msg("%s", err.text);
	assert_int_equal(build(stub_path, kernel_path, "6.1.0-test", &two), 0);
	assert_int_equal(one.len, two.len);
	assert_memory_equal(one.data, two.data, one.len);
	assert_int_equal(pe_parse(one.data, one.len, one.len, &pe), PE_OK);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(pe_section_find(&pe, names[i], &s), PE_OK);
	assert_memory_equal(one.data + s.offset, "initrd", 6);
}

static void wrong_inputs_are_named(void **state)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(build("/nonexistent/stub", kernel_path, "6.1.0-test", &out), -ENOENT);
	assert_non_null(strstr(err.text, "/nonexistent/stub"));
	assert_int_equal(build(stub_path, kernel_path, "6.1.0-tes", &out), -EBADMSG);
	assert_non_null(strstr(err.text, "is not version '6.1.0-tes'"));
	assert_int_equal(build(stub_path, stub_path, "6.1.0-test", &out), -EBADMSG);
	assert_non_null(strstr(err.text, "boot protocol"));
	assert_int_equal(build(kernel_path, "/dev/null", "6.1.0-test", &out), -EBADMSG);
	assert_int_equal(out.len, 0);
}

/* The builder runs the stub's own code on its result. */
static void what_the_stub_would_refuse_is_not_built(void **state)
{
	static const struct {
		const char *cmdline, *says;
	} cases[] = {
		{ "kiln.image=x\nquiet", ".cmdline: not printable ASCII" },
		{ "kiln.image=\xc3\xa4", ".cmdline: not printable ASCII" },
	};
	struct uki_options o = {
		.stub = stub_path, .kernel = kernel_path, .release = "6.1.0-test",
		.os_release = "ID=debian\n", .initrd = "initrd", .initrd_len = 6,
	};
	_cleanup_buf_ struct buf out = BUF_INIT;
	uint8_t pe[FIXTURE_PE_BYTES];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		err_init(&err);
		o.cmdline = cases[i].cmdline;
		assert_int_equal(uki_build(&o, &out, &err), -EBADMSG);
		if (!strstr(err.text, cases[i].says))
			fail_msg("'%s' does not say '%s'", err.text, cases[i].says);
	}
	/* A kernel that the firmware might load and our loader does not: its entry is no code. */
	fixture_kernel(pe, "6.1.0-test");
	le32_store(pe + 0x58 + 16, 0x100);
	assert_int_equal(atomic_file_write(kernel_path, pe, sizeof(pe), 0644, NULL), 0);
	o.cmdline = "quiet";
	err_init(&err);
	assert_int_equal(uki_build(&o, &out, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "entry point"));
	assert_int_equal(out.len, 0);
}

static void a_uki_larger_than_its_slot_says_by_how_much(void **state)
{
	(void)state;
	assert_int_equal(uki_check_fit((1 << 20) - SLOTDESC_BYTES, 1 << 20, &err), 0);
	assert_int_equal(uki_check_fit((1 << 20) - SLOTDESC_BYTES + 7, 1 << 20, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "7 more than slots.boot holds (1 MiB)"));
	assert_non_null(strstr(err.text, "at least 2M"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_command_line_is_contract_order),
		cmocka_unit_test(the_watchdogs_of_the_initramfs_are_named),
		cmocka_unit_test(an_unknown_watchdog_does_not_get_lost),
		cmocka_unit_test(credentials_are_taken_only_where_the_recipe_says_so),
		cmocka_unit_test(a_recipe_cannot_undo_what_kiln_decides),
		cmocka_unit_test(appended_sections_follow_the_image),
		cmocka_unit_test(a_stub_without_room_or_with_the_section_is_refused),
		cmocka_unit_test_setup_teardown(a_uki_holds_its_five_sections_and_is_reproducible,
						setup, teardown),
		cmocka_unit_test_setup_teardown(wrong_inputs_are_named, setup, teardown),
		cmocka_unit_test_setup_teardown(what_the_stub_would_refuse_is_not_built, setup,
						teardown),
		cmocka_unit_test(a_uki_larger_than_its_slot_says_by_how_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
