/* What a .deb may not do to its reader: threats A1, A2, A5, A7, A10, A14. */
#include "builder/rootfs/deb.h"

#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "tests/unit/builder/rootfs_fixture.h"

static struct err err;

/* Names and types as they come out, and the content of files. */
static int collect(void *arg, const struct deb_entry *e, struct deb_stream *content,
		   struct err *er)
{
	struct buf *out = arg;
	const void *data;
	size_t len;
	int r = 0;

	buf_addf(out, "%c %o %u:%u %s", e->type, e->mode, e->uid, e->gid, e->path);
	if (e->link)
		buf_addf(out, " -> %s", e->link);
	while ((r = deb_stream_next(content, &data, &len, er)) == 0 && len)
		buf_addf(out, " [%.*s]", (int)len, (const char *)data);
	buf_addc(out, '\n');
	return r;
}

static int read_deb(const struct buf *bytes, struct buf *out)
{
	_cleanup_close_ int fd = fd_of(bytes);
	struct deb_control c = { 0 };
	struct deb *d = NULL;
	int r = deb_open(&d, fd, "x.deb", &err);

	if (r == 0)
		r = deb_control(d, &c, &err);
	if (r == 0)
		r = deb_data(d, collect, out, &err);
	deb_control_done(&c);
	deb_close(d);
	return r;
}

static int read_items(const struct tar_item *items, size_t n, struct buf *out)
{
	struct buf bytes = deb_make("Package: x\n", items, n);
	int r = read_deb(&bytes, out);

	buf_done(&bytes);
	return r;
}

static void entries_come_out_normalised(void **state)
{
	const struct tar_item items[] = {
		{ .name = "./", .type = '5', .mode = 0777 },
		{ .name = "./usr//bin/./tool", .type = '0', .content = "hello", .mode = 04755 },
		{ .name = "./bin", .type = '2', .link = "usr/bin" },
		{ .name = "./usr/bin/again", .type = '1', .link = "./usr/bin/tool" },
	};
	struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(read_items(items, ARRAY_SIZE(items), &out), 0);
	assert_string_equal(out.data, "d 777 0:0 \n"
				      "f 4755 0:0 usr/bin/tool [hello]\n"
				      "l 644 0:0 bin -> usr/bin\n"
				      "h 644 0:0 usr/bin/again -> usr/bin/tool\n");
	buf_done(&out);
}

static void hostile_entries_are_refused(void **state)
{
	static const struct {
		struct tar_item item;
		const char *why;
	} cases[] = {
		{ { .name = "../x", .type = '0', .content = "a" }, "'..'" },
		{ { .name = "a/../../x", .type = '0', .content = "a" }, "'..'" },
		{ { .name = "./../x", .type = '5' }, "'..'" },
		{ { .name = "/abs", .type = '0', .content = "a" }, "absolute" },
		{ { .name = "dev/null", .type = '3' }, "a device, fifo or socket" },
		{ { .name = "dev/sda", .type = '4' }, "a device, fifo or socket" },
		{ { .name = "fifo", .type = '6' }, "a device, fifo or socket" },
		{ { .name = ".", .type = '2', .link = "/etc" }, "root is not a directory" },
		{ { .name = "./", .type = '1', .link = "etc" }, "root is not a directory" },
		{ { .name = "a", .type = '1', .link = "../../etc/shadow" }, "leaves the root" },
		{ { .name = "a\nb", .type = '0', .content = "a" }, "newline" },
		{ { .name = "a", .type = '0', .content = "a", .uid = 70000 }, "owner" },
		{ { .name = "a", .type = '0', .content = "a", .size_field = "77777777777" }, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct buf out = BUF_INIT;

		err_init(&err);
		assert_int_equal(read_items(&cases[i].item, 1, &out), -EBADMSG);
		assert_non_null(strstr(err.text, cases[i].why));
		assert_non_null(strstr(err.text, "x.deb"));
		buf_done(&out);
	}
}

/* One change to the ar container that deb(5) does not allow. */
enum damage {
	NO_MAGIC, OLD_FORMAT, NO_CONTROL, NO_DATA, TWO_DATA, SLASH_NAME, HUGE_SIZE, NEGATIVE_SIZE,
	BLANK_SIZE, JUNK, CUT, UNKNOWN_KIND, DAMAGES
};

static struct buf damaged(enum damage d)
{
	struct tar_item file = { .name = "./control", .type = '0', .content = "Package: x\n" };
	struct buf tar = tar_make(&file, 1), out = BUF_INIT;

	buf_adds(&out, d == NO_MAGIC ? "!<arhc>\n" : "!<arch>\n");
	ar_add(&out, "debian-binary", NULL, d == OLD_FORMAT ? "0.939000\n" : "2.0\n",
	       d == OLD_FORMAT ? 9 : 4);
	if (d != NO_CONTROL)
		ar_add(&out, d == UNKNOWN_KIND ? "control.tar.lzo" : "control.tar", NULL, tar.data,
		       tar.len);
	if (d != NO_DATA)
		ar_add(&out, d == SLASH_NAME ? "data/tar" : "data.tar",
		       d == HUGE_SIZE	  ? "9999999999" :
		       d == NEGATIVE_SIZE ? "-1" :
		       d == BLANK_SIZE	  ? " " :
					    NULL,
		       tar.data, tar.len);
	if (d == TWO_DATA)
		ar_add(&out, "data.tar", NULL, tar.data, tar.len);
	if (d == JUNK)
		buf_adds(&out, "junk");
	if (d == CUT)
		out.len -= 700;
	buf_done(&tar);
	return out;
}

static void damaged_containers_are_refused(void **state)
{
	(void)state;
	for (enum damage d = 0; d < DAMAGES; d++) {
		struct buf bytes = damaged(d), out = BUF_INIT;

		err_init(&err);
		if (read_deb(&bytes, &out) != -EBADMSG || !err.text[0])
			fail_msg("damage %d was accepted", d);
		buf_done(&bytes);
		buf_done(&out);
	}
}

static void control_files_are_plain_and_unique(void **state)
{
	static const struct tar_item cases[][2] = {
		{ { .name = "./control", .type = '0', .content = "Package: x\n" },
		  { .name = "./control", .type = '0', .content = "Package: y\n" } },
		{ { .name = "./control", .type = '2', .link = "/etc/shadow" },
		  { .name = "./x", .type = '0', .content = "" } },
		{ { .name = "./sub/control", .type = '0', .content = "a" },
		  { .name = "./x", .type = '0', .content = "" } },
		{ { .name = "./postinst", .type = '0', .content = "a" },
		  { .name = "./x", .type = '0', .content = "" } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct buf ctl = tar_make(cases[i], 2), bytes = BUF_INIT, out = BUF_INIT;

		buf_adds(&bytes, "!<arch>\n");
		ar_add(&bytes, "debian-binary", NULL, "2.0\n", 4);
		ar_add(&bytes, "control.tar", NULL, ctl.data, ctl.len);
		ar_add(&bytes, "data.tar", NULL, ctl.data, ctl.len);
		assert_int_equal(read_deb(&bytes, &out), -EBADMSG);
		buf_done(&ctl);
		buf_done(&bytes);
		buf_done(&out);
	}
}

static void a_member_is_read_by_the_name_it_has(void **state)
{
	struct tar_item file = { .name = "./control", .type = '0', .content = "Package: x\n" };
	struct buf tar = tar_make(&file, 1), bytes = BUF_INIT, out = BUF_INIT;

	(void)state;
	/* A plain tar called .xz is broken, not quietly read. */
	buf_adds(&bytes, "!<arch>\n");
	ar_add(&bytes, "debian-binary", NULL, "2.0\n", 4);
	ar_add(&bytes, "control.tar", NULL, tar.data, tar.len);
	ar_add(&bytes, "data.tar.xz", NULL, tar.data, tar.len);
	assert_int_equal(read_deb(&bytes, &out), -EBADMSG);
	assert_non_null(strstr(err.text, "data.tar.xz"));
	buf_done(&tar);
	buf_done(&bytes);
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_come_out_normalised),
		cmocka_unit_test(hostile_entries_are_refused),
		cmocka_unit_test(damaged_containers_are_refused),
		cmocka_unit_test(control_files_are_plain_and_unique),
		cmocka_unit_test(a_member_is_read_by_the_name_it_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
