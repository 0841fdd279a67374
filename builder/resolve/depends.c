/* See depends.h. */
#include "builder/resolve/depends.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

static void skip_blanks(struct depends_reader *r)
{
	while (r->p < r->end && strchr(" \t\n\r", *r->p) && *r->p)
		r->p++;
}

static bool name_char(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("+-.", c));
}

static struct slice take_name(struct depends_reader *r)
{
	struct slice s = { r->p, 0 };

	while (r->p < r->end && name_char(*r->p))
		r->p++;
	s.len = (size_t)(r->p - s.p);
	return s;
}

static int take_relation(struct depends_reader *r, enum debver_relation *ret)
{
	static const struct {
		const char *text;
		enum debver_relation relation;
	} table[] = {
		{ "<<", DEBVER_LT }, { "<=", DEBVER_LE }, { ">=", DEBVER_GE },
		{ ">>", DEBVER_GT }, { "=", DEBVER_EQ },  { "<", DEBVER_LE },
		{ ">", DEBVER_GE },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		size_t len = strlen(table[i].text);

		if ((size_t)(r->end - r->p) >= len && !memcmp(r->p, table[i].text, len)) {
			r->p += len;
			*ret = table[i].relation;
			return 0;
		}
	}
	return -EINVAL;
}

static int take_version(struct depends_reader *r, struct dep *d)
{
	const char *close = memchr(r->p, ')', (size_t)(r->end - r->p));

	r->p++;
	skip_blanks(r);
	if (!close || take_relation(r, &d->relation) < 0)
		return -EINVAL;
	skip_blanks(r);
	d->version.p = r->p;
	while (r->p < close && !isspace((unsigned char)*r->p))
		r->p++;
	d->version.len = (size_t)(r->p - d->version.p);
	skip_blanks(r);
	if (r->p != close || !debver_valid(d->version.p, d->version.len))
		return -EINVAL;
	r->p++;
	skip_blanks(r);
	return 0;
}

int depends_next(struct depends_reader *r, struct dep *ret)
{
	struct dep d = { .relation = DEBVER_ANY };

	skip_blanks(r);
	if (r->p == r->end)
		return 0;
	d.name = take_name(r);
	if (!d.name.len)
		return -EINVAL;
	if (r->p < r->end && *r->p == ':') {
		r->p++;
		d.arch = take_name(r);
		if (!d.arch.len)
			return -EINVAL;
	}
	skip_blanks(r);
	if (r->p < r->end && *r->p == '(' && take_version(r, &d) < 0)
		return -EINVAL;
	d.last = r->p == r->end || *r->p == ',';
	if (!d.last && *r->p != '|')
		return -EINVAL;
	if (r->p < r->end)
		r->p++;
	*ret = d;
	return 1;
}
