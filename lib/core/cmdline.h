/*
 * Tokens of a Linux kernel command line, split exactly as the kernel's
 * next_arg() does it: white space separates outside double quotes; a quote
 * around a whole token or a whole value is not part of it.
 *
 * The signed command line is where early init learns what it may mount, so a
 * key that stands there twice is refused: nobody may win by being last.
 */
#ifndef LIB_CORE_CMDLINE_H
#define LIB_CORE_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>

/* Longest command line looked at; the kernel of x86-64 takes 2048. */
#define CMDLINE_MAX 8192

enum cmdline_error {
	CMDLINE_OK = 0,
	CMDLINE_E_MISSING, /* the key is not there */
	CMDLINE_E_TWICE, /* the key stands there more than once */
	CMDLINE_E_NO_VALUE, /* the key stands there without `=` */
	CMDLINE_E_SIZE, /* the value does not fit the caller's buffer */
	CMDLINE_E_QUOTE, /* a quote is never closed */
	CMDLINE_E_LONG, /* the line is longer than CMDLINE_MAX */
	CMDLINE_E_BYTE, /* a control character other than white space is in the line */
};

/* One token; the texts point into the command line and have no NUL. */
struct cmdline_token {
	const char *key;
	size_t key_len;
	const char *value; /* NULL when the token has no `=` */
	size_t value_len;
};

/*
 * Take the next token off [*@at, @end) and advance *@at. True when @ret was
 * filled, false at the end. Never fails: an open quote runs to the end, as in
 * the kernel.
 */
bool cmdline_next(const char **at, const char *end, struct cmdline_token *ret);

/*
 * The line as a whole: its length, its bytes, its quotes, and that no key
 * starting with @prefix (e.g. "kiln.") is there twice. @line ends at @len or at
 * the first NUL. An enum cmdline_error.
 */
int cmdline_check(const char *line, size_t len, const char *prefix);

/*
 * Copy the value of @key, with a NUL, to @ret_value of @size bytes; it is left
 * alone on failure. @line ends at @len or at the first NUL. An enum
 * cmdline_error (MISSING, TWICE, NO_VALUE, SIZE, LONG).
 */
int cmdline_get(const char *line, size_t len, const char *key, char *ret_value, size_t size);

/* A short sentence for an enum cmdline_error, for messages. */
const char *cmdline_error_text(int error);

#endif
