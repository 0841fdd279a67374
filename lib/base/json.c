/* See json.h. */
#include "lib/base/json.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "lib/base/printable.h"
#include "lib/base/utf8.h"

static void put_string(struct buf *b, const char *s)
{
	uint32_t point;

	buf_addc(b, '"');
	while (*s) {
		unsigned n = utf8_decode(s, strnlen(s, 4), &point);

		if (!n)
			buf_adds(b, UTF8_REPLACEMENT);
		else if (*s == '"' || *s == '\\')
			buf_addf(b, "\\%c", *s);
		else if (*s == '\n')
			buf_adds(b, "\\n");
		else if (printable_acts(point))
			buf_addf(b, "\\u%04" PRIx32, point);
		else
			buf_add(b, s, n);
		s += n ? n : 1;
	}
	buf_addc(b, '"');
}

static void newline(struct json *j)
{
	if (j->compact)
		return;
	buf_addc(j->out, '\n');
	for (unsigned i = 0; i < j->depth; i++)
		buf_adds(j->out, "  ");
}

static void begin(struct json *j, const char *key)
{
	if (j->depth) {
		if (j->used[j->depth - 1])
			buf_addc(j->out, ',');
		j->used[j->depth - 1] = true;
		newline(j);
	}
	if (key) {
		put_string(j->out, key);
		buf_adds(j->out, j->compact ? ":" : ": ");
	}
}

void json_open(struct json *j, const char *key, char kind)
{
	assert(j->depth < JSON_DEPTH_MAX);
	begin(j, key);
	buf_addc(j->out, kind);
	j->stack[j->depth] = kind;
	j->used[j->depth++] = false;
}

void json_close(struct json *j)
{
	assert(j->depth > 0);
	j->depth--;
	if (j->used[j->depth])
		newline(j);
	buf_addc(j->out, j->stack[j->depth] == '{' ? '}' : ']');
}

void json_str(struct json *j, const char *key, const char *value)
{
	begin(j, key);
	if (value)
		put_string(j->out, value);
	else
		buf_adds(j->out, "null");
}

void json_u64(struct json *j, const char *key, uint64_t value)
{
	begin(j, key);
	buf_addf(j->out, "%" PRIu64, value);
}

void json_bool(struct json *j, const char *key, bool value)
{
	begin(j, key);
	buf_adds(j->out, value ? "true" : "false");
}
