/* The files of a report: what is read back from the output directory, and what goes there. */
#include "qemu/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/atomic_file.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"
#include "qemu/bootlog.h"

#define LOG_KEPT 16384 /* bytes of a boot's log kept for its last lines */

/* The end of the log of boot @number of the scenario @name. 0, also without one, or -ENOMEM. */
static int load_log(const char *output, const char *name, unsigned number, char **ret)
{
	_cleanup_free_ char *dir = path_join(output, name), *file = bootlog_name(number);
	_cleanup_free_ char *path = dir && file ? path_join(dir, file) : NULL, *text = NULL;
	size_t len;

	if (!path)
		return -ENOMEM;
	if (io_read_file(path, 2 * BOOTLOG_BYTES_MAX, &text, &len, NULL) < 0)
		return 0;
	/* Nothing in it is longer than a line of text; a NUL ends what is shown. */
	*ret = strdup(text + (len > LOG_KEPT ? len - LOG_KEPT : 0));
	return *ret ? 0 : -ENOMEM;
}

int report_load_logs(struct report *r, struct err *err)
{
	for (unsigned i = 0; i < r->n; i++) {
		struct report_case *c = &r->cases[i];
		const struct timeline *t = &c->result.timeline;

		for (unsigned k = 0; k < t->n; k++)
			if (load_log(r->output, c->name, t->dropped + k + 1, &c->boot_log[k]) < 0)
				return err_oom(err);
	}
	return 0;
}

static int write_one(const struct report *r, const char *name,
		     void (*writer)(const struct report *r, struct buf *out), struct err *err)
{
	_cleanup_free_ char *path = path_join(r->output, name);
	_cleanup_buf_ struct buf b = BUF_INIT;

	writer(r, &b);
	if (!path || !buf_ok(&b))
		return err_oom(err);
	return atomic_file_write(path, b.data, b.len, 0644, err);
}

int report_write(const struct report *r, struct err *err)
{
	int a = write_one(r, "junit.xml", report_junit, err);

	return a < 0 ? a : write_one(r, "report.html", report_html, err);
}

void report_remove(const char *output)
{
	static const char *const names[] = { "junit.xml", "report.html" };

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *path = path_join(output, names[i]);

		if (path)
			(void)unlink(path);
	}
}

void report_done(struct report *r)
{
	for (unsigned i = 0; i < r->n; i++) {
		free(r->cases[i].again);
		free(r->cases[i].source);
		for (unsigned k = 0; k < TIMELINE_BOOTS_MAX; k++)
			free(r->cases[i].boot_log[k]);
	}
}
