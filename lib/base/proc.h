/*
 * Running other programs: an argument vector, never a shell.
 */
#ifndef LIB_BASE_PROC_H
#define LIB_BASE_PROC_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct err;

struct proc_options {
	const char *input; /* bytes for standard input; NULL means /dev/null */
	size_t input_len;
	struct buf *output; /* collects standard output; NULL leaves it on stderr */
	struct buf *errors; /* collects standard error; NULL: kept only for the error text */
	char *const *env; /* whole environment; NULL inherits */
	const char *cwd; /* NULL inherits */
	size_t output_max; /* cap of each collected stream; 0 means 16 MiB */
};

/*
 * Run @argv (found on PATH) and wait. @opts may be NULL.
 * Returns 0 when it exited 0; a positive exit status otherwise, with @err set to
 * "<program> failed (exit N): <last lines of its stderr>"; a negative errno when
 * it could not be started (-ENOENT names the missing program) or was killed
 * (-ECHILD, the signal is named).
 */
int proc_run(char *const *argv, const struct proc_options *opts, struct err *err);

/* True when @name is an executable file on PATH. */
bool proc_exists(const char *name);

#endif
