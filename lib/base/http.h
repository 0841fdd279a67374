/*
 * Downloading files over HTTP(S), several at a time, resuming what broke off.
 *
 * The caller gives a list of jobs, each a set of URLs that should serve the same
 * bytes and an open file. Bytes are appended after what the file already holds
 * (a Range request); never more than max_bytes are written. What arrived is
 * handed to the job's `done`, which checks it: nothing here trusts a server.
 *
 * Transient failures (no connection, 5xx, 429, a stall, an early close) are
 * retried with growing pauses; attempts that moved 16 KiB or more are not held against
 * the server. A 4xx goes on to the next URL. Redirects are followed up to
 * HTTP_REDIRECTS_MAX and only to http and https (never from https to http);
 * file: is accepted only when the caller itself names it. Proxies come from the
 * environment as curl documents.
 */
#ifndef LIB_BASE_HTTP_H
#define LIB_BASE_HTTP_H

#include <stddef.h>
#include <stdint.h>

struct err;
struct progress;

#define HTTP_REDIRECTS_MAX 5
#define HTTP_URLS_MAX 16

struct http_job {
	const char *const *urls; /* tried in order, the caller's */
	size_t n_urls; /* 1..HTTP_URLS_MAX */
	const char *name; /* what errors call it */
	int fd; /* regular file open for reading and writing, the caller's */
	uint64_t size_bytes; /* exact length; 0: unknown */
	uint64_t max_bytes; /* never write beyond this; must be set */
	/*
	 * The file is complete: check it. 0 accepts; -EBADMSG (with @err) refuses these
	 * bytes: the file is emptied and the next URL tried; other errors end the fetch.
	 * NULL accepts everything.
	 */
	int (*done)(struct http_job *job, struct err *err);
	void *arg; /* for done */
	int rc; /* out: 0, or why this job failed */
};

struct http_options {
	unsigned connections; /* at a time; 0: 6 */
	unsigned retries; /* per URL without any progress; 0: 4 */
	unsigned stall_s; /* give up a connection below 1 KiB/s for this long; 0: 20 */
	unsigned connect_s; /* 0: 15 */
	unsigned pause_ms; /* first pause before a retry, doubled each time; 0: 500 */
	struct progress *progress; /* counts bytes; may be NULL */
};

/*
 * Run all @jobs. Stops at the first job that no URL can serve and sets @err to
 * "<name>: <why>". Returns 0 when every job is done; else the failed job's code:
 * -EBADMSG refused content or too many bytes, -ENOENT not found, -ETIMEDOUT,
 * -ECONNREFUSED, -EHOSTUNREACH, -ENOSPC, -EIO, -EPROTO.
 */
int http_fetch(struct http_job *jobs, size_t n_jobs, const struct http_options *opts,
	       struct err *err);

#endif
