/* Lists of cuts, and the simple ways to make them: see cuts.h. */
#include "builder/bundle/cuts.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/core/pe.h"

int cuts_add(struct cuts *c, uint64_t end)
{
	if (c->n == c->cap) {
		size_t cap = c->cap ? 2 * c->cap : 256;
		uint64_t *more = reallocarray(c->end, cap, sizeof(*more));

		if (!more)
			return -ENOMEM;
		c->end = more;
		c->cap = cap;
	}
	c->end[c->n++] = end;
	return 0;
}

void cuts_done(struct cuts *c)
{
	free(c->end);
	*c = (struct cuts){ .n = 0 };
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

int cuts_finish(struct cuts *c, uint64_t bytes, uint32_t most)
{
	struct cuts out = { .n = 0 };
	uint64_t start = 0;
	int r = cuts_add(c, bytes);

	if (r)
		return r;
	qsort(c->end, c->n, sizeof(*c->end), by_value);
	for (size_t i = 0; i < c->n && c->end[i] <= bytes; i++) {
		for (; r == 0 && c->end[i] - start > most; start += most)
			r = cuts_add(&out, start + most);
		if (r == 0 && c->end[i] > start)
			r = cuts_add(&out, c->end[i]);
		if (r) {
			cuts_done(&out);
			return r;
		}
		start = c->end[i];
	}
	cuts_done(c);
	*c = out;
	return 0;
}

void cuts_thin(struct cuts *c, uint32_t least, uint32_t most)
{
	uint64_t start = 0;
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++) {
		uint64_t next = i + 1 < c->n ? c->end[i + 1] : 0;

		if (next && c->end[i] - start < least && next - start <= most)
			continue;
		start = c->end[i];
		c->end[n++] = start;
	}
	c->n = n;
}

int cuts_plain(struct cuts *c, uint64_t bytes, uint32_t piece)
{
	int r = 0;

	for (uint64_t at = piece; r == 0 && at < bytes; at += piece)
		r = cuts_add(c, at);
	return r ? r : cuts_add(c, bytes);
}

int cuts_pe(struct cuts *c, const uint8_t *image, uint64_t bytes, uint32_t piece, struct err *err)
{
	struct pe_section s;
	struct pe pe;
	int r = pe_parse(image, bytes, bytes, &pe);

	if (r != PE_OK)
		return err_set(err, -EBADMSG, "cannot cut it: %s", pe_error_text(r));
	r = 0;
	for (unsigned i = 0; r == 0 && pe_section_at(&pe, i, &s) == PE_OK; i++) {
		r = cuts_add(c, s.offset);
		for (uint64_t at = piece; r == 0 && at < s.raw_bytes; at += piece)
			r = cuts_add(c, s.offset + at);
		if (r == 0)
			r = cuts_add(c, (uint64_t)s.offset + s.raw_bytes);
	}
	return r ? err_oom(err) : 0;
}
