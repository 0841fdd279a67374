/* See mirrors.h. */
#include "builder/resolve/mirrors.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"

#define SOURCES_MAX_BYTES (1u << 20)
#define LISTED_MAX 256

const char *const archive_names[ARCHIVE_N] = { "main", "security" };

/* Releases by which an apt entry of any host is recognised as Debian's. */
static const char *const suites[] = {
	"bookworm", "trixie", "forky", "duke", "bullseye", "sid", "oldoldstable", "oldstable",
	"stable", "testing", "unstable", NULL,
};

static bool url_ok(const char *url, size_t len)
{
	return (len > 7 && !strncasecmp(url, "http://", 7)) ||
	       (len > 8 && !strncasecmp(url, "https://", 8)) ||
	       (len > 8 && !strncasecmp(url, "file:///", 8));
}

static int add(struct mirrors *m, enum archive a, const char *url, size_t len, const char *suffix)
{
	char *copy;

	while (len && url[len - 1] == '/')
		len--;
	copy = str_printf("%.*s%s", (int)len, url, suffix);
	if (!copy)
		return -ENOMEM;
	for (size_t i = 0; i < m->n[a]; i++)
		if (!strcmp(m->url[a][i], copy)) {
			free(copy);
			return 0;
		}
	if (m->n[a] == MIRRORS_MAX) {
		free(copy);
		return -E2BIG;
	}
	m->url[a][m->n[a]++] = copy;
	return 0;
}

static int add_given(struct mirrors *m, struct mirrors *siblings, const char *word, size_t len,
		     struct err *err)
{
	const char *url = word;
	bool security = len > 9 && !strncmp(word, "security=", 9);
	bool named = security || (len > 5 && !strncmp(word, "main=", 5));
	int r;

	url += security ? 9 : named ? 5 : 0;
	len -= (size_t)(url - word);
	if (!url_ok(url, len))
		return err_set(err, -EINVAL,
			       "mirror '%s' is not a URL: write http://..., https://... or "
			       "file:///..., with main= or security= in front if it serves "
			       "only one archive",
			       word);
	r = add(m, security ? ARCHIVE_SECURITY : ARCHIVE_MAIN, url, len, "");
	if (r == 0 && !named)
		r = add(siblings, ARCHIVE_SECURITY, url, len, "-security");
	return r < 0 ? err_errno(err, r, "mirror '%s'", word) : 0;
}

static int add_siblings(struct mirrors *m, const struct mirrors *siblings)
{
	int r = 0;

	if (m->n[ARCHIVE_SECURITY])
		return 0;
	for (size_t i = 0; r == 0 && i < siblings->n[ARCHIVE_SECURITY]; i++) {
		const char *url = siblings->url[ARCHIVE_SECURITY][i];

		r = add(m, ARCHIVE_SECURITY, url, strlen(url), "");
	}
	return r;
}

/* The archive a suite word belongs to, or -1 when it is no Debian release. */
static int suite_archive(const char *word, size_t len, const char *own_suite)
{
	static const char *const tails[] = { "", "-updates", "-security", "/updates" };

	for (size_t t = 0; t < ARRAY_SIZE(tails); t++) {
		size_t tail = strlen(tails[t]), base = len - tail;

		if (len <= tail || memcmp(word + base, tails[t], tail))
			continue;
		for (size_t i = 0; suites[i]; i++)
			if (strlen(suites[i]) == base && !memcmp(suites[i], word, base))
				return t >= 2 ? ARCHIVE_SECURITY : ARCHIVE_MAIN;
		if (own_suite && strlen(own_suite) == base && !memcmp(own_suite, word, base))
			return t >= 2 ? ARCHIVE_SECURITY : ARCHIVE_MAIN;
	}
	return -1;
}

/* The next blank-separated word at *@p before @end; a "[...]" group counts as one. */
static size_t next_word(const char **p, const char *end)
{
	const char *s = *p, *stop;

	while (s < end && strchr(" \t\n", *s))
		s++;
	stop = s;
	if (s < end && *s == '[') {
		stop = memchr(s, ']', (size_t)(end - s));
		stop = stop ? stop + 1 : end;
	}
	while (stop < end && !strchr(" \t\n", *stop))
		stop++;
	*p = s;
	return (size_t)(stop - s);
}

static int read_one_line(struct mirrors *m, const char *line, const char *end,
			 const char *own_suite)
{
	const char *p = line, *url;
	size_t len = next_word(&p, end), url_len;
	int archive;

	if (len != 3 || memcmp(p, "deb", 3))
		return 0;
	p += len;
	len = next_word(&p, end);
	if (len && *p == '[') {
		p += len;
		len = next_word(&p, end);
	}
	url = p;
	url_len = len;
	p += len;
	len = next_word(&p, end);
	archive = suite_archive(p, len, own_suite);
	return archive < 0 || !url_ok(url, url_len) ? 0 : add(m, archive, url, url_len, "");
}

/* The value of @key in one deb822 paragraph, continuation lines included; NULL if absent. */
static const char *paragraph_value(const char *p, const char *end, const char *key, size_t *ret_len)
{
	size_t key_len = strlen(key);

	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		const char *stop = nl ? nl : end;

		if ((size_t)(stop - p) > key_len && p[key_len] == ':' &&
		    !strncasecmp(p, key, key_len)) {
			const char *value = p + key_len + 1;

			while (stop + 1 < end && (stop[1] == ' ' || stop[1] == '\t')) {
				nl = memchr(stop + 1, '\n', (size_t)(end - stop - 1));
				stop = nl ? nl : end;
			}
			*ret_len = (size_t)(stop - value);
			return value;
		}
		p = stop + 1;
	}
	return NULL;
}

static bool has_word(const char *list, size_t list_len, const char *word)
{
	const char *p = list, *end = list + list_len;

	for (size_t len; (len = next_word(&p, end)) > 0; p += len)
		if (strlen(word) == len && !strncasecmp(p, word, len))
			return true;
	return false;
}

static int read_paragraph(struct mirrors *m, const char *text, const char *end,
			  const char *own_suite)
{
	size_t types_len, uris_len, suites_len, enabled_len, len, url_len;
	const char *types = paragraph_value(text, end, "Types", &types_len);
	const char *uris = paragraph_value(text, end, "URIs", &uris_len);
	const char *list = paragraph_value(text, end, "Suites", &suites_len), *s, *u;
	const char *enabled = paragraph_value(text, end, "Enabled", &enabled_len);
	int r = 0;

	if (!types || !uris || !list || !has_word(types, types_len, "deb") ||
	    (enabled && has_word(enabled, enabled_len, "no")))
		return 0;
	for (s = list; (len = next_word(&s, list + suites_len)) > 0; s += len) {
		int archive = suite_archive(s, len, own_suite);

		if (archive < 0)
			continue;
		for (u = uris; (url_len = next_word(&u, uris + uris_len)) > 0; u += url_len)
			if (r == 0 && url_ok(u, url_len))
				r = add(m, archive, u, url_len, "");
	}
	return r;
}

int mirrors_read_apt(struct mirrors *m, const char *text, int deb822, const char *own_suite)
{
	const char *p = text, *end = text + strlen(text);
	int r = 0;

	while (r == 0 && p < end) {
		const char *stop = deb822 ? strstr(p, "\n\n") : strchr(p, '\n');

		stop = stop ? stop : end;
		r = deb822 ? read_paragraph(m, p, stop, own_suite) :
			     read_one_line(m, p, stop, own_suite);
		p = stop + 1;
	}
	return r == -E2BIG ? 0 : r;
}

/* VERSION_CODENAME of a Debian host (not of a derivative), owned; NULL for others. */
static char *host_suite(void)
{
	_cleanup_free_ char *text = NULL;
	char *p, *ret = NULL;
	bool debian = false;

	if (io_read_file("/etc/os-release", SOURCES_MAX_BYTES, &text, NULL, NULL) < 0)
		return NULL;
	for (p = text; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
		debian |= !strncmp(p, "ID=debian\n", 10);
		if (!strncmp(p, "VERSION_CODENAME=", 17) && !ret)
			ret = strndup(p + 17, strcspn(p + 17, "\n"));
	}
	if (debian)
		return ret;
	free(ret);
	return NULL;
}

static int read_host_file(struct mirrors *m, const char *path, const char *own_suite)
{
	_cleanup_free_ char *text = NULL;
	size_t len = strlen(path);
	int deb822 = len > 8 && !strcmp(path + len - 8, ".sources");

	if (io_read_file(path, SOURCES_MAX_BYTES, &text, NULL, NULL) < 0)
		return 0;
	return mirrors_read_apt(m, text, deb822, own_suite);
}

static int is_source(const struct dirent *d)
{
	const char *dot = strrchr(d->d_name, '.');

	return d->d_name[0] != '.' && dot && (!strcmp(dot, ".list") || !strcmp(dot, ".sources"));
}

static int read_host(struct mirrors *m)
{
	_cleanup_free_ char *own = host_suite();
	struct dirent **list = NULL;
	int n, r = read_host_file(m, "/etc/apt/sources.list", own);

	n = scandir("/etc/apt/sources.list.d", &list, is_source, alphasort);
	for (int i = 0; i < n; i++) {
		char *path = path_join("/etc/apt/sources.list.d", list[i]->d_name);

		if (!path)
			r = -ENOMEM;
		else if (r == 0 && i < LISTED_MAX)
			r = read_host_file(m, path, own);
		free(path);
		free(list[i]);
	}
	free(list);
	return r;
}

int mirrors_find(struct mirrors *ret, const char *const *given, size_t n_given, struct err *err)
{
	_cleanup_(mirrors_done) struct mirrors siblings = { 0 };
	const char *env = getenv("KILN_MIRROR"), *p;
	size_t len;
	int r = 0;

	for (size_t i = 0; r == 0 && i < n_given; i++)
		r = add_given(ret, &siblings, given[i], strlen(given[i]), err);
	if (r == 0 && !n_given && env)
		for (p = env; r == 0 && (len = next_word(&p, env + strlen(env))) > 0; p += len) {
			_cleanup_free_ char *word = strndup(p, len);

			r = word ? add_given(ret, &siblings, word, len, err) : err_oom(err);
		}
	if (r == 0 && add_siblings(ret, &siblings) < 0)
		r = err_oom(err);
	if (r < 0 || ret->n[ARCHIVE_MAIN] || ret->n[ARCHIVE_SECURITY])
		return r;
	if (read_host(ret) < 0)
		return err_oom(err);
	if (!ret->n[ARCHIVE_MAIN])
		return err_set(err, -ENOENT,
			       "no Debian mirror is known: give --mirror URL or set "
			       "KILN_MIRROR (the host's apt sources name none)");
	for (size_t i = 0; !ret->n[ARCHIVE_SECURITY] && i < ret->n[ARCHIVE_MAIN]; i++)
		if (add(&siblings, ARCHIVE_SECURITY, ret->url[ARCHIVE_MAIN][i],
			strlen(ret->url[ARCHIVE_MAIN][i]), "-security") < 0)
			return err_oom(err);
	return add_siblings(ret, &siblings) < 0 ? err_oom(err) : 0;
}

void mirrors_done(struct mirrors *m)
{
	for (size_t a = 0; a < ARCHIVE_N; a++)
		for (size_t i = 0; i < m->n[a]; i++)
			free(m->url[a][i]);
	memset(m, 0, sizeof(*m));
}
