/* Which suites a recipe uses, and their signed Release files; indexes.c reads the indexes. */
#include "builder/resolve/sources.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "builder/recipe/recipe.h"
#include "builder/resolve/indexes.h"
#include "builder/resolve/lock.h"
#include "builder/resolve/release.h"
#include "builder/resolve/resolve.h"
#include "builder/resolve/store.h"
#include "lib/base/atomic_file.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/http.h"
#include "lib/base/io.h"
#include "lib/base/proc.h"

static void warn(const struct sources *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void warn(const struct sources *s, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (!s->opts->warn)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	s->opts->warn(text);
}

static int add_source(struct sources *s, enum archive archive, const char *tail, struct err *err)
{
	struct source *it = &s->item[s->n];

	it->suite = str_printf("%s%s", s->recipe->suite, tail);
	if (!it->suite)
		return err_oom(err);
	s->n++;
	it->archive = archive;
	it->current = true;
	return 0;
}

static int list_sources(struct sources *s, struct err *err)
{
	const char *suite = s->recipe->suite;
	int r;

	for (const char *p = suite; *p; p++)
		if (!islower((unsigned char)*p) && !isdigit((unsigned char)*p) && *p != '-')
			return err_set(err, -EINVAL, "'%s' is not the name of a suite", suite);
	r = add_source(s, ARCHIVE_MAIN, "", err);
	if (r == 0 && s->recipe->updates)
		r = add_source(s, ARCHIVE_MAIN, "-updates", err);
	if (r == 0 && s->recipe->security)
		r = add_source(s, ARCHIVE_SECURITY, "-security", err);
	return r;
}

/* The host's administrator may have switched apt's check off, as snapshots of an archive need. */
static bool host_ignores_expiry(void)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	char *argv[] = { "apt-config", "shell", "V", "Acquire::Check-Valid-Until/b", NULL };
	struct proc_options opts = { .output = &out };

	return proc_run(argv, &opts, NULL) == 0 && out.data && strstr(out.data, "V='false'");
}

static int check_expiry(const struct sources *s, const struct source *it, struct err *err)
{
	const struct release *rel = it->release;
	time_t until = (time_t)rel->valid_until;
	char when[64];

	if (!rel->valid_until || s->opts->offline || time(NULL) <= until)
		return 0;
	strftime(when, sizeof(when), "%Y-%m-%d %H:%M UTC", gmtime(&until));
	if (!s->opts->allow_expired && !host_ignores_expiry())
		return err_set(err, -EBADMSG,
			       "%s: its InRelease was valid until %s only: the mirror is out "
			       "of date (or someone keeps updates from you); --allow-expired "
			       "accepts it",
			       it->suite, when);
	warn(s, "%s: its InRelease was valid until %s only; accepted because %s", it->suite, when,
	     s->opts->allow_expired ? "of --allow-expired" :
				      "the host's apt is told not to check "
				      "(Acquire::Check-Valid-Until)");
	return 0;
}

static int check_release(const struct sources *s, const struct source *it, struct err *err)
{
	const struct release *rel = it->release;

	if (strcmp(rel->suite, it->suite) && strcmp(rel->codename, it->suite))
		return err_set(err, -EBADMSG, "asked for %s, but this is the Release of %s (%s)",
			       it->suite, rel->codename, rel->suite);
	if (!release_lists(rel->architectures, s->recipe->architecture))
		return err_set(err, -EBADMSG, "%s has no packages for %s", it->suite,
			       s->recipe->architecture);
	return 0;
}

/* Verify and parse the InRelease bytes @data into @it, and keep them in the store. */
static int accept_release(const struct sources *s, struct source *it, const char *data, size_t len,
			  struct err *err)
{
	_cleanup_free_ char *text = NULL, *name = str_printf("%s/InRelease", it->suite);
	size_t text_len;
	int r;

	if (!name)
		return err_oom(err);
	r = release_verify(data, len, s->opts->keyring, &text, &text_len, err);
	it->release = release_free(it->release);
	r = r < 0 ? r : release_parse(text, text_len, name, &it->release, err);
	r = r < 0 ? r : check_release(s, it, err);
	return r < 0 ? r : store_put(s->store, data, len, it->sha256, err);
}

struct release_job {
	const struct sources *s;
	struct source *it;
	char *url[MIRRORS_MAX], *name;
};

static int release_arrived(struct http_job *job, struct err *err)
{
	struct release_job *j = job->arg;
	_cleanup_free_ char *data = NULL;
	uint64_t len;
	int r = io_size(job->fd, &len);

	data = r < 0 ? NULL : malloc(len + 1);
	if (!data)
		return r < 0 ? r : err_oom(err);
	r = io_pread_all(job->fd, data, len, 0);
	data[len] = '\0';
	return r < 0 ? r : accept_release(j->s, j->it, data, len, err);
}

static int release_job_init(struct release_job *j, struct http_job *job, struct err *err)
{
	const struct mirrors *m = &j->s->mirrors;
	enum archive a = j->it->archive;

	j->name = str_printf("%s/InRelease", j->it->suite);
	for (size_t i = 0; i < m->n[a]; i++) {
		j->url[i] = str_printf("%s/dists/%s/InRelease", m->url[a][i], j->it->suite);
		if (!j->url[i])
			return err_oom(err);
	}
	if (!j->name)
		return err_oom(err);
	if (!m->n[a])
		return err_set(err, -ENOENT, "%s: no mirror of the %s archive is known",
			       j->it->suite, archive_names[a]);
	*job = (struct http_job){ .urls = (const char *const *)j->url, .n_urls = m->n[a],
				  .name = j->name, .max_bytes = RELEASE_MAX_BYTES,
				  .fd = memfd_create("kiln-inrelease", MFD_CLOEXEC),
				  .done = release_arrived, .arg = j };
	return job->fd < 0 ? err_errno(err, -errno, "cannot hold a Release in memory") : 0;
}

static int fetch_releases(struct sources *s, struct err *err)
{
	struct release_job j[SOURCES_MAX] = { 0 };
	struct http_job jobs[SOURCES_MAX];
	size_t n = 0;
	int r = 0;

	for (; r == 0 && n < s->n; n++) {
		jobs[n].fd = -1;
		j[n].s = s;
		j[n].it = &s->item[n];
		r = release_job_init(&j[n], &jobs[n], err);
	}
	r = r < 0 ? r : http_fetch(jobs, n, NULL, err);
	for (size_t i = 0; i < n; i++) {
		if (jobs[i].fd >= 0)
			close(jobs[i].fd);
		for (size_t k = 0; k < MIRRORS_MAX; k++)
			free(j[i].url[k]);
		free(j[i].name);
	}
	return r;
}

/* The name of the file that remembers the newest InRelease of a suite. */
static char *latest_path(const struct sources *s, const struct source *it)
{
	return str_printf("%s/latest/%s.%s", s->store->dir, archive_names[it->archive], it->suite);
}

static int load_latest(const struct sources *s, struct source *it, struct err *err)
{
	_cleanup_free_ char *path = latest_path(s, it), *hash = NULL, *data = NULL;
	uint8_t bytes[DIGEST_BYTES];
	size_t len;
	int r;

	if (!path)
		return err_oom(err);
	if (io_read_file(path, DIGEST_HEX_SIZE, &hash, NULL, NULL) < 0)
		return err_set(err, -ENOENT, "offline, and the store holds no InRelease of %s",
			       it->suite);
	hash[strcspn(hash, "\n")] = '\0';
	if (digest_unhex(hash, bytes, sizeof(bytes)) < 0)
		return err_set(err, -EBADMSG, "%s: damaged", path);
	r = store_read(s->store, hash, RELEASE_MAX_BYTES, &data, &len, err);
	return r < 0 ? r : accept_release(s, it, data, len, err);
}

/* Remember @it as the newest, and say so when the archive went back in time. */
static int remember_latest(const struct sources *s, const struct source *it, struct err *err)
{
	_cleanup_free_ char *path = latest_path(s, it);
	struct source before = { .archive = it->archive, .suite = it->suite };
	char line[DIGEST_HEX_SIZE + 1];

	if (!path)
		return err_oom(err);
	if (load_latest(s, &before, NULL) == 0 && before.release->date > it->release->date)
		warn(s, "%s: the InRelease is older than one seen before: the mirror is behind",
		     it->suite);
	release_free(before.release);
	if (!strcmp(before.sha256, it->sha256))
		return 0;
	snprintf(line, sizeof(line), "%s\n", it->sha256);
	return atomic_file_write(path, line, DIGEST_HEX_SIZE, 0644, err);
}

int sources_load(struct sources *s, struct index *index, struct err *err)
{
	int r = list_sources(s, err);

	if (r == 0 && !s->opts->offline)
		r = mirrors_find(&s->mirrors, s->opts->mirrors, s->opts->n_mirrors, err);
	if (r == 0 && !s->opts->offline)
		r = fetch_releases(s, err);
	for (size_t i = 0; r == 0 && i < s->n; i++) {
		r = s->opts->offline ? load_latest(s, &s->item[i], err) :
				       remember_latest(s, &s->item[i], err);
		r = r < 0 ? r : check_expiry(s, &s->item[i], err);
	}
	return r < 0 ? r : indexes_load(s, 0, index, err);
}

static bool have_source(const struct sources *s, const char *sha256)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->item[i].sha256, sha256))
			return true;
	return false;
}

int sources_load_old(struct sources *s, const struct lock *old, struct index *index,
		     struct err *err)
{
	size_t first = s->n;

	for (size_t i = 0; i < old->n_releases && s->n < SOURCES_MAX; i++) {
		const struct lock_release *row = &old->releases[i];
		struct source *it = &s->item[s->n];
		_cleanup_free_ char *data = NULL;
		size_t len;

		if (have_source(s, row->sha256) ||
		    store_read(s->store, row->sha256, RELEASE_MAX_BYTES, &data, &len, NULL) < 0)
			continue;
		*it = (struct source){ .archive = strcmp(row->archive, "security") ?
							  ARCHIVE_MAIN :
							  ARCHIVE_SECURITY,
				       .suite = strdup(row->suite) };
		if (!it->suite)
			return err_oom(err);
		s->n++;
		if (accept_release(s, it, data, len, NULL) < 0 || !indexes_stored(s, it)) {
			release_free(it->release);
			free(it->suite);
			s->n--;
		}
	}
	return indexes_load(s, first, index, err);
}

void sources_done(struct sources *s)
{
	for (size_t i = 0; i < s->n; i++) {
		release_free(s->item[i].release);
		free(s->item[i].suite);
	}
	mirrors_done(&s->mirrors);
}
