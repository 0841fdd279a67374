/*
 * See http.h. One curl multi handle drives all transfers from one thread; a
 * transfer is a job's current attempt. The invariant: bytes are written only by
 * on_body(), which knows the file's length and refuses to pass max_bytes.
 */
#include "lib/base/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/progress.h"

#define CONNECTIONS_DEFAULT 6
#define CONNECTIONS_MAX 32
#define RETRIES_DEFAULT 4
#define STALL_DEFAULT_S 20
#define STALL_BYTES_PER_S 1024
#define CONNECT_DEFAULT_S 15
#define PAUSE_DEFAULT_MS 500
#define PAUSE_MAX_MS 8000
#define ATTEMPTS_MAX 200 /* of one job in all, however much progress a server feigns */
#define FRUITFUL_BYTES 16384 /* an attempt that moved this much does not count as a failure */
#define POLL_MS 100

enum state { WAITING, RUNNING, DONE };

struct transfer {
	struct http_job *job;
	const struct http_options *opts;
	CURL *easy;
	enum state state;
	size_t url_idx;
	unsigned attempts, fruitless; /* in all; in a row at this URL without real progress */
	uint64_t have, began; /* bytes in the file now and when this attempt began */
	uint64_t counted; /* bytes of this job shown in the progress */
	long long not_before_ms;
	long status; /* of the response whose body comes now */
	uint64_t range_start; /* where a 206 says it begins */
	bool range_seen, body_seen;
	int fault; /* why on_body() stopped the transfer; 0 if it did not */
	char curl_text[CURL_ERROR_SIZE];
	char why[512]; /* of the last failure */
};

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	char line[128];
	size_t len = size * n, keep = len < sizeof(line) - 1 ? len : sizeof(line) - 1;
	unsigned long long start;

	memcpy(line, data, keep);
	line[keep] = '\0';
	if (!strncmp(line, "HTTP/", 5)) {
		t->range_seen = false;
	} else if (!strncasecmp(line, "content-range:", 14) &&
		   sscanf(line + 14, " bytes %llu-", &start) == 1) {
		t->range_start = start;
		t->range_seen = true;
	}
	return len;
}

static int set_length(struct transfer *t, uint64_t len)
{
	if (ftruncate(t->job->fd, (off_t)len) < 0)
		return -errno;
	t->have = len;
	return 0;
}

/* The first bytes of a response: does it continue our file, start it anew, or tell an error? */
static int begin_body(struct transfer *t)
{
	t->body_seen = true;
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &t->status);
	if (t->status == 206)
		return t->range_seen && t->range_start == t->have ? 0 : -EPROTO;
	if (t->status == 200 || t->status == 0)
		return t->have ? set_length(t, 0) : 0;
	return 0;
}

static void count(struct transfer *t)
{
	if (t->have <= t->counted)
		return;
	progress_add(t->opts->progress, t->have - t->counted);
	t->counted = t->have;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	size_t len = size * n;
	int r = t->body_seen ? 0 : begin_body(t);

	if (r == 0 && t->status >= 300)
		return len;
	if (r == 0 && (len > t->job->max_bytes || t->have > t->job->max_bytes - len))
		r = -EFBIG;
	if (r == 0)
		r = io_pwrite_all(t->job->fd, data, len, t->have);
	if (r < 0) {
		t->fault = r;
		return 0;
	}
	t->have += len;
	count(t);
	return len;
}

static void set_limits(CURL *e, const char *url, const struct http_options *o)
{
	bool file = !strncasecmp(url, "file:", 5), tls = !strncasecmp(url, "https:", 6);

	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, file ? "file" : "http,https");
	curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, tls ? "https" : "http,https");
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(e, CURLOPT_MAXREDIRS, (long)HTTP_REDIRECTS_MAX);
	curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, (long)o->connect_s);
	curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, (long)STALL_BYTES_PER_S);
	curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long)o->stall_s);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_USERAGENT, "kiln");
}

static int start(struct transfer *t, CURLM *multi)
{
	const char *url = t->job->urls[t->url_idx], *ca = getenv("CURL_CA_BUNDLE");
	char range[32];
	CURL *e = t->easy;
	int size_rc;

	size_rc = io_size(t->job->fd, &t->have);
	if (size_rc == 0 && t->have > t->job->max_bytes)
		size_rc = set_length(t, 0);
	if (size_rc < 0)
		return size_rc;
	curl_easy_reset(e);
	set_limits(e, url, t->opts);
	if (ca && *ca)
		curl_easy_setopt(e, CURLOPT_CAINFO, ca);
	curl_easy_setopt(e, CURLOPT_URL, url);
	curl_easy_setopt(e, CURLOPT_PRIVATE, t);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->curl_text);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
	if (t->have && strncasecmp(url, "file:", 5)) {
		snprintf(range, sizeof(range), "%llu-", (unsigned long long)t->have);
		curl_easy_setopt(e, CURLOPT_RANGE, range);
	}
	t->curl_text[0] = '\0';
	t->began = t->have;
	count(t);
	t->range_seen = t->body_seen = false;
	t->fault = 0;
	t->attempts++;
	t->state = RUNNING;
	return curl_multi_add_handle(multi, e) == CURLM_OK ? 0 : -ENOMEM;
}

enum verdict { GOOD, RETRY, NEXT_URL, FATAL };

static int status_rc(long status)
{
	return status == 404 || status == 410 ? -ENOENT : status < 500 ? -EACCES : -EIO;
}

static int curl_rc(CURLcode code)
{
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return -EHOSTUNREACH;
	case CURLE_COULDNT_CONNECT:
		return -ECONNREFUSED;
	case CURLE_FILE_COULDNT_READ_FILE:
		return -ENOENT;
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_TOO_MANY_REDIRECTS:
	case CURLE_URL_MALFORMAT:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CONNECT_ERROR:
		return -EPROTO;
	case CURLE_OUT_OF_MEMORY:
		return -ENOMEM;
	default:
		return -EIO;
	}
}

/* on_body() stopped it: the disk's fault is final, the server's is this URL's. */
static enum verdict judge_fault(struct transfer *t)
{
	if (t->fault == -EFBIG) {
		t->job->rc = -EBADMSG;
		snprintf(t->why, sizeof(t->why),
			 "refused: the server sends more than the %llu bytes it should",
			 (unsigned long long)t->job->max_bytes);
		return set_length(t, 0) < 0 ? FATAL : NEXT_URL;
	}
	if (t->fault == -EPROTO) {
		t->job->rc = -EPROTO;
		snprintf(t->why, sizeof(t->why), "the server answers another range than asked for");
		return set_length(t, 0) < 0 ? FATAL : RETRY;
	}
	t->job->rc = t->fault;
	snprintf(t->why, sizeof(t->why), "cannot write the download: %s", strerror(-t->fault));
	return FATAL;
}

static enum verdict judge_status(struct transfer *t)
{
	t->job->rc = status_rc(t->status);
	snprintf(t->why, sizeof(t->why), "the server answers HTTP status %ld", t->status);
	if (t->status == 416 && t->have)
		return set_length(t, 0) < 0 ? FATAL : RETRY;
	return t->status >= 500 || t->status == 408 || t->status == 429 ? RETRY : NEXT_URL;
}

/* The transfer ended well; is the file whole, and does the job accept it? */
static enum verdict judge_content(struct transfer *t, struct err *err)
{
	uint64_t want = t->job->size_bytes;

	if (want && t->have != want) {
		t->job->rc = -EBADMSG;
		snprintf(t->why, sizeof(t->why), "refused: %llu bytes long, not %llu",
			 (unsigned long long)t->have, (unsigned long long)want);
		return set_length(t, 0) < 0 ? FATAL : t->began ? RETRY : NEXT_URL;
	}
	t->job->rc = t->job->done ? t->job->done(t->job, err) : 0;
	if (t->job->rc == 0)
		return GOOD;
	snprintf(t->why, sizeof(t->why), "%.500s", err && err->text[0] ? err->text : "refused");
	if (t->job->rc != -EBADMSG)
		return FATAL;
	/* What an earlier run left may have been the wrong half: once from the start. */
	return set_length(t, 0) < 0 ? FATAL : t->began ? RETRY : NEXT_URL;
}

static enum verdict judge(struct transfer *t, CURLcode code, struct err *err)
{
	if (t->fault)
		return judge_fault(t);
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &t->status);
	if (code == CURLE_OK && t->status >= 300)
		return judge_status(t);
	if (code == CURLE_OK) {
		if (!t->body_seen && t->status != 206 && t->have && set_length(t, 0) < 0)
			return FATAL;
		return judge_content(t, err);
	}
	t->job->rc = curl_rc(code);
	snprintf(t->why, sizeof(t->why), "%s",
		 t->curl_text[0] ? t->curl_text : curl_easy_strerror(code));
	return t->job->rc == -EPROTO || t->job->rc == -ENOENT ? NEXT_URL :
	       t->job->rc == -ENOMEM			      ? FATAL :
								RETRY;
}

/* Apply a verdict. Returns true when the job is over (rc tells how). */
static bool settle(struct transfer *t, enum verdict v)
{
	unsigned pause = t->opts->pause_ms;

	t->state = WAITING;
	t->not_before_ms = 0;
	if (v == RETRY) {
		t->fruitless = t->have >= t->began + FRUITFUL_BYTES ? 0 : t->fruitless + 1;
		if (t->fruitless <= t->opts->retries && t->attempts < ATTEMPTS_MAX) {
			for (unsigned i = 1; i < t->fruitless && pause < PAUSE_MAX_MS; i++)
				pause *= 2;
			t->not_before_ms = now_ms() + (t->fruitless ? pause : 0);
			return false;
		}
		v = NEXT_URL;
	}
	if (v == NEXT_URL && t->url_idx + 1 < t->job->n_urls) {
		t->url_idx++;
		t->fruitless = 0;
		return false;
	}
	t->state = DONE;
	return true;
}

struct fetch {
	CURLM *multi;
	struct transfer *transfers;
	size_t n, n_done, n_running, first; /* every transfer before first is done */
	struct http_options opts;
	struct err *err;
};

static int fail(struct fetch *f, struct transfer *t)
{
	return err_set(f->err, t->job->rc, "%s: %s", t->job->name, t->why);
}

static int finish(struct fetch *f, struct transfer *t, enum verdict v)
{
	if (!settle(t, v))
		return 0;
	if (t->job->rc < 0)
		return fail(f, t);
	f->n_done++;
	while (f->first < f->n && f->transfers[f->first].state == DONE)
		f->first++;
	return 0;
}

/* A file that an earlier run completed needs no request. */
static bool whole_already(const struct transfer *t)
{
	uint64_t have;

	return t->attempts == 0 && t->job->size_bytes && io_size(t->job->fd, &have) == 0 &&
	       have == t->job->size_bytes;
}

static int begin_one(struct fetch *f, struct transfer *t)
{
	int r;

	if (whole_already(t)) {
		t->have = t->began = t->job->size_bytes;
		t->attempts++;
		return finish(f, t, judge_content(t, f->err));
	}
	if (!t->easy)
		t->easy = curl_easy_init();
	r = t->easy ? start(t, f->multi) : -ENOMEM;
	if (r < 0)
		return err_errno(f->err, r, "%s: cannot start the download", t->job->name);
	f->n_running++;
	return 0;
}

static int begin_some(struct fetch *f)
{
	long long now = now_ms();
	int r = 0;

	for (size_t i = f->first; r == 0 && i < f->n && f->n_running < f->opts.connections; i++)
		if (f->transfers[i].state == WAITING && f->transfers[i].not_before_ms <= now)
			r = begin_one(f, &f->transfers[i]);
	return r;
}

/* Judge what has ended; *ret_any tells whether anything had. */
static int reap(struct fetch *f, bool *ret_any)
{
	CURLMsg *msg;
	int left, r = 0;

	*ret_any = false;

	while (r == 0 && (msg = curl_multi_info_read(f->multi, &left))) {
		CURLcode code = msg->data.result;
		struct transfer *t;

		if (msg->msg != CURLMSG_DONE)
			continue;
		*ret_any = true;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&t);
		curl_multi_remove_handle(f->multi, t->easy);
		f->n_running--;
		r = finish(f, t, judge(t, code, f->err));
		if (t->state == DONE) {
			curl_easy_cleanup(t->easy);
			t->easy = NULL;
		}
	}
	return r;
}

static int drive(struct fetch *f)
{
	int running, r = 0;
	bool any;

	while (r == 0 && f->n_done < f->n) {
		r = begin_some(f);
		if (r == 0 && curl_multi_perform(f->multi, &running) != CURLM_OK)
			r = err_set(f->err, -EIO, "the download engine failed");
		r = r < 0 ? r : reap(f, &any);
		if (r == 0 && !any && f->n_done < f->n)
			curl_multi_poll(f->multi, NULL, 0, POLL_MS, NULL);
	}
	return r;
}

static void set_defaults(struct http_options *o)
{
	o->connections = o->connections ? o->connections : CONNECTIONS_DEFAULT;
	if (o->connections > CONNECTIONS_MAX)
		o->connections = CONNECTIONS_MAX;
	o->retries = o->retries ? o->retries : RETRIES_DEFAULT;
	o->stall_s = o->stall_s ? o->stall_s : STALL_DEFAULT_S;
	o->connect_s = o->connect_s ? o->connect_s : CONNECT_DEFAULT_S;
	o->pause_ms = o->pause_ms ? o->pause_ms : PAUSE_DEFAULT_MS;
}

int http_fetch(struct http_job *jobs, size_t n_jobs, const struct http_options *opts,
	       struct err *err)
{
	struct err scratch;
	struct fetch f = { .n = n_jobs, .err = err ? err : &scratch };
	int r;

	if (!n_jobs)
		return 0;
	f.opts = opts ? *opts : (struct http_options){ 0 };
	set_defaults(&f.opts);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	f.multi = curl_multi_init();
	f.transfers = calloc(n_jobs, sizeof(*f.transfers));
	if (!f.multi || !f.transfers) {
		r = err_oom(err);
	} else {
		for (size_t i = 0; i < n_jobs; i++) {
			f.transfers[i].job = &jobs[i];
			f.transfers[i].opts = &f.opts;
			jobs[i].rc = -ECANCELED;
		}
		r = drive(&f);
		for (size_t i = 0; i < n_jobs; i++) {
			if (f.transfers[i].state == RUNNING)
				curl_multi_remove_handle(f.multi, f.transfers[i].easy);
			curl_easy_cleanup(f.transfers[i].easy);
		}
	}
	free(f.transfers);
	curl_multi_cleanup(f.multi);
	return r;
}
