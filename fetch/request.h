/*
 * What the parent of kiln-fetch asks for: one line per piece of the file.
 *
 *	GET OFFSET LENGTH\n
 *
 * Decimal numbers without sign, leading zeroes or further blanks; LENGTH at least 1;
 * OFFSET + LENGTH at most REQUEST_END_MAX. The answers go out in the order of the
 * requests. Requests that already wait are joined into one range of the server's
 * when the next lies at or shortly after the end of the one before.
 */
#ifndef FETCH_REQUEST_H
#define FETCH_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "GET ", two numbers of up to 19 digits, a blank: without the newline. */
#define REQUEST_LINE_MAX 43
#define REQUEST_END_MAX INT64_MAX
#define REQUESTS_MAX 4096
/* Bytes read and thrown away are cheaper than the round trip of another request. */
#define REQUEST_GAP_MAX_BYTES 65536

struct request {
	uint64_t offset_bytes, length_bytes;
};

/* The line of @len bytes, without its newline. 0, or -EINVAL and *ret untouched. */
int request_parse(const char *line, size_t len, struct request *ret);

/* Requests that wait, oldest first. All zero is empty. */
struct requests {
	struct request item[REQUESTS_MAX];
	size_t first, n;
	uint64_t done_bytes; /* of the oldest, delivered already */
};

bool requests_full(const struct requests *q);

/* Append; the queue must not be full. */
void requests_add(struct requests *q, struct request r);

/* Where the next byte to deliver lies in the file; the queue must not be empty. */
uint64_t requests_next(const struct requests *q);

/* End of the range that serves the oldest and those joined to it; not empty. */
uint64_t requests_run_end(const struct requests *q);

/*
 * @len bytes at @at of the file are here: *ret_skip of them, at their beginning, nobody
 * asked for, the *ret_take that follow are the oldest request's (0: it begins later).
 * The queue must not be empty, nor its next byte lie before @at.
 */
void requests_cut(const struct requests *q, uint64_t at, size_t len, size_t *ret_skip,
		  size_t *ret_take);

/* @n bytes of the oldest request, at most what it still wants, were delivered. */
void requests_delivered(struct requests *q, size_t n);

#endif
