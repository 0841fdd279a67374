/*
 * Running a program that may hang: it gets a process group of its own and is
 * killed with all its children when the deadline passes.
 */
#ifndef UPDATE_RUN_H
#define UPDATE_RUN_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#define RUN_OUTPUT_MAX 65536 /* kept of its output; the rest is thrown away */

struct buf;

/* Milliseconds of the monotonic clock: deadlines survive jumps of the date. */
int64_t run_now_ms(void);

/*
 * Run @argv (found on PATH) until @deadline_ms; both output streams go to @out.
 * Returns its exit status (128 + n when signal n killed it, 127 when it could
 * not be started), -ETIMEDOUT when it was killed at the deadline, or a negative errno.
 */
int run_until(char *const *argv, int64_t deadline_ms, struct buf *out);

/* The same; and it is killed, too, when a signal's handler sets *@stop: then -EINTR. */
int run_until_stopped(char *const *argv, int64_t deadline_ms, const volatile sig_atomic_t *stop,
		      struct buf *out);

#endif
