/* See debver.h. */
#include "builder/resolve/debver.h"

#include <ctype.h>
#include <string.h>

struct part {
	const char *p, *end;
};

/* Weight of a character: '~' before the end of the part, letters before everything else. */
static int weight(const struct part *s)
{
	unsigned char c;

	if (s->p == s->end || isdigit((unsigned char)*s->p))
		return 0;
	c = (unsigned char)*s->p;
	if (c == '~')
		return -1;
	return isalpha(c) ? c : c + 256;
}

static bool at_digit(const struct part *s)
{
	return s->p < s->end && isdigit((unsigned char)*s->p);
}

static int compare_number(struct part *a, struct part *b)
{
	int first = 0;

	while (a->p < a->end && *a->p == '0')
		a->p++;
	while (b->p < b->end && *b->p == '0')
		b->p++;
	while (at_digit(a) && at_digit(b)) {
		if (!first)
			first = *a->p - *b->p;
		a->p++;
		b->p++;
	}
	if (at_digit(a))
		return 1;
	if (at_digit(b))
		return -1;
	return first;
}

static int compare_part(struct part a, struct part b)
{
	while (a.p < a.end || b.p < b.end) {
		int c;

		while ((a.p < a.end && !at_digit(&a)) || (b.p < b.end && !at_digit(&b))) {
			c = weight(&a) - weight(&b);
			if (c)
				return c;
			a.p += a.p < a.end && !at_digit(&a);
			b.p += b.p < b.end && !at_digit(&b);
		}
		c = compare_number(&a, &b);
		if (c)
			return c;
	}
	return 0;
}

static void split(const char *v, size_t len, struct part *epoch, struct part *upstream,
		  struct part *revision)
{
	const char *end = v + len, *colon = memchr(v, ':', len), *dash;

	*epoch = (struct part){ v, colon ? colon : v };
	upstream->p = colon ? colon + 1 : v;
	dash = memrchr(upstream->p, '-', (size_t)(end - upstream->p));
	upstream->end = dash ? dash : end;
	revision->p = dash ? dash + 1 : end;
	revision->end = end;
}

int debver_compare(const char *a, size_t a_len, const char *b, size_t b_len)
{
	struct part ea, eb, ua, ub, ra, rb;
	int c;

	if (a_len == b_len && !memcmp(a, b, a_len))
		return 0;
	split(a, a_len, &ea, &ua, &ra);
	split(b, b_len, &eb, &ub, &rb);
	c = compare_number(&ea, &eb);
	c = c ? c : compare_part(ua, ub);
	return c ? c : compare_part(ra, rb);
}

bool debver_satisfies(const char *a, size_t a_len, enum debver_relation relation, const char *b,
		      size_t b_len)
{
	int c;

	if (relation == DEBVER_ANY)
		return true;
	c = debver_compare(a, a_len, b, b_len);
	switch (relation) {
	case DEBVER_LT:
		return c < 0;
	case DEBVER_LE:
		return c <= 0;
	case DEBVER_EQ:
		return c == 0;
	case DEBVER_GE:
		return c >= 0;
	default:
		return c > 0;
	}
}

bool debver_valid(const char *v, size_t len)
{
	struct part epoch, upstream, revision;
	const char *p;

	if (!len)
		return false;
	split(v, len, &epoch, &upstream, &revision);
	if (v[len - 1] == '-' || upstream.p == upstream.end ||
	    !isdigit((unsigned char)*upstream.p) ||
	    (epoch.end > epoch.p && epoch.end - epoch.p > 9) || (epoch.end == v && v[0] == ':'))
		return false;
	for (p = epoch.p; p < epoch.end; p++)
		if (!isdigit((unsigned char)*p))
			return false;
	for (p = upstream.p; p < upstream.end; p++)
		if (!isalnum((unsigned char)*p) && (!*p || !strchr(".+-~:", *p)))
			return false;
	for (p = revision.p; p < revision.end; p++)
		if (!isalnum((unsigned char)*p) && (!*p || !strchr(".+~", *p)))
			return false;
	return true;
}
