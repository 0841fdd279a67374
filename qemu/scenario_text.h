/*
 * The words of a scenario file: one line cut into tokens and taken one by one,
 * every mistake noted with its place. Only scenario.c uses it.
 */
#ifndef QEMU_SCENARIO_TEXT_H
#define QEMU_SCENARIO_TEXT_H

#include <stdbool.h>
#include <stdint.h>

struct err;
struct scenario;

#define TOKENS_MAX 12
#define TOKEN_SIZE 1024

struct token {
	char text[TOKEN_SIZE];
	unsigned column; /* from 1 */
	bool quoted;
};

struct parser {
	struct scenario *s;
	const char *file;
	struct err *err;
	unsigned mistakes;
	unsigned line;
	struct token token[TOKENS_MAX];
	unsigned n, at; /* tokens of the line; the next to take */
	unsigned line_len; /* where a missing token would be */
};

/* Note a mistake at @column of the current line; all of a file are told together. -EINVAL. */
int mistake(struct parser *p, unsigned column, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Cut @line into p->token. 0 or -EINVAL with the mistake noted. */
int tokenise(struct parser *p, const char *line, unsigned len);

/* The next token, or NULL at the end of the line; its column, or the line's end. */
const struct token *peek(const struct parser *p);
unsigned column_here(const struct parser *p);

/* Take the bare word @word if it comes next. */
bool take_word(struct parser *p, const char *word);

/* Take one word of @choices (ends in NULL); its index, or a mistake naming them all. */
int take_choice(struct parser *p, const char *const *choices);

/* Take a quoted text that is not empty into *ret (owned; an old one is freed). */
int take_text(struct parser *p, const char *what, char **ret);

/* Take a decimal number up to @max; a size such as 512M. */
int take_number(struct parser *p, const char *what, uint64_t max, uint64_t *ret);
int take_size(struct parser *p, uint64_t *ret);

/* Take an optional time; *ret_ms keeps its default when none is there. */
int take_time(struct parser *p, uint64_t *ret_ms);

#endif
