/* See bootlog.h. */
#include "qemu/bootlog.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/atomic_file.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/path.h"

char *bootlog_name(unsigned number)
{
	return str_printf("boot-%u.log", number);
}

/* Which boot said what came at @at_ms. */
static unsigned boot_at(const struct timeline *t, uint64_t at_ms)
{
	unsigned i = t->n - 1;

	while (i > 0 && at_ms < t->boot[i].start_ms)
		i--;
	if (i > 0 && t->boot[i - 1].end == TIMELINE_RESET &&
	    at_ms - t->boot[i].start_ms < BOOTLOG_LAST_WORDS_MS)
		i--;
	return i;
}

static void add_line(const struct timeline *t, unsigned idx, uint64_t at_ms, const char *text,
		     struct buf *out)
{
	uint64_t start = t->boot[idx].start_ms, ms;

	if (!*text || at_ms < t->boot[0].start_ms || boot_at(t, at_ms) != idx)
		return;
	ms = at_ms - start;
	buf_addf(out, "%4" PRIu64 ".%03" PRIu64 "  %s\n", ms / 1000, ms % 1000, text);
}

/* Cut the middle out of what was appended behind @from, at whole lines. */
static void shorten(struct buf *out, size_t from)
{
	size_t half = BOOTLOG_BYTES_MAX / 2, head = from + half, tail = out->len - half;
	_cleanup_buf_ struct buf kept = BUF_INIT;

	while (head > from && out->data[head - 1] != '\n')
		head--;
	while (tail < out->len && out->data[tail - 1] != '\n')
		tail++;
	buf_addf(&kept, "          ... %zu bytes are left out here; serial.log has all ...\n",
		 tail - head);
	buf_add(&kept, out->data + tail, out->len - tail);
	out->len = head;
	buf_add(out, kept.data, kept.len);
	out->oom |= kept.oom;
}

void bootlog_text(const struct serial *s, const struct timeline *t, unsigned idx, struct buf *out)
{
	size_t from = out->len;

	if (idx >= t->n)
		return;
	for (size_t i = 0; i < s->n; i++)
		add_line(t, idx, s->lines[i].at_ms, s->lines[i].text, out);
	if (s->cur_len)
		add_line(t, idx, s->cur_at_ms, s->cur, out);
	if (buf_ok(out) && out->len - from > BOOTLOG_BYTES_MAX)
		shorten(out, from);
}

static void remove_old(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		size_t len = strlen(e->d_name);

		if (len > 9 && !strncmp(e->d_name, "boot-", 5) &&
		    !strcmp(e->d_name + len - 4, ".log"))
			(void)unlinkat(dirfd(d), e->d_name, 0);
	}
	if (d)
		closedir(d);
}

int bootlog_write(const char *dir, const struct serial *s, const struct timeline *t,
		  struct err *err)
{
	int r = 0;

	remove_old(dir);
	for (unsigned i = 0; r == 0 && i < t->n; i++) {
		_cleanup_buf_ struct buf text = BUF_INIT;
		_cleanup_free_ char *name = bootlog_name(t->dropped + i + 1);
		_cleanup_free_ char *path = name ? path_join(dir, name) : NULL;

		bootlog_text(s, t, i, &text);
		if (!path || !buf_ok(&text))
			return err_oom(err);
		r = atomic_file_write(path, text.data ? text.data : "", text.len, 0644, err);
	}
	return r;
}
