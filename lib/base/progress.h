/*
 * Progress of long work. The worker calls progress_add() as often as it
 * likes; on a terminal a bar is redrawn at most ten times a second, elsewhere
 * nothing is shown. Thread-safe. A NULL progress is silent.
 */
#ifndef LIB_BASE_PROGRESS_H
#define LIB_BASE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress;

/* Start showing @label (copied). @bytes: totals are bytes, shown as MiB. NULL: no memory. */
struct progress *progress_new(const char *label, uint64_t total, bool bytes);

/*
 * The same for a program that reads: JSON lines on standard output,
 *	{"phase":"writing","done_bytes":0,"total_bytes":172000000}
 * one now, one at the end, and at most two a second between them.
 */
struct progress *progress_new_json(const char *phase, uint64_t total_bytes);

/* So much more is done. */
void progress_add(struct progress *p, uint64_t more);

/* Finish: clears the bar. Returns NULL. */
struct progress *progress_free(struct progress *p);

#endif
