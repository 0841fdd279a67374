/* See response.h. */
#include "fetch/response.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* A number at *at, which moves behind it; numbers here may have leading zeroes. */
static bool take_number(const char **at, const char *end, uint64_t *ret)
{
	const char *p = *at;
	uint64_t n = 0;

	for (; p < end && *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
			return false;
	if (p == *at || n > INT64_MAX)
		return false;
	*at = p;
	*ret = n;
	return true;
}

static bool take_char(const char **at, const char *end, char c)
{
	if (*at == end || **at != c)
		return false;
	++*at;
	return true;
}

/* "FIRST-LAST" or "*". */
static bool take_span(const char **at, const char *end, struct content_range *r)
{
	if (take_char(at, end, '*'))
		return true;
	r->satisfied = true;
	return take_number(at, end, &r->first) && take_char(at, end, '-') &&
	       take_number(at, end, &r->last) && r->first <= r->last;
}

int content_range_parse(const char *value, size_t len, struct content_range *ret)
{
	const char *at = value, *end = value + len;
	struct content_range r = { 0 };

	if (len < 6 || strncasecmp(at, "bytes", 5) != 0 || !is_blank(at[5]))
		return -EINVAL;
	for (at += 5; at < end && is_blank(*at); at++)
		;
	if (!take_span(&at, end, &r) || !take_char(&at, end, '/'))
		return -EINVAL;
	if (!take_char(&at, end, '*')) {
		r.total_known = true;
		if (!take_number(&at, end, &r.total))
			return -EINVAL;
	}
	/* Neither a range behind the end nor two stars say anything. */
	if (at != end || (r.satisfied && r.total_known && r.last >= r.total) ||
	    (!r.satisfied && !r.total_known))
		return -EINVAL;
	*ret = r;
	return 0;
}

/* Keep @value if it fits and is plain text that may be sent back; else it was not said. */
static void keep(char *out, size_t max, const char *value, size_t len)
{
	out[0] = '\0';
	if (len > max)
		return;
	for (size_t i = 0; i < len; i++)
		if (value[i] < 0x20 || value[i] > 0x7e)
			return;
	memcpy(out, value, len);
	out[len] = '\0';
}

static void take_range(struct response *r, const char *value, size_t len)
{
	if (r->range_seen || content_range_parse(value, len, &r->range))
		r->range_bad = true;
	r->range_seen = true;
}

static void take_length(struct response *r, const char *value, size_t len)
{
	const char *at = value;

	r->length_seen = take_number(&at, value + len, &r->length) && at == value + len;
}

static bool is(const char *name, size_t len, const char *want)
{
	return strlen(want) == len && !strncasecmp(name, want, len);
}

void response_header(struct response *r, const char *line, size_t len)
{
	const char *colon, *value;
	size_t name_len;

	if (len >= 5 && !memcmp(line, "HTTP/", 5)) {
		*r = (struct response){ 0 };
		return;
	}
	colon = len ? memchr(line, ':', len) : NULL;
	if (!colon)
		return;
	name_len = (size_t)(colon - line);
	value = colon + 1;
	len -= name_len + 1;
	while (len && (is_blank(value[len - 1]) || strchr("\r\n", value[len - 1])))
		len--;
	for (; len && is_blank(*value); len--)
		value++;
	if (is(line, name_len, "content-range"))
		take_range(r, value, len);
	else if (is(line, name_len, "content-length"))
		take_length(r, value, len);
	else if (is(line, name_len, "content-encoding"))
		r->encoded = r->encoded || !is(value, len, "identity");
	else if (is(line, name_len, "etag"))
		keep(r->version.etag, RESPONSE_ETAG_MAX, value, len);
	else if (is(line, name_len, "last-modified"))
		keep(r->version.modified, RESPONSE_DATE_MAX, value, len);
}

struct file_version response_version(const struct response *r, long status)
{
	struct file_version v = r->version;

	v.total_known = false;
	if (status == 200 && r->length_seen) {
		v.total_known = true;
		v.total = r->length;
	} else if (status != 200 && r->range_seen && !r->range_bad) {
		v.total_known = r->range.total_known;
		v.total = r->range.total;
	}
	return v;
}

bool file_version_differs(const struct file_version *first, const struct file_version *now)
{
	return (*first->etag && *now->etag && strcmp(first->etag, now->etag)) ||
	       (*first->modified && *now->modified && strcmp(first->modified, now->modified)) ||
	       (first->total_known && now->total_known && first->total != now->total);
}

const char *file_version_if_range(const struct file_version *v)
{
	/* A weak one begins with W/ and does not promise the same bytes. */
	if (v->etag[0] == '"' && strlen(v->etag) >= 2 && v->etag[strlen(v->etag) - 1] == '"')
		return v->etag;
	return *v->modified ? v->modified : NULL;
}
