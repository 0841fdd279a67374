/*
 * One HTTP exchange at a time: from a range of the file to the verdict on what came.
 * The only file of kiln-fetch that knows libcurl.
 *
 * Body bytes are handed over in blocks, one at a time: a block stays in the transfer
 * until the owner has consumed all of it, and the server waits meanwhile.
 */
#ifndef FETCH_TRANSFER_H
#define FETCH_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fetch/fetch.h"

struct err;
struct transfer;

enum transfer_state {
	TRANSFER_IDLE,
	TRANSFER_RUNNING,
	TRANSFER_ENDED, /* the exchange went well, however little came */
	TRANSFER_RETRY, /* it broke; another may do */
	TRANSFER_FAILED, /* another would end the same way */
};

/* What the owner may know of the block at hand. */
struct transfer_block {
	const char *data;
	size_t len;
	uint64_t at; /* where in the file it begins */
};

/* NULL with @err set when there is no memory or an option cannot be used. */
struct transfer *transfer_new(const struct fetch_options *opts, struct err *err);

/* NULL-safe; returns NULL. */
struct transfer *transfer_free(struct transfer *t);

/*
 * Ask for @start up to @end (not included). The transfer must not be running. A server
 * that ignores ranges sends the file from its beginning: then transfer_streams().
 * 0 or -ENOMEM.
 */
int transfer_start(struct transfer *t, uint64_t start, uint64_t end);

/* Let curl work. */
void transfer_work(struct transfer *t);

/* TRANSFER_RUNNING as long as a block waits, whatever the connection does. */
enum transfer_state transfer_state(const struct transfer *t);

/* Wait up to @ms for the network or for the descriptors (-1: leave out) to read and write. */
void transfer_wait(struct transfer *t, int read_fd, int write_fd, int ms);

/* The block that waits; len 0 when there is none. */
struct transfer_block transfer_block(const struct transfer *t);

/* The first @n bytes of the block are done with. */
void transfer_consume(struct transfer *t, size_t n);

/* True when more came than one block, and the block is consumed: transfer_work() has more. */
bool transfer_waits(const struct transfer *t);

/* True when the last answer was the whole file instead of the range. */
bool transfer_streams(const struct transfer *t);

/* Where in the file the next byte will be. */
uint64_t transfer_at(const struct transfer *t);

/* Bytes of bodies that came, in all. */
uint64_t transfer_received(const struct transfer *t);

/* Break off the running exchange, or forget the verdict on the last. */
void transfer_stop(struct transfer *t);

/* Break off because the server is too slow: a verdict, unless there was one already. */
void transfer_stalled(struct transfer *t, bool silent, unsigned seconds);

/* The length of the file, if any answer told it. */
bool transfer_total(const struct transfer *t, uint64_t *ret_bytes);

/* How long the server asks to stay away, in seconds; 0 when it does not. */
unsigned transfer_retry_after_s(const struct transfer *t);

/* After RETRY or FAILED: what went wrong, for the end of a sentence, and what to exit with. */
const char *transfer_why(const struct transfer *t);
enum fetch_status transfer_status(const struct transfer *t);

#endif
