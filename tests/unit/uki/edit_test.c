/* A changed UKI is, byte for byte, the UKI that would have been built that way. */
#include "uki/edit.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "tests/unit/builder/uki_fixture.h"
#include "uki/cpio.h"
#include "uki/pe_append.h"
#include "uki/zpack.h"

static struct err err;

static void make(const char *cmdline, const char *kernel_text, const char *initrd, struct buf *ret)
{
	uint8_t stub[FIXTURE_PE_BYTES];
	const struct pe_new_section sections[] = {
		{ ".osrel", "ID=x\n", 5 },
		{ ".uname", "6.1", 3 },
		{ ".cmdline", cmdline, strlen(cmdline) },
		{ ".linux", kernel_text, strlen(kernel_text) },
		{ ".initrd", initrd, strlen(initrd) },
	};

	fixture_pe(stub);
	assert_int_equal(pe_append(stub, sizeof(stub), sections, 5, ret, &err), 0);
}

static void check(const struct uki_edit *edit, const char *cmdline, const char *kernel_text,
		  const char *initrd)
{
	_cleanup_buf_ struct buf before = BUF_INIT, after = BUF_INIT, want = BUF_INIT;

	make("quiet ro", "kernel", "archive", &before);
	make(cmdline, kernel_text, initrd, &want);
	if (uki_edit(before.data, before.len, edit, &after, &err))
		fail_msg("%s", err.text);
	assert_int_equal(after.len, want.len);
	assert_memory_equal(after.data, want.data, want.len);
}

static void an_edited_uki_is_as_built(void **state)
{
	struct uki_edit nothing = { 0 }, cmdline = { .cmdline = "a much longer command line" },
			kernel = { .kernel = "other", .kernel_len = 5 },
			all = { .cmdline = "c", .kernel = "k", .kernel_len = 1, .initrd = "more",
				.initrd_len = 4 };
	char big[5000];

	(void)state;
	memset(big, 'c', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	check(&nothing, "quiet ro", "kernel", "archive");
	check(&cmdline, "a much longer command line", "kernel", "archive");
	check(&kernel, "quiet ro", "other", "archive");
	check(&(struct uki_edit){ .cmdline = big }, big, "kernel", "archive");
	/* Seven bytes of the first archive, one zero, then the second. */
	{
		_cleanup_buf_ struct buf before = BUF_INIT, after = BUF_INIT;

		make("quiet ro", "kernel", "archive", &before);
		assert_int_equal(uki_edit(before.data, before.len, &all, &after, &err), 0);
		assert_non_null(memmem(after.data, after.len, "archive\0more", 12));
	}
}

static void what_is_no_uki_is_not_edited(void **state)
{
	_cleanup_buf_ struct buf uki = BUF_INIT, ret = BUF_INIT, more = BUF_INIT;
	const struct pe_new_section extra = { ".extra", "x", 1 };
	struct uki_edit nothing = { 0 };
	uint8_t stub[FIXTURE_PE_BYTES];
	char *line = NULL;

	(void)state;
	fixture_pe(stub);
	assert_int_equal(uki_edit(stub, sizeof(stub), &nothing, &ret, &err), -EBADMSG);
	assert_non_null(strstr(err.text, ".osrel"));
	assert_int_equal(uki_edit("MZ", 2, &nothing, &ret, &err), -EBADMSG);
	make("quiet", "kernel", "archive", &uki);
	assert_int_equal(pe_append(uki.data, uki.len, &extra, 1, &more, &err), 0);
	assert_int_equal(uki_edit(more.data, more.len, &nothing, &ret, &err), -EBADMSG);
	assert_int_equal(ret.len, 0);
	assert_int_equal(uki_cmdline(stub, sizeof(stub), &line, &err), -EBADMSG);
	assert_int_equal(uki_cmdline(uki.data, uki.len, &line, &err), 0);
	assert_string_equal(line, "quiet");
	free(line);
}

/* A UKI with a compressed archive of three. */
static void make_archived(struct buf *ret)
{
	_cleanup_buf_ struct buf raw = BUF_INIT, packed = BUF_INIT, before = BUF_INIT;
	struct cpio c = CPIO_INIT(&raw, 0);
	uint8_t stub[FIXTURE_PE_BYTES];
	struct pe_new_section sections[] = {
		{ ".osrel", "ID=x\n", 5 }, { ".uname", "6.1", 3 },  { ".cmdline", "quiet", 5 },
		{ ".linux", "kernel", 6 },  { ".initrd", NULL, 0 },
	};

	cpio_dir(&c, "lib", 0755);
	cpio_file(&c, "init", 0755, "program", 7);
	cpio_file(&c, "modules.list", 0644, "/lib/a.ko\n", 10);
	cpio_end(&c);
	assert_int_equal(zpack_zstd(raw.data, raw.len, 3, &packed, &err), 0);
	sections[4].data = packed.data;
	sections[4].len = packed.len;
	fixture_pe(stub);
	assert_int_equal(pe_append(stub, sizeof(stub), sections, 5, ret, &err), 0);
}

static void a_file_of_the_initramfs_is_read(void **state)
{
	_cleanup_buf_ struct buf uki = BUF_INIT, bad = BUF_INIT;
	char *text = NULL;

	(void)state;
	make_archived(&uki);
	assert_int_equal(uki_initrd_file(uki.data, uki.len, "modules.list", 10, &text, &err), 0);
	assert_string_equal(text, "/lib/a.ko\n");
	free(text);
	assert_int_equal(uki_initrd_file(uki.data, uki.len, "modules.list", 9, &text, &err), -EFBIG);
	assert_int_equal(uki_initrd_file(uki.data, uki.len, "lib", 9, &text, &err), -ENOENT);
	assert_int_equal(uki_initrd_file("MZ", 2, "init", 9, &text, &err), -EBADMSG);
	make("quiet", "kernel", "no archive", &bad);
	assert_int_equal(uki_initrd_file(bad.data, bad.len, "init", 9, &text, &err), -EBADMSG);
}

static void a_cut_is_the_reverse_of_an_append(void **state)
{
	_cleanup_buf_ struct buf uki = BUF_INIT, stub = BUF_INIT, again = BUF_INIT;
	const struct pe_new_section extra = { ".extra", "0123456789", 10 };
	uint8_t before[FIXTURE_PE_BYTES];

	(void)state;
	fixture_pe(before);
	assert_int_equal(pe_append(before, sizeof(before), &extra, 1, &uki, &err), 0);
	assert_int_equal(pe_cut(uki.data, uki.len, 1, &stub, &err), 0);
	assert_int_equal(pe_append(stub.data, stub.len, &extra, 1, &again, &err), 0);
	assert_int_equal(again.len, uki.len);
	assert_memory_equal(again.data, uki.data, uki.len);
	assert_int_equal(pe_cut(uki.data, uki.len, 0, &stub, &err), -EBADMSG);
	assert_int_equal(pe_cut(uki.data, uki.len, 3, &stub, &err), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_edited_uki_is_as_built),
		cmocka_unit_test(what_is_no_uki_is_not_edited),
		cmocka_unit_test(a_file_of_the_initramfs_is_read),
		cmocka_unit_test(a_cut_is_the_reverse_of_an_append),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
