/*
 * The lock as text, see lock.h. The reader accepts exactly what the printer
 * writes (plus comment lines): order, spelling and spacing are checked, so that
 * a hand edit that would change nothing visible cannot hide in it.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "builder/resolve/debver.h"
#include "builder/resolve/lock.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"

#define FIELDS_MAX 9
#define FORMAT_VERSION "1"

struct field {
	const char *p;
	size_t len;
};

/* One line cut into words; the reader's position for errors. */
struct line {
	const char *file;
	unsigned number;
	const char *start;
	struct field word[FIELDS_MAX];
	size_t n;
	struct err *err;
};

static int bad(const struct line *l, const struct field *f, const char *what)
{
	return err_set(l->err, -EINVAL, "%s:%u:%u: %s", l->file, l->number,
		       (unsigned)(f ? f->p - l->start + 1 : 1), what);
}

static bool is(const struct field *f, const char *s)
{
	return strlen(s) == f->len && !memcmp(f->p, s, f->len);
}

static int split(struct line *l, const char *end)
{
	const char *p = l->start;

	l->n = 0;
	while (p <= end) {
		const char *stop = memchr(p, ' ', (size_t)(end - p));
		struct field *f = &l->word[l->n];

		if (!stop)
			stop = end;
		*f = (struct field){ p, (size_t)(stop - p) };
		if (!f->len)
			return bad(l, f, "one space between words, none at the ends");
		if (f->len > LOCK_WORD_MAX)
			return bad(l, f, "word too long");
		for (size_t i = 0; i < f->len; i++)
			if (!isgraph((unsigned char)f->p[i]))
				return bad(l, &(struct field){ f->p + i, 1 }, "stray character");
		if (++l->n == FIELDS_MAX && stop < end)
			return bad(l, &(struct field){ stop + 1, 1 }, "too many words");
		p = stop + 1;
	}
	return 0;
}

static int get_str(const struct line *l, size_t i, char **ret)
{
	free(*ret);
	*ret = strndup(l->word[i].p, l->word[i].len);
	return *ret ? 0 : err_oom(l->err);
}

static int get_u64(const struct line *l, size_t i, uint64_t max, uint64_t *ret)
{
	const struct field *f = &l->word[i];
	uint64_t v = 0;

	if (f->len > 1 && f->p[0] == '0')
		return bad(l, f, "a number has no leading zero");
	for (size_t k = 0; k < f->len; k++) {
		if (!isdigit((unsigned char)f->p[k]))
			return bad(l, f, "expected a number");
		if (v > (max - (uint64_t)(f->p[k] - '0')) / 10)
			return bad(l, f, "number too large");
		v = v * 10 + (uint64_t)(f->p[k] - '0');
	}
	*ret = v;
	return 0;
}

static int get_hash(const struct line *l, size_t i, char out[DIGEST_HEX_SIZE])
{
	const struct field *f = &l->word[i];

	if (f->len != DIGEST_HEX_SIZE - 1)
		return bad(l, f, "expected a SHA-256 of 64 hex digits");
	for (size_t k = 0; k < f->len; k++)
		if (!strchr("0123456789abcdef", f->p[k]))
			return bad(l, f, "expected a SHA-256 of 64 lowercase hex digits");
	memcpy(out, f->p, f->len);
	out[f->len] = '\0';
	return 0;
}

/* Debian's package name, also used for users and groups (which allow '_' and a capital). */
static int get_name(const struct line *l, size_t i, const char *extra, char **ret)
{
	const struct field *f = &l->word[i];

	for (size_t k = 0; k < f->len; k++)
		if (!islower((unsigned char)f->p[k]) && !isdigit((unsigned char)f->p[k]) &&
		    !strchr(extra, f->p[k]))
			return bad(l, f, "not a name");
	return get_str(l, i, ret);
}

/* A path below a mirror: relative, printable, without empty, "." or ".." parts. */
static int get_path(const struct line *l, size_t i, char **ret)
{
	const struct field *f = &l->word[i];
	const char *p = f->p, *end = f->p + f->len;

	while (p <= end) {
		const char *slash = memchr(p, '/', (size_t)(end - p));
		size_t len = (size_t)((slash ? slash : end) - p);

		if (len == 0 || (len == 1 && p[0] == '.') || (len == 2 && !memcmp(p, "..", 2)))
			return bad(l, f, "expected a plain path relative to a mirror");
		p += len + 1;
	}
	if (memchr(f->p, '?', f->len) || memchr(f->p, '#', f->len) || memchr(f->p, '\\', f->len))
		return bad(l, f, "expected a plain path relative to a mirror");
	return get_str(l, i, ret);
}

static int get_archive(const struct line *l, size_t i, char **ret)
{
	if (!is(&l->word[i], "main") && !is(&l->word[i], "security"))
		return bad(l, &l->word[i], "expected main or security");
	return get_str(l, i, ret);
}

#define NAME_EXTRA "+-."
#define USER_EXTRA "_-.$ABCDEFGHIJKLMNOPQRSTUVWXYZ"

static int read_release(const struct line *l, struct lock *lock)
{
	struct lock_release *rows =
		reallocarray(lock->releases, lock->n_releases + 1, sizeof(*rows)), *row;
	int r;

	if (!rows)
		return err_oom(l->err);
	lock->releases = rows;
	row = &rows[lock->n_releases++];
	memset(row, 0, sizeof(*row));
	r = get_archive(l, 1, &row->archive);
	r = r < 0 ? r : get_path(l, 2, &row->suite);
	r = r < 0 ? r : get_hash(l, 3, row->sha256);
	return r < 0 ? r : get_u64(l, 4, INT64_MAX, &row->date);
}

static int read_package(const struct line *l, struct lock *lock)
{
	struct lock_package *rows =
		reallocarray(lock->packages, lock->n_packages + 1, sizeof(*rows)), *row;
	int r;

	if (!rows)
		return err_oom(l->err);
	lock->packages = rows;
	row = &rows[lock->n_packages++];
	memset(row, 0, sizeof(*row));
	r = get_name(l, 1, NAME_EXTRA, &row->name);
	r = r < 0 ? r : get_str(l, 2, &row->version);
	if (r == 0 && !debver_valid(row->version, strlen(row->version)))
		r = bad(l, &l->word[2], "not a Debian version");
	r = r < 0 ? r : get_name(l, 3, "-", &row->arch);
	r = r < 0 ? r : get_name(l, 4, NAME_EXTRA "@", &row->by);
	r = r < 0 ? r : get_archive(l, 5, &row->archive);
	r = r < 0 ? r : get_u64(l, 6, LOCK_PACKAGE_MAX_BYTES, &row->size_bytes);
	r = r < 0 ? r : get_hash(l, 7, row->sha256);
	r = r < 0 ? r : get_path(l, 8, &row->path);
	if (r == 0 && lock->n_packages > 1 && strcmp(row[-1].name, row->name) >= 0)
		r = bad(l, &l->word[1], "packages must be sorted by name, each once");
	return r;
}

static int read_id(const struct line *l, struct lock *lock)
{
	_cleanup_free_ char *name = NULL;
	bool user = is(&l->word[0], "user");
	const char *last = user ? (lock->n_users ? lock->users[lock->n_users - 1].name : NULL) :
				  (lock->n_groups ? lock->groups[lock->n_groups - 1].name : NULL);
	uint64_t a, b = 0;
	int r = get_name(l, 1, USER_EXTRA, &name);

	r = r < 0 ? r : get_u64(l, 2, UINT32_MAX, &a);
	r = r < 0 || !user ? r : get_u64(l, 3, UINT32_MAX, &b);
	if (r < 0)
		return r;
	if (last && strcmp(last, name) >= 0)
		return bad(l, &l->word[1], "users and groups must be sorted by name, each once");
	r = user ? lock_set_user(lock, name, (uint32_t)a, (uint32_t)b) :
		   lock_set_group(lock, name, (uint32_t)a);
	return r < 0 ? err_oom(l->err) : 0;
}

static int read_head(const struct line *l, struct lock *lock)
{
	const struct field *f = &l->word[0];

	if (is(f, "kiln-lock"))
		return is(&l->word[1], FORMAT_VERSION) ? 0 :
			bad(l, &l->word[1], "this kiln reads lock format " FORMAT_VERSION " only");
	if (is(f, "recipe"))
		return get_path(l, 1, &lock->recipe);
	if (is(f, "suite"))
		return get_path(l, 1, &lock->suite);
	if (is(f, "architecture"))
		return get_name(l, 1, "-", &lock->architecture);
	if (is(f, "timestamp"))
		return get_u64(l, 1, INT64_MAX, &lock->timestamp);
	return get_hash(l, 1, lock->request);
}

/* The rows in the order they must come; those of one rank may repeat. */
static const struct row {
	const char *word;
	size_t n_words;
	bool many;
	int (*read)(const struct line *l, struct lock *lock);
} rows[] = {
	{ "kiln-lock", 2, false, read_head },	 { "recipe", 2, false, read_head },
	{ "suite", 2, false, read_head },	 { "architecture", 2, false, read_head },
	{ "timestamp", 2, false, read_head },	 { "request", 2, false, read_head },
	{ "release", 5, true, read_release },	 { "package", 9, true, read_package },
	{ "user", 4, true, read_id },		 { "group", 3, true, read_id },
};

#define FIRST_MANY 6 /* rows before this one must be there exactly once */

static int read_line(struct line *l, const char *end, size_t *rank, size_t *n_rows,
		     struct lock *lock)
{
	int r = split(l, end);

	if (r < 0)
		return r;
	if (*rank < FIRST_MANY && !is(&l->word[0], rows[*rank].word))
		return err_set(l->err, -EINVAL, "%s:%u:1: expected '%s'", l->file, l->number,
			       rows[*rank].word);
	while (*rank < ARRAY_SIZE(rows) && !is(&l->word[0], rows[*rank].word))
		++*rank;
	if (*rank == ARRAY_SIZE(rows))
		return bad(l, NULL, "unknown or misplaced line");
	if (l->n != rows[*rank].n_words)
		return err_set(l->err, -EINVAL, "%s:%u:1: a '%s' line has %zu words, not %zu",
			       l->file, l->number, rows[*rank].word, rows[*rank].n_words, l->n);
	if (++*n_rows > LOCK_ROWS_MAX)
		return bad(l, NULL, "too many lines");
	r = rows[*rank].read(l, lock);
	if (!rows[*rank].many)
		++*rank;
	return r;
}

int lock_parse(const char *text, size_t len, const char *name, struct lock **ret, struct err *err)
{
	struct lock *lock = lock_new();
	struct line l = { .file = name, .err = err };
	const char *p = text, *end = text + len;
	size_t rank = 0, n_rows = 0;
	int r = 0;

	if (!lock)
		return err_oom(err);
	while (r == 0 && p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));

		l.number++;
		l.start = p;
		if (!nl)
			r = bad(&l, NULL, "the last line is cut off");
		else if (*p != '#')
			r = read_line(&l, nl, &rank, &n_rows, lock);
		p = nl ? nl + 1 : end;
	}
	if (r == 0 && rank < FIRST_MANY)
		r = err_set(err, -EINVAL, "%s:%u:1: expected '%s'", name, l.number + 1,
			    rows[rank].word);
	if (r < 0) {
		lock_free(lock);
		return r;
	}
	*ret = lock;
	return 0;
}

static int by_package(const void *a, const void *b)
{
	return strcmp((*(struct lock_package *const *)a)->name,
		      (*(struct lock_package *const *)b)->name);
}

static int by_release(const void *a, const void *b)
{
	const struct lock_release *x = *(struct lock_release *const *)a;
	const struct lock_release *y = *(struct lock_release *const *)b;
	int c = strcmp(x->archive, y->archive);

	c = c ? c : strcmp(x->suite, y->suite);
	if (!c && x->date != y->date)
		return x->date < y->date ? -1 : 1;
	return c ? c : strcmp(x->sha256, y->sha256);
}

/* Pointers to the @n rows of @size bytes at @base in order; NULL when out of memory or empty. */
static void *sorted(const void *base, size_t n, size_t size,
		    int (*compare)(const void *, const void *))
{
	const char **index = calloc(n ? n : 1, sizeof(*index));

	for (size_t i = 0; index && i < n; i++)
		index[i] = (const char *)base + i * size;
	if (index)
		qsort(index, n, sizeof(*index), compare);
	return index;
}

void lock_print(const struct lock *l, struct buf *out)
{
	_cleanup_free_ struct lock_release **releases =
		sorted(l->releases, l->n_releases, sizeof(*l->releases), by_release);
	_cleanup_free_ struct lock_package **packages =
		sorted(l->packages, l->n_packages, sizeof(*l->packages), by_package);

	if (!releases || !packages) {
		out->oom = true;
		return;
	}
	buf_adds(out, "# Written by kiln: the exact packages of this image. "
		      "Commit it with the recipe.\n");
	buf_addf(out, "kiln-lock %s\nrecipe %s\nsuite %s\narchitecture %s\n", FORMAT_VERSION,
		 l->recipe, l->suite, l->architecture);
	buf_addf(out, "timestamp %" PRIu64 "\nrequest %s\n", l->timestamp, l->request);
	for (size_t i = 0; i < l->n_releases; i++)
		buf_addf(out, "release %s %s %s %" PRIu64 "\n", releases[i]->archive,
			 releases[i]->suite, releases[i]->sha256, releases[i]->date);
	for (size_t i = 0; i < l->n_packages; i++) {
		const struct lock_package *p = packages[i];

		buf_addf(out, "package %s %s %s %s %s %" PRIu64 " %s %s\n", p->name, p->version,
			 p->arch, p->by, p->archive, p->size_bytes, p->sha256, p->path);
	}
	for (size_t i = 0; i < l->n_users; i++)
		buf_addf(out, "user %s %u %u\n", l->users[i].name, l->users[i].uid,
			 l->users[i].gid);
	for (size_t i = 0; i < l->n_groups; i++)
		buf_addf(out, "group %s %u\n", l->groups[i].name, l->groups[i].gid);
}
