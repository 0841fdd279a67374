/*
 * The error a person will read.
 *
 * Functions a person will hear from take a `struct err *` as their last
 * argument and end in `return err_set(err, -EINVAL, "...")`. The innermost
 * caller says what is wrong; outer callers put context in front with err_add().
 * Libraries never print and never exit: main() prints the text once.
 *
 * Return codes everywhere: 0 is success, a negative value is an errno of the
 * world, a positive value is an enum documented at the function.
 */
#ifndef LIB_BASE_ERR_H
#define LIB_BASE_ERR_H

#include <stdarg.h>

/* Longest message kept, in bytes with the NUL; longer ones are cut with "...". */
#define ERR_TEXT_MAX 16384

struct err {
	char text[ERR_TEXT_MAX]; /* no trailing newline; may hold several lines */
};

/* Clear @err to the empty message. @err may be NULL. */
void err_init(struct err *err);

/* Replace the message of @err (may be NULL) and return @rc unchanged. */
int err_set(struct err *err, int rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Like err_set(), with ": <strerror(-rc)>" appended; @rc is a negative errno. */
int err_errno(struct err *err, int rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Put "<text>: " in front of the message and return @rc unchanged. */
int err_add(struct err *err, int rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Append text after the message (a hint, a further line). Returns nothing to forward. */
void err_append(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Out of memory: sets "out of memory" and returns -ENOMEM. */
int err_oom(struct err *err);

#endif
