/* See markup.h. */
#include "qemu/markup.h"

#include <string.h>

#include "lib/base/utf8.h"
#include "qemu/serial.h"

bool markup_shows(uint32_t code)
{
	/* Marks and overrides of direction: text that reads otherwise than it is. */
	bool turns = code == 0x61c || code == 0x200e || code == 0x200f ||
		     (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
	bool breaks = code == 0x2028 || code == 0x2029;
	bool none = (code & 0xfffe) == 0xfffe || (code >= 0xfdd0 && code <= 0xfdef);

	return code >= 32 && !(code >= 0x7f && code < 0xa0) && code != 0xfeff && !turns &&
	       !breaks && !none;
}

static void put(const char *s, unsigned n, uint32_t code, bool attribute, struct buf *out)
{
	switch (code) {
	case '&':
		buf_adds(out, "&amp;");
		break;
	case '<':
		buf_adds(out, "&lt;");
		break;
	case '>':
		buf_adds(out, "&gt;");
		break;
	case '"':
		buf_adds(out, "&quot;");
		break;
	case '\'':
		buf_adds(out, "&#39;");
		break;
	case '\r':
		break;
	case '\n':
	case '\t':
		/* Written out, a parser would turn them into blanks. */
		if (attribute)
			buf_addf(out, "&#%u;", (unsigned)code);
		else
			buf_addc(out, (char)code);
		break;
	default:
		if (markup_shows(code))
			buf_add(out, s, n);
		else
			buf_adds(out, UTF8_REPLACEMENT);
	}
}

static void escape(const char *text, size_t len, bool attribute, struct buf *out)
{
	for (size_t i = 0; i < len;) {
		uint32_t code = 0;
		unsigned n = utf8_decode(text + i, len - i, &code);

		put(text + i, n, code, attribute, out);
		i += n ? n : 1;
	}
}

void markup_text(const char *text, size_t len, struct buf *out)
{
	escape(text, len, false, out);
}

void markup_str(const char *text, struct buf *out)
{
	escape(text, strlen(text), false, out);
}

void markup_attr(const char *name, const char *value, struct buf *out)
{
	buf_addf(out, " %s=\"", name);
	escape(value, strlen(value), true, out);
	buf_addc(out, '"');
}

void markup_href(const char *path, struct buf *out)
{
	static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				   "0123456789-._~/";

	/* With a dot in front no name is read as a scheme or a host. */
	buf_adds(out, " href=\"./");
	for (; *path; path++) {
		if (strchr(safe, *path))
			buf_addc(out, *path);
		else
			buf_addf(out, "%%%02X", (unsigned char)*path);
	}
	buf_addc(out, '"');
}

void markup_said(const char *data, size_t len, struct buf *out)
{
	const char *between = "";
	struct serial s;

	serial_init(&s, NULL, NULL);
	if (serial_feed(&s, data, len, 0) < 0)
		out->oom = true;
	for (size_t i = 0; i <= s.n; i++) {
		const char *line = i < s.n ? s.lines[i].text : s.cur;

		if (!*line)
			continue;
		buf_adds(out, between);
		markup_str(line, out);
		between = "\n";
	}
	serial_done(&s);
}

static bool is_ours(const char *line)
{
	return strstr(line, "kiln: ") || strstr(line, "kiln-init: ") ||
	       strstr(line, "kiln-health: ");
}

static void add_line(const char *line, struct buf *out)
{
	bool ours = is_ours(line);

	if (ours)
		buf_adds(out, "<b>");
	markup_str(line, out);
	buf_adds(out, ours ? "</b>\n" : "\n");
}

static void add_last(const struct serial *s, unsigned lines_max, struct buf *out)
{
	size_t filled = s->cur_len != 0, skip, nth = 0;

	for (size_t i = 0; i < s->n; i++)
		filled += *s->lines[i].text != '\0';
	skip = filled > lines_max ? filled - lines_max : 0;
	for (size_t i = 0; i < s->n; i++)
		if (*s->lines[i].text && nth++ >= skip)
			add_line(s->lines[i].text, out);
	if (s->cur_len && nth >= skip)
		add_line(s->cur, out);
}

/* Where the last @bytes_max bytes begin: at a whole line, unless one is longer than that. */
static size_t tail_from(const char *data, size_t len, size_t bytes_max)
{
	size_t from = len > bytes_max ? len - bytes_max : 0;
	const char *end;

	if (!from || data[from - 1] == '\n')
		return from;
	end = memchr(data + from, '\n', len - from);
	return end && end + 1 < data + len ? (size_t)(end + 1 - data) : from;
}

void markup_console(const char *data, size_t len, unsigned lines_max, size_t bytes_max,
		    struct buf *out)
{
	size_t from = tail_from(data, len, bytes_max);
	struct serial s;

	serial_init(&s, NULL, NULL);
	if (serial_feed(&s, data + from, len - from, 0) < 0)
		out->oom = true;
	add_last(&s, lines_max, out);
	serial_done(&s);
}
