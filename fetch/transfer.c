/*
 * See transfer.h. The invariant: `at` is where in the file the first byte of the held
 * block lies, as the server's own words place it; on_body() takes nothing before those
 * were checked.
 */
#include "fetch/transfer.h"

#include <assert.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "fetch/response.h"
#include "lib/base/err.h"

#define BLOCK_MAX (64u << 10) /* libcurl hands out at most 16 KiB */
#define ERROR_BODY_MAX (16u << 10) /* read, so that the connection can be used again */
#define RETRY_AFTER_MAX_S 300
#define WHY_MAX 512
#define URL_MAX 2048

struct transfer {
	const struct fetch_options *opts;
	CURLM *multi;
	CURL *easy;
	struct curl_slist *headers;
	char moved_to[URL_MAX]; /* where redirects led; "" for the URL of the options */
	bool active; /* curl works on it */
	enum transfer_state state; /* RUNNING: no verdict yet */
	uint64_t at, end, received;
	bool judged; /* the head of the answer was */
	bool streams, error_body, paused;
	long http_status;
	size_t error_bytes;
	struct response response;
	struct file_version version; /* of the first good answer */
	bool version_known;
	size_t held_from, held_len;
	char held[BLOCK_MAX];
	unsigned retry_after_s;
	char why[WHY_MAX];
	enum fetch_status status;
	char curl_text[CURL_ERROR_SIZE];
};

/* The verdict on an exchange; why it was reached ends a sentence. */
static void verdict(struct transfer *t, enum transfer_state state, enum fetch_status status,
		    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static void verdict(struct transfer *t, enum transfer_state state, enum fetch_status status,
		    const char *fmt, ...)
{
	va_list ap;

	t->state = state;
	t->status = status;
	va_start(ap, fmt);
	vsnprintf(t->why, sizeof(t->why), fmt, ap);
	va_end(ap);
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	/* What follows a body in chunks changes nothing any more. */
	if (!t->judged)
		response_header(&t->response, data, size * n);
	return size * n;
}

static void judge_error(struct transfer *t)
{
	long s = t->http_status;
	curl_off_t after = 0;

	t->error_body = true;
	if (s == 404 || s == 410) {
		verdict(t, TRANSFER_FAILED, FETCH_NOT_FOUND,
			"there is no such file on the server (HTTP status %ld)", s);
	} else if (s == 416) {
		verdict(t, TRANSFER_FAILED, FETCH_ENDS_EARLY,
			"the file ends before what is to be read");
	} else if (s == 408 || s == 425 || s == 429 || s >= 500) {
		verdict(t, TRANSFER_RETRY, FETCH_UNREACHABLE, "the server answers HTTP status %ld",
			s);
		curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &after);
	} else if (s >= 400) {
		verdict(t, TRANSFER_FAILED, FETCH_DENIED, "the server denies it (HTTP status %ld)",
			s);
	} else {
		verdict(t, TRANSFER_FAILED, FETCH_PROTOCOL, "the server answers HTTP status %ld",
			s);
	}
	t->retry_after_s = after > 0 ? (unsigned)(after < 1 << 20 ? after : 1 << 20) : 0;
	if (t->retry_after_s > RETRY_AFTER_MAX_S)
		verdict(t, TRANSFER_FAILED, FETCH_UNREACHABLE,
			"the server answers HTTP status %ld and wants to be left alone for %u s", s,
			t->retry_after_s);
}

static void judge_place(struct transfer *t)
{
	const struct response *r = &t->response;

	if (t->http_status == 200) {
		t->streams = true;
		t->at = 0;
		return;
	}
	if (!r->range_seen || r->range_bad || !r->range.satisfied || r->range.first != t->at)
		verdict(t, TRANSFER_RETRY, FETCH_PROTOCOL,
			"the server answers another range than was asked for");
	else if (r->range.last < t->end - 1)
		t->end = r->range.last + 1;
}

/* The head of the answer is complete: is this what was asked for? */
static void judge_head(struct transfer *t)
{
	struct file_version now;

	t->judged = true;
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &t->http_status);
	now = response_version(&t->response, t->http_status);
	if (t->http_status != 200 && t->http_status != 206 && t->http_status != 416) {
		judge_error(t);
	} else if (t->response.encoded) {
		verdict(t, TRANSFER_FAILED, FETCH_REFUSED,
			"refused: the server encodes the file (Content-Encoding)");
	} else if (t->version_known && file_version_differs(&t->version, &now)) {
		verdict(t, TRANSFER_FAILED, FETCH_CHANGED,
			"the file changed on the server while it was read");
	} else if (t->http_status == 416) {
		judge_error(t);
	} else {
		judge_place(t);
	}
	if (t->state != TRANSFER_RUNNING || t->version_known)
		return;
	t->version = now;
	t->version_known = true;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	size_t len = size * n, keep = len;

	if (!t->judged)
		judge_head(t);
	if (t->held_len) {
		t->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	t->received += len;
	if (t->error_body) {
		t->error_bytes += len;
		return t->error_bytes <= ERROR_BODY_MAX ? len : 0;
	}
	if (!t->streams && t->end - t->at < keep)
		keep = (size_t)(t->end - t->at);
	if (t->state != TRANSFER_RUNNING || keep > sizeof(t->held) || (len && !keep))
		return 0;
	memcpy(t->held, data, keep);
	t->held_from = 0;
	t->held_len = keep;
	return len;
}

static struct curl_blob blob(const struct fetch_file *f)
{
	return (struct curl_blob){ .data = f->data, .len = f->len, .flags = CURL_BLOB_NOCOPY };
}

/* Whom to believe, and who we are. Nothing is looked up in the file system any more. */
static CURLcode set_trust(CURL *e, const struct fetch_options *o)
{
	struct curl_blob cacert = blob(&o->cacert), cert = blob(&o->cert), key = blob(&o->key);
	CURLcode r = CURLE_OK;

	curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(e, CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
	/* Else the system's folder would be believed beside the file. */
	curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(e, CURLOPT_PROXY_CAPATH, NULL);
	curl_easy_setopt(e, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(e, CURLOPT_PROXY_CAINFO, NULL);
	if (o->cacert.data) {
		r = curl_easy_setopt(e, CURLOPT_CAINFO_BLOB, &cacert);
		if (r == CURLE_OK)
			r = curl_easy_setopt(e, CURLOPT_PROXY_CAINFO_BLOB, &cacert);
	}
	if (r == CURLE_OK && o->cert.data) {
		r = curl_easy_setopt(e, CURLOPT_SSLCERT_BLOB, &cert);
		/* Nobody is there to be asked for the word of a locked key. */
		curl_easy_setopt(e, CURLOPT_KEYPASSWD, "");
	}
	if (r == CURLE_OK && o->key.data)
		r = curl_easy_setopt(e, CURLOPT_SSLKEY_BLOB, &key);
	return r;
}

static CURLcode set_target(CURL *e, const char *url, const struct fetch_options *o)
{
	bool tls = !strncasecmp(url, "https:", 6);
	CURLcode r = curl_easy_setopt(e, CURLOPT_URL, url);

	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, tls ? "https" : "http,https");
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(e, CURLOPT_MAXREDIRS, (long)FETCH_REDIRECTS_MAX);
	curl_easy_setopt(e, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, (long)o->connect_s);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_USERAGENT, "kiln-fetch/" KILN_VERSION);
	if (r == CURLE_OK && o->proxy)
		r = curl_easy_setopt(e, CURLOPT_PROXY, o->proxy);
	return r;
}

/* Headers of the next request. */
static int set_headers(struct transfer *t)
{
	const char *if_range = t->version_known ? file_version_if_range(&t->version) : NULL;
	char line[RESPONSE_ETAG_MAX + 16];
	struct curl_slist *more;

	curl_slist_free_all(t->headers);
	t->headers = curl_slist_append(NULL, "Accept-Encoding: identity");
	if (!t->headers)
		return -ENOMEM;
	if (if_range) {
		snprintf(line, sizeof(line), "If-Range: %s", if_range);
		more = curl_slist_append(t->headers, line);
		if (!more)
			return -ENOMEM;
	}
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
	return 0;
}

static int set_request(struct transfer *t, uint64_t start, uint64_t end)
{
	const char *url = t->moved_to[0] ? t->moved_to : t->opts->url;
	char range[48];
	CURL *e = t->easy;

	curl_easy_reset(e);
	snprintf(range, sizeof(range), "%llu-%llu", (unsigned long long)start,
		 (unsigned long long)end - 1);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->curl_text);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
	if (set_target(e, url, t->opts) != CURLE_OK || set_trust(e, t->opts) != CURLE_OK ||
	    curl_easy_setopt(e, CURLOPT_RANGE, range) != CURLE_OK)
		return -ENOMEM;
	return set_headers(t);
}

int transfer_start(struct transfer *t, uint64_t start, uint64_t end)
{
	int r;

	assert(!t->active && start < end);
	r = set_request(t, start, end);
	if (r)
		return r;
	t->at = start;
	t->end = end;
	t->judged = t->streams = t->error_body = t->paused = false;
	t->error_bytes = t->held_len = 0;
	t->response = (struct response){ 0 };
	t->retry_after_s = 0;
	t->http_status = 0;
	t->curl_text[0] = t->why[0] = '\0';
	t->state = TRANSFER_RUNNING;
	t->active = curl_multi_add_handle(t->multi, t->easy) == CURLM_OK;
	return t->active ? 0 : -ENOMEM;
}

/* A clock that is wrong makes good certificates look bad. */
static void add_clock(struct transfer *t)
{
	size_t n = strlen(t->why);
	time_t now = time(NULL);
	struct tm tm;

	if (strstr(t->why, "expired") || strstr(t->why, "not yet valid"))
		if (gmtime_r(&now, &tm))
			strftime(t->why + n, sizeof(t->why) - n,
				 "; this machine's clock says %Y-%m-%d", &tm);
}

/* The peer's last words on our own certificate come as an alert of TLS, after the handshake. */
static bool about_our_certificate(const char *text)
{
	return strstr(text, "alert") && (strstr(text, "certificate") || strstr(text, "unknown ca"));
}

static void judge_curl(struct transfer *t, CURLcode code)
{
	const char *text = t->curl_text[0] ? t->curl_text : curl_easy_strerror(code);

	switch (code) {
	case CURLE_PEER_FAILED_VERIFICATION:
		verdict(t, TRANSFER_FAILED, FETCH_REFUSED,
			"the server's certificate is refused: %.300s", text);
		add_clock(t);
		return;
	case CURLE_SSL_CACERT_BADFILE:
		verdict(t, TRANSFER_FAILED, FETCH_FAILED,
			"the certificates to trust cannot be used: %.300s", text);
		return;
	case CURLE_SSL_CERTPROBLEM:
		verdict(t, TRANSFER_FAILED, FETCH_FAILED,
			"this machine's certificate or key cannot be used: %.300s", text);
		return;
	case CURLE_TOO_MANY_REDIRECTS:
		verdict(t, TRANSFER_FAILED, FETCH_REFUSED,
			"refused: the server redirects more than %d times", FETCH_REDIRECTS_MAX);
		return;
	case CURLE_UNSUPPORTED_PROTOCOL:
		if (strstr(text, "HTTP/0.9"))
			verdict(t, TRANSFER_RETRY, FETCH_PROTOCOL,
				"what the server answers is not HTTP");
		else
			verdict(t, TRANSFER_FAILED, FETCH_REFUSED,
				"refused: the server redirects to an address that is not %s",
				strncasecmp(t->opts->url, "https:", 6) ? "http or https" : "https");
		return;
	case CURLE_LOGIN_DENIED:
	case CURLE_URL_MALFORMAT:
	case CURLE_COULDNT_RESOLVE_PROXY:
		verdict(t, code == CURLE_COULDNT_RESOLVE_PROXY ? TRANSFER_RETRY : TRANSFER_FAILED,
			code == CURLE_COULDNT_RESOLVE_PROXY ? FETCH_UNREACHABLE : FETCH_REFUSED,
			"%.300s", text);
		return;
	case CURLE_OUT_OF_MEMORY:
		/* libcurl says the same of a header longer than it bears. */
		verdict(t, TRANSFER_FAILED, FETCH_FAILED,
			"out of memory, or the server sends too long a header");
		return;
	default:
		if (about_our_certificate(text))
			verdict(t, TRANSFER_FAILED, FETCH_DENIED,
				"the server refuses this machine's certificate, or wants one: "
				"%.300s", text);
		else
			verdict(t, TRANSFER_RETRY, FETCH_UNREACHABLE, "%.400s", text);
	}
}

/* Later requests go straight to where the redirects led, as long as that works. */
static void remember_address(struct transfer *t)
{
	const char *url = NULL;

	curl_easy_getinfo(t->easy, CURLINFO_EFFECTIVE_URL, &url);
	if (url && strlen(url) < sizeof(t->moved_to) && strcmp(url, t->opts->url))
		snprintf(t->moved_to, sizeof(t->moved_to), "%s", url);
}

/* The range is complete, whatever else the server would still like to send. */
static bool satisfied(const struct transfer *t)
{
	return t->judged && !t->streams && t->state == TRANSFER_RUNNING &&
	       t->at + t->held_len >= t->end;
}

/* The exchange is over for curl. */
static void judge_end(struct transfer *t, CURLcode code)
{
	if (t->state == TRANSFER_RUNNING && code == CURLE_OK && !t->judged)
		judge_head(t);
	if (t->judged && !t->error_body && t->http_status / 100 == 2)
		remember_address(t);
	if (t->state == TRANSFER_RUNNING && (code == CURLE_OK || satisfied(t)))
		t->state = TRANSFER_ENDED;
	else if (t->state == TRANSFER_RUNNING)
		judge_curl(t, code);
	/* An address that redirects led to may be a passing one. */
	if (t->moved_to[0] && t->state == TRANSFER_FAILED && t->http_status >= 400)
		t->state = TRANSFER_RETRY;
	if (t->state == TRANSFER_RETRY)
		t->moved_to[0] = '\0';
}

/* Take the handle from curl: what it was about is over. */
static void detach(struct transfer *t)
{
	if (t->active)
		curl_multi_remove_handle(t->multi, t->easy);
	t->active = false;
}

void transfer_work(struct transfer *t)
{
	CURLMsg *msg;
	int running, left;

	if (transfer_waits(t)) {
		t->paused = false;
		curl_easy_pause(t->easy, CURLPAUSE_CONT);
	}
	curl_multi_perform(t->multi, &running);
	while ((msg = curl_multi_info_read(t->multi, &left)))
		if (msg->msg == CURLMSG_DONE) {
			CURLcode code = msg->data.result;

			judge_end(t, code);
			detach(t);
		}
	/* Whoever keeps talking, or keeps the line open, is hung up on. */
	if (t->active && satisfied(t)) {
		judge_end(t, CURLE_OK);
		detach(t);
	}
}

enum transfer_state transfer_state(const struct transfer *t)
{
	return t->active || t->held_len ? TRANSFER_RUNNING : t->state;
}

void transfer_wait(struct transfer *t, int read_fd, int write_fd, int ms)
{
	struct curl_waitfd fds[2];
	unsigned n = 0;

	if (read_fd >= 0)
		fds[n++] = (struct curl_waitfd){ .fd = read_fd, .events = CURL_WAIT_POLLIN };
	if (write_fd >= 0)
		fds[n++] = (struct curl_waitfd){ .fd = write_fd, .events = CURL_WAIT_POLLOUT };
	curl_multi_poll(t->multi, fds, n, ms, NULL);
}

struct transfer_block transfer_block(const struct transfer *t)
{
	return (struct transfer_block){ .data = t->held + t->held_from, .len = t->held_len,
					.at = t->at };
}

void transfer_consume(struct transfer *t, size_t n)
{
	assert(n <= t->held_len);
	t->held_from += n;
	t->held_len -= n;
	t->at += n;
}

bool transfer_waits(const struct transfer *t)
{
	return t->active && t->paused && !t->held_len;
}

bool transfer_streams(const struct transfer *t)
{
	return t->streams;
}

uint64_t transfer_at(const struct transfer *t)
{
	return t->at;
}

uint64_t transfer_received(const struct transfer *t)
{
	return t->received;
}

void transfer_stop(struct transfer *t)
{
	detach(t);
	t->held_len = 0;
	t->state = TRANSFER_IDLE;
}

void transfer_stalled(struct transfer *t, bool silent, unsigned seconds)
{
	if (t->state == TRANSFER_RUNNING)
		verdict(t, TRANSFER_RETRY, FETCH_UNREACHABLE,
			silent ? "the server said nothing for %u s" :
				 "the server was too slow for %u s", seconds);
	detach(t);
	t->held_len = 0;
	t->moved_to[0] = '\0';
}

bool transfer_total(const struct transfer *t, uint64_t *ret_bytes)
{
	if (!t->version_known || !t->version.total_known)
		return false;
	*ret_bytes = t->version.total;
	return true;
}

unsigned transfer_retry_after_s(const struct transfer *t)
{
	return t->retry_after_s;
}

const char *transfer_why(const struct transfer *t)
{
	return t->why;
}

enum fetch_status transfer_status(const struct transfer *t)
{
	return t->status;
}

struct transfer *transfer_new(const struct fetch_options *opts, struct err *err)
{
	struct transfer *t = calloc(1, sizeof(*t));

	if (!t || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(t);
		err_oom(err);
		return NULL;
	}
	t->opts = opts;
	t->multi = curl_multi_init();
	t->easy = curl_easy_init();
	if (!t->multi || !t->easy) {
		err_oom(err);
		return transfer_free(t);
	}
	return t;
}

struct transfer *transfer_free(struct transfer *t)
{
	if (!t)
		return NULL;
	transfer_stop(t);
	curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->headers);
	curl_multi_cleanup(t->multi);
	free(t);
	curl_global_cleanup();
	return NULL;
}
