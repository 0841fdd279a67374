/* The text form of a manifest. See manifest.h. */
#include "builder/rootfs/manifest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"

#define LINE_MAX_BYTES 40000u
#define FIELDS 9

/* Printable ASCII but the separators and the backslash stands for itself. */
static void escape(struct buf *out, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c > ' ' && c < 0x7f && c != '\\')
			buf_addc(out, *s);
		else
			buf_addf(out, "\\x%02x", c);
	}
}

static void print_entry(const struct manifest_entry *e, struct buf *out)
{
	char hex[DIGEST_HEX_SIZE];

	digest_hex(e->sha256, sizeof(e->sha256), hex);
	buf_addf(out, "%c %04o %u %u %lld %llu %s ", e->type, e->mode, e->uid, e->gid,
		 (long long)e->mtime_s, (unsigned long long)e->size_bytes,
		 e->type == 'f' ? hex : "-");
	if (e->type == 'c' || e->type == 'b')
		buf_addf(out, "%u:%u ", e->rdev_major, e->rdev_minor);
	else
		buf_adds(out, "- ");
	digest_hex(e->caps, e->caps_len, hex);
	buf_addf(out, "%s /", e->caps_len ? hex : "-");
	escape(out, e->path);
	if (e->type == 'l') {
		buf_adds(out, " -> ");
		escape(out, e->link);
	}
	buf_addc(out, '\n');
}

void manifest_print(const struct manifest *m, struct buf *out)
{
	for (size_t i = 0; i < m->n; i++)
		print_entry(&m->entry[i], out);
}

/* In place; false for a broken escape. */
static bool unescape(char *s)
{
	char *out = s;

	while (*s) {
		uint8_t c;
		char hex[3];

		if (*s != '\\') {
			*out++ = *s++;
			continue;
		}
		if (s[1] != 'x' || !s[2] || !s[3])
			return false;
		memcpy(hex, s + 2, 2);
		hex[2] = '\0';
		if (digest_unhex(hex, &c, 1) < 0 || !c)
			return false;
		*out++ = (char)c;
		s += 4;
	}
	*out = '\0';
	return true;
}

static bool number(const char *s, int base, long long *ret)
{
	char *end;

	errno = 0;
	*ret = strtoll(s, &end, base);
	return *s && !*end && errno == 0;
}

/* Cut @line at its first FIELDS spaces; false when there are fewer. */
static bool split(char *line, char *field[FIELDS + 1])
{
	for (int i = 0; i < FIELDS; i++) {
		field[i] = line;
		line = strchr(line, ' ');
		if (!line)
			return false;
		*line++ = '\0';
	}
	field[FIELDS] = line;
	return true;
}

static bool parse_names(struct manifest_entry *e, char *text)
{
	char *arrow = strstr(text, " -> ");

	if (arrow)
		*arrow = '\0';
	if (text[0] != '/' || strchr(text, ' ') || !unescape(text) || !!arrow != (e->type == 'l'))
		return false;
	if (arrow && !unescape(arrow + 4))
		return false;
	e->path = strdup(text + 1);
	e->link = arrow ? strdup(arrow + 4) : NULL;
	return e->path && (!arrow || e->link);
}

static bool parse_line(char *line, struct manifest_entry *e)
{
	char *f[FIELDS + 1];
	long long mode, uid, gid, mtime, size;
	size_t caps;

	*e = (struct manifest_entry){ 0 };
	if (!split(line, f) || strlen(f[0]) != 1 || !strchr("fdlcbps", f[0][0]) ||
	    !number(f[1], 8, &mode) || !number(f[2], 10, &uid) || !number(f[3], 10, &gid) ||
	    !number(f[4], 10, &mtime) || !number(f[5], 10, &size) || mode < 0 || mode > 07777 ||
	    uid < 0 || uid > UINT32_MAX || gid < 0 || gid > UINT32_MAX || size < 0)
		return false;
	e->type = f[0][0];
	e->mode = (uint32_t)mode;
	e->uid = (uint32_t)uid;
	e->gid = (uint32_t)gid;
	e->mtime_s = mtime;
	e->size_bytes = (uint64_t)size;
	if (e->type == 'f' ? digest_unhex(f[6], e->sha256, sizeof(e->sha256)) < 0 :
			     strcmp(f[6], "-") != 0)
		return false;
	if (strcmp(f[7], "-") && sscanf(f[7], "%u:%u", &e->rdev_major, &e->rdev_minor) != 2)
		return false;
	if (strcmp(f[8], "-")) {
		caps = strlen(f[8]) / 2;
		if (caps > sizeof(e->caps) || digest_unhex(f[8], e->caps, caps) < 0)
			return false;
		e->caps_len = caps;
	}
	return parse_names(e, f[9]);
}

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; (text = strchr(text, '\n')); text++)
		n++;
	return n;
}

int manifest_parse(const char *text, struct manifest *ret, struct err *err)
{
	size_t lines = count_lines(text);
	struct manifest m = { .entry = calloc(lines + 1, sizeof(*m.entry)) };
	_cleanup_free_ char *line = malloc(LINE_MAX_BYTES);
	int r = 0;

	if (!m.entry || !line)
		r = err_oom(err);
	while (r == 0 && m.n < lines) {
		size_t n = strcspn(text, "\n");
		struct manifest_entry *e = &m.entry[m.n++];

		if (n < LINE_MAX_BYTES) {
			memcpy(line, text, n);
			line[n] = '\0';
		}
		if (n >= LINE_MAX_BYTES || !parse_line(line, e) ||
		    (m.n > 1 && strcmp(e[-1].path, e->path) >= 0))
			r = err_set(err, -EINVAL, "manifest line %zu is broken", m.n);
		text += n + 1;
	}
	if (r == 0 && *text)
		r = err_set(err, -EINVAL, "the manifest is cut off");
	if (r < 0) {
		manifest_done(&m);
		return r;
	}
	*ret = m;
	return 0;
}
