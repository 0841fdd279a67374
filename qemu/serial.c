/* See serial.h. */
#include "qemu/serial.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLAIN, ESCAPED, CSI, OSC, OSC_ESCAPED };

void serial_init(struct serial *s, serial_line_fn on_line, void *arg)
{
	memset(s, 0, sizeof(*s));
	s->on_line = on_line;
	s->arg = arg;
}

void serial_done(struct serial *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->lines[i].text);
	free(s->lines);
	s->lines = NULL;
	s->n = s->cap = 0;
}

/* Forget the older half when the window is full, so that dropping costs O(1) a line. */
static void make_room(struct serial *s)
{
	size_t drop = s->n / 2;

	for (size_t i = 0; i < drop; i++)
		free(s->lines[i].text);
	memmove(s->lines, s->lines + drop, (s->n - drop) * sizeof(*s->lines));
	s->n -= drop;
	s->first += drop;
}

static int end_line(struct serial *s)
{
	char *text;

	if (s->n == SERIAL_LINES_MAX)
		make_room(s);
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 256;
		struct serial_line *more = realloc(s->lines, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		s->lines = more;
		s->cap = cap;
	}
	text = strndup(s->cur, s->cur_len);
	if (!text)
		return -ENOMEM;
	s->lines[s->n++] = (struct serial_line){ .at_ms = s->cur_at_ms, .text = text };
	if (s->on_line && s->cur_len)
		s->on_line(s->arg, s->cur_at_ms, text);
	s->cur_len = 0;
	s->cur[0] = '\0';
	return 0;
}

static int plain(struct serial *s, unsigned char c, uint64_t now_ms)
{
	if (c == 27) {
		s->escape = ESCAPED;
		return 0;
	}
	if (c == '\n')
		return end_line(s);
	if (c < 32 && c != '\t')
		return 0;
	if (s->cur_len == 0)
		s->cur_at_ms = now_ms;
	if (s->cur_len + 1 < sizeof(s->cur)) {
		s->cur[s->cur_len++] = (char)c;
		s->cur[s->cur_len] = '\0';
	}
	return 0;
}

static int control(struct serial *s, unsigned char c)
{
	switch (s->escape) {
	case ESCAPED:
		s->escape = c == '[' ? CSI : c == ']' ? OSC : PLAIN;
		break;
	case CSI:
		if (c < 0x40 || c > 0x7e)
			break;
		s->escape = PLAIN;
		/* H and f place the cursor, J clears the screen: the text before is complete. */
		if ((c == 'H' || c == 'f' || c == 'J') && s->cur_len)
			return end_line(s);
		break;
	case OSC:
		s->escape = c == 7 ? PLAIN : c == 27 ? OSC_ESCAPED : OSC;
		break;
	default:
		s->escape = PLAIN;
		break;
	}
	return 0;
}

int serial_feed(struct serial *s, const void *data, size_t len, uint64_t now_ms)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i++) {
		int r;

		/* A newline ends any broken sequence: text after it is never swallowed. */
		if (s->escape != PLAIN && p[i] == '\n')
			s->escape = PLAIN;
		r = s->escape == PLAIN ? plain(s, p[i], now_ms) : control(s, p[i]);
		if (r < 0)
			return r;
	}
	if (s->on_line && s->cur_len)
		s->on_line(s->arg, s->cur_at_ms, s->cur);
	return 0;
}

struct serial_mark serial_end(const struct serial *s)
{
	return (struct serial_mark){ .line = s->first + s->n, .column = s->cur_len };
}

static const char *line_at(const struct serial *s, uint64_t number)
{
	return number < s->first + s->n ? s->lines[number - s->first].text : s->cur;
}

const char *serial_find(const struct serial *s, const char *text, struct serial_mark *mark)
{
	uint64_t from = mark->line < s->first ? s->first : mark->line;

	for (uint64_t i = from; i <= s->first + s->n; i++) {
		const char *line = line_at(s, i), *hit;
		size_t column = i == mark->line ? mark->column : 0;

		if (column > strlen(line))
			continue;
		hit = strstr(line + column, text);
		if (hit) {
			mark->line = i;
			mark->column = (size_t)(hit - line) + strlen(text);
			return line;
		}
	}
	return NULL;
}

void serial_tail(const struct serial *s, unsigned count, char *out, size_t size)
{
	size_t used = 0, from = s->n > count ? s->n - count : 0;

	out[0] = '\0';
	for (size_t i = from; i <= s->n; i++) {
		const char *text = i < s->n ? s->lines[i].text : s->cur;
		int n;

		if (!*text)
			continue;
		n = snprintf(out + used, size - used, "%s%s", used ? "\n" : "", text);
		if (n < 0 || (size_t)n >= size - used)
			return;
		used += (size_t)n;
	}
}
