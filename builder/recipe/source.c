/* See source.h. */
#include "builder/recipe/source.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
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

/* Bytes of the character at @p, or 0 when it is not UTF-8 or not allowed in a text. */
static size_t text_char(const unsigned char *p, size_t left, uint32_t *ret)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 :
		   p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : 0;
	uint32_t c = n == 1 ? p[0] : n ? p[0] & (0xffu >> (n + 1)) : 0;

	if (!n || n > left)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if ((n == 3 && c < 0x800) || (n == 4 && c < 0x10000) || c > 0x10ffff ||
	    (c >= 0xd800 && c < 0xe000))
		return 0;
	*ret = c;
	return n;
}

/* Why the character may not stand in a recipe, or NULL. */
static const char *refused_char(uint32_t c)
{
	if (c == 0)
		return "NUL byte in the text";
	if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || (c >= 0x7f && c < 0xa0))
		return "control character in the text";
	if (c == 0x2028 || c == 0x2029)
		return "Unicode line separator in the text";
	if (c == 0xfeff)
		return "byte order mark inside the text";
	if ((c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069))
		return "invisible text direction character";
	if (c == 0xfffe || c == 0xffff)
		return "not a character";
	return NULL;
}

size_t source_char(const char *p, size_t left, const char **ret_why)
{
	uint32_t c = 0;
	size_t n = text_char((const unsigned char *)p, left, &c);

	*ret_why = n ? refused_char(c) : "not UTF-8 text";
	return n ? n : 1;
}

/* The bounds of line @line of @src; false when there is no such line. */
static bool find_line(const struct source *src, unsigned line, const char **ret_start,
		      const char **ret_end)
{
	const char *p = src->data, *end = src->data + src->len, *nl;

	if (!p)
		return false;
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
		const char *why;
		size_t n = source_char(p, (size_t)(end - p), &why);

		if (col >= first) {
			/* What no text may hold must not reach a terminal either. */
			buf_add(out, why ? "?" : *p == '\t' ? " " : p, why ? 1 : n);
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
