/* See source.h. */
#include "builder/recipe/source.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/json.h"

/* More complaints than this tell a reader nothing new. */
#define DIAGS_MAX 40
/* Longest part of a line shown, in characters; the rest is cut on both sides. */
#define EXCERPT_MAX 90
#define WHAT_MAX 512

struct source *source_free(struct source *s)
{
	while (s) {
		struct source *next = s->next;

		free(s->name);
		free(s->dir);
		free(s->data);
		free(s);
		s = next;
	}
	return NULL;
}

void diags_done(struct diags *d)
{
	for (size_t i = 0; i < d->n; i++)
		free(d->item[i].what);
	free(d->item);
	*d = (struct diags){ 0 };
}

bool diags_none(const struct diags *d)
{
	return !d->n && !d->oom;
}

/* Bytes of the text go into messages: keep them on one line and out of the terminal's hands. */
static void make_printable(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

void diag_add(struct diags *d, const struct source *src, struct place at, const char *fmt, ...)
{
	char text[WHAT_MAX];
	va_list ap;

	if (d->n == DIAGS_MAX) {
		d->dropped++;
		return;
	}
	if (d->n == d->cap) {
		size_t cap = d->cap ? 2 * d->cap : 8;
		struct diag *item = reallocarray(d->item, cap, sizeof(*item));

		if (!item) {
			d->oom = true;
			return;
		}
		d->item = item;
		d->cap = cap;
	}
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	make_printable(text);
	d->item[d->n] = (struct diag){ .src = src, .at = at, .seq = d->n, .what = strdup(text) };
	if (!d->item[d->n].what)
		d->oom = true;
	else
		d->n++;
}

static int by_place(const void *a, const void *b)
{
	const struct diag *x = a, *y = b;

	if (x->src->idx != y->src->idx)
		return x->src->idx < y->src->idx ? -1 : 1;
	if (x->at.line != y->at.line)
		return x->at.line < y->at.line ? -1 : 1;
	if (x->at.col != y->at.col)
		return x->at.col < y->at.col ? -1 : 1;
	return x->seq < y->seq ? -1 : 1;
}

static size_t char_bytes(const char *p, const char *end)
{
	size_t n = 1;

	while (p + n < end && ((unsigned char)p[n] & 0xc0) == 0x80)
		n++;
	return n;
}

/* The bounds of line @line of @src; false when there is no such line. */
static bool find_line(const struct source *src, unsigned line, const char **ret_start,
		      const char **ret_end)
{
	const char *p = src->data, *end = src->data + src->len, *nl;

	if (src->len >= 3 && !memcmp(p, "\xef\xbb\xbf", 3))
		p += 3;
	for (unsigned i = 1; i < line; i++) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (!nl)
			return false;
		p = nl + 1;
	}
	nl = memchr(p, '\n', (size_t)(end - p));
	*ret_start = p;
	*ret_end = nl ? nl : end;
	if (*ret_end > p && (*ret_end)[-1] == '\r')
		(*ret_end)--;
	return true;
}

/* The offending line, cut around the column when it is long, and the caret below. */
static void show_line(struct buf *out, const struct source *src, struct place at)
{
	const char *p, *end;
	unsigned col = 1, shown = 0, first = at.col > EXCERPT_MAX ? at.col - EXCERPT_MAX / 2 : 1;
	char number[16];

	if (!at.line || !find_line(src, at.line, &p, &end) || p == end)
		return;
	snprintf(number, sizeof(number), "%5u", at.line);
	buf_addf(out, "\n%s | %s", number, first > 1 ? "..." : "");
	for (; p < end && shown < EXCERPT_MAX; col++) {
		size_t n = char_bytes(p, end);

		if (col >= first) {
			if ((unsigned char)*p < 0x20 || *p == 0x7f)
				buf_addc(out, *p == '\t' ? ' ' : '?');
			else
				buf_add(out, p, n);
			shown++;
		}
		p += n;
	}
	buf_addf(out, "%s\n%*s | %*s^", p < end ? "..." : "", (int)strlen(number), "",
		 (int)(at.col - first + (first > 1 ? 3 : 0)), "");
}

static void show_diag(struct buf *out, const struct diag *d)
{
	buf_addf(out, "%s%s:%u:%u: %s", out->len ? "\n" : "", d->src->name, d->at.line, d->at.col,
		 d->what);
	show_line(out, d->src, d->at);
	if (d->src->includer)
		buf_addf(out, "\n        included by %s:%u:%u", d->src->includer->name,
			 d->src->at.line, d->src->at.col);
}

void diags_json(struct diags *d, struct buf *out)
{
	struct json j = JSON_INIT(out);

	if (d->n)
		qsort(d->item, d->n, sizeof(*d->item), by_place);
	json_open(&j, NULL, '{');
	json_bool(&j, "ok", diags_none(d));
	json_open(&j, "errors", '[');
	for (size_t i = 0; i < d->n; i++) {
		json_open(&j, NULL, '{');
		json_str(&j, "file", d->item[i].src->name);
		json_u64(&j, "line", d->item[i].at.line);
		json_u64(&j, "column", d->item[i].at.col);
		json_str(&j, "message", d->item[i].what);
		json_close(&j);
	}
	json_close(&j);
	json_close(&j);
	buf_addc(out, '\n');
}

int diags_report(struct diags *d, struct err *err)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	if (d->oom)
		return err_oom(err);
	qsort(d->item, d->n, sizeof(*d->item), by_place);
	for (size_t i = 0; i < d->n; i++)
		show_diag(&out, &d->item[i]);
	if (d->dropped)
		buf_addf(&out, "\nand %zu more", d->dropped);
	if (!buf_ok(&out))
		return err_oom(err);
	return err_set(err, -EINVAL, "%s", out.data);
}
