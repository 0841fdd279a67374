/* Reading Release files, see release.h. release_verify.c is the signature's part. */
#include "builder/resolve/release.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"

#define INDEX_MAX_BYTES (1ull << 40)

struct reader {
	const char *name;
	unsigned line;
	struct release *r;
	struct err *err;
	bool in_sha256;
	size_t cap;
};

static int bad(const struct reader *rd, const char *what)
{
	return err_set(rd->err, -EBADMSG, "%s:%u: %s", rd->name, rd->line, what);
}

static int number(const char *p, size_t n, unsigned *ret)
{
	unsigned v = 0;

	if (!n)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		if (!isdigit((unsigned char)p[i]))
			return -EINVAL;
		v = v * 10 + (unsigned)(p[i] - '0');
	}
	*ret = v;
	return 0;
}

int release_date(const char *text, size_t len, uint64_t *ret)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	unsigned day, year, hour, min, sec;
	struct tm tm = { 0 };
	const char *p = text;
	size_t day_len;
	time_t t;
	int month = -1;

	/* "Sat, 11 Jul 2026 10:16:37 UTC"; the day may have one digit. */
	if (len < 28 || len > 29 || memcmp(p + 3, ", ", 2) || memcmp(p + len - 4, " UTC", 4))
		return -EINVAL;
	day_len = len - 27;
	p += 5;
	for (int m = 0; m < 12; m++)
		if (!memcmp(p + day_len + 1, months + 3 * m, 3))
			month = m;
	if (month < 0 || number(p, day_len, &day) || number(p + day_len + 5, 4, &year) ||
	    number(p + day_len + 10, 2, &hour) || number(p + day_len + 13, 2, &min) ||
	    number(p + day_len + 16, 2, &sec) || p[day_len + 12] != ':' || p[day_len + 15] != ':')
		return -EINVAL;
	if (day < 1 || day > 31 || year < 1993 || hour > 23 || min > 59 || sec > 60)
		return -EINVAL;
	tm = (struct tm){ .tm_mday = (int)day, .tm_mon = month, .tm_year = (int)year - 1900,
			  .tm_hour = (int)hour, .tm_min = (int)min, .tm_sec = (int)sec };
	t = timegm(&tm);
	if (t <= 0)
		return -EINVAL;
	*ret = (uint64_t)t;
	return 0;
}

/* One row of the SHA256 section: " HASH SIZE PATH". */
static int read_row(struct reader *rd, const char *p, const char *end)
{
	struct release *r = rd->r;
	struct release_file f = { 0 };
	uint8_t hash[DIGEST_BYTES];
	size_t digits = 0;

	while (p < end && *p == ' ')
		p++;
	if (end - p < 64)
		return bad(rd, "expected a SHA-256, a size and a path");
	memcpy(f.sha256, p, 64);
	if (digest_unhex(f.sha256, hash, sizeof(hash)) < 0)
		return bad(rd, "not a SHA-256");
	digest_hex(hash, sizeof(hash), f.sha256);
	for (p += 64; p < end && *p == ' ';)
		p++;
	for (; p < end && isdigit((unsigned char)*p); p++, digits++) {
		f.size_bytes = f.size_bytes * 10 + (uint64_t)(*p - '0');
		if (f.size_bytes > INDEX_MAX_BYTES)
			return bad(rd, "size too large");
	}
	if (!digits || p == end || *p++ != ' ' || p == end)
		return bad(rd, "expected a size and a path");
	f.path = p;
	f.path_len = (size_t)(end - p);
	if (r->n_files == RELEASE_FILES_MAX)
		return bad(rd, "too many files");
	if (r->n_files == rd->cap) {
		struct release_file *rows;

		rd->cap = rd->cap ? rd->cap * 2 : 256;
		rows = reallocarray(r->files, rd->cap, sizeof(*rows));
		if (!rows)
			return err_oom(rd->err);
		r->files = rows;
	}
	r->files[r->n_files++] = f;
	return 0;
}

static int set_text(struct reader *rd, char **slot, const char *p, size_t len)
{
	if (*slot)
		return bad(rd, "the field appears twice");
	*slot = strndup(p, len);
	return *slot ? 0 : err_oom(rd->err);
}

static int set_date(struct reader *rd, uint64_t *slot, const char *p, size_t len)
{
	if (*slot)
		return bad(rd, "the field appears twice");
	return release_date(p, len, slot) < 0 ? bad(rd, "not a date") : 0;
}

static int read_field(struct reader *rd, const char *p, const char *end)
{
	const char *colon = memchr(p, ':', (size_t)(end - p)), *v;
	struct release *r = rd->r;
	size_t key, len;

	if (!colon || colon == p)
		return bad(rd, "expected 'Field: value'");
	key = (size_t)(colon - p);
	for (v = colon + 1; v < end && *v == ' ';)
		v++;
	len = (size_t)(end - v);
#define KEY(s) (key == sizeof(s) - 1 && !strncasecmp(p, s, key))
	if (KEY("SHA256") && r->n_files)
		return bad(rd, "the field appears twice");
	rd->in_sha256 = KEY("SHA256");
	if (KEY("Suite"))
		return set_text(rd, &r->suite, v, len);
	if (KEY("Codename"))
		return set_text(rd, &r->codename, v, len);
	if (KEY("Components"))
		return set_text(rd, &r->components, v, len);
	if (KEY("Architectures"))
		return set_text(rd, &r->architectures, v, len);
	if (KEY("Date"))
		return set_date(rd, &r->date, v, len);
	if (KEY("Valid-Until"))
		return set_date(rd, &r->valid_until, v, len);
	if (KEY("Acquire-By-Hash"))
		r->by_hash = len == 3 && !strncasecmp(v, "yes", 3);
#undef KEY
	return 0;
}

static int read_lines(struct reader *rd, const char *p, const char *end)
{
	int r = 0;

	while (r == 0 && p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p)), *stop = nl ? nl : end;

		rd->line++;
		if (stop > p && stop[-1] == '\r')
			stop--;
		if (stop > p && (*p == ' ' || *p == '\t'))
			r = rd->in_sha256 ? read_row(rd, p, stop) : 0;
		else if (stop > p)
			r = read_field(rd, p, stop);
		p = nl ? nl + 1 : end;
	}
	return r;
}

static int fill_absent(char **slot)
{
	if (!*slot)
		*slot = strdup("");
	return *slot ? 0 : -ENOMEM;
}

int release_parse(const char *text, size_t len, const char *name, struct release **ret,
		  struct err *err)
{
	struct reader rd = { .name = name, .err = err };
	int r;

	if (len > RELEASE_MAX_BYTES)
		return err_set(err, -EBADMSG, "%s: longer than a Release may be", name);
	if (memchr(text, 0, len))
		return err_set(err, -EBADMSG, "%s: not a text", name);
	rd.r = calloc(1, sizeof(*rd.r));
	if (rd.r)
		rd.r->text = strndup(text, len);
	if (!rd.r || !rd.r->text) {
		release_free(rd.r);
		return err_oom(err);
	}
	r = read_lines(&rd, rd.r->text, rd.r->text + len);
	if (r == 0 && (fill_absent(&rd.r->suite) || fill_absent(&rd.r->codename) ||
		       fill_absent(&rd.r->components) || fill_absent(&rd.r->architectures)))
		r = err_oom(err);
	if (r == 0 && (!rd.r->date || !rd.r->n_files))
		r = err_set(err, -EBADMSG, "%s: has no %s", name,
			    rd.r->date ? "SHA256 list" : "Date");
	if (r < 0)
		release_free(rd.r);
	else
		*ret = rd.r;
	return r;
}

struct release *release_free(struct release *r)
{
	if (r) {
		free(r->text);
		free(r->suite);
		free(r->codename);
		free(r->components);
		free(r->architectures);
		free(r->files);
	}
	free(r);
	return NULL;
}

const struct release_file *release_find(const struct release *r, const char *path)
{
	size_t len = strlen(path);

	for (size_t i = 0; i < r->n_files; i++)
		if (r->files[i].path_len == len && !memcmp(r->files[i].path, path, len))
			return &r->files[i];
	return NULL;
}

bool release_lists(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = list; (p = strstr(p, word)); p += len)
		if ((p == list || p[-1] == ' ') && (!p[len] || p[len] == ' '))
			return true;
	return false;
}
