/*
 * kiln-fetch: pieces of one file from an HTTP(S) server, for a parent that trusts
 * neither the server nor this program with more than a pipe.
 *
 * fetch_serve() reads requests (request.h) on one descriptor and writes exactly the
 * bytes asked for to another, in order; the first failure that retrying does not
 * cure ends it, after what was delivered until then has been written. One event loop
 * drives requests, transfer (transfer.h) and output, so that a slow reader never
 * looks like a slow server.
 */
#ifndef FETCH_FETCH_H
#define FETCH_FETCH_H

#include <stddef.h>
#include <stdint.h>

struct err;

/* Exit statuses; 0 to 3 mean what they mean to every program of kiln. */
enum fetch_status {
	FETCH_OK = 0,
	FETCH_FAILED = 1, /* this machine said no: memory, files, the parent went away */
	FETCH_USAGE = 2, /* command line or request line */
	FETCH_REFUSED = 3, /* certificate, redirect, encoding: for safety, not for want of luck */
	FETCH_UNREACHABLE = 4, /* no connection, no answer, stalls, 5xx: later may be better */
	FETCH_NOT_FOUND = 5, /* 404, 410 */
	FETCH_DENIED = 6, /* 401, 403, 407 and the other 4xx */
	FETCH_CHANGED = 7, /* the file is not the one that was begun */
	FETCH_ENDS_EARLY = 8, /* the file ends before the piece that was asked for */
	FETCH_PROTOCOL = 9, /* answers that contradict themselves or the question */
};

#define FETCH_REDIRECTS_MAX 5

/* The content of a file read while there was the right to; data NULL: none. */
struct fetch_file {
	char *data;
	size_t len;
};

struct fetch_options {
	const char *url;
	const char *proxy; /* NULL: what the environment says */
	struct fetch_file cacert, cert, key; /* PEM; key empty: it is in cert */
	uint64_t limit_bytes_per_s; /* 0: no limit */
	uint64_t least_bytes_per_s; /* less for stall_s is a stall */
	uint64_t max_bytes; /* of bodies in all, wanted or not */
	unsigned stall_s, connect_s;
	unsigned retries; /* in a row without a piece delivered */
	unsigned pause_ms; /* before the first retry; doubled each time */
};

/*
 * Serve the requests on @in until its end. Returns FETCH_OK, or another status with
 * @err set to one sentence.
 */
enum fetch_status fetch_serve(const struct fetch_options *opts, int in, int out, struct err *err);

#endif
