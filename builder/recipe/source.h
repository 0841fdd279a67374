/*
 * The text of one recipe file, and what is wrong with it.
 *
 * A source keeps the bytes of a file as long as somebody may still complain
 * about a line of it. Complaints are collected in a `struct diags`, because a
 * person mends ten mistakes in one go more happily than in ten; they are
 * printed once, in the order of the text, each with its line and a caret.
 */
#ifndef BUILDER_RECIPE_SOURCE_H
#define BUILDER_RECIPE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct buf;
struct err;

/* A place in a text: line and column count from 1, columns in characters. */
struct place {
	unsigned line, col;
};

struct source {
	char *name; /* as shown in messages, relative to where kiln was started if so given */
	char *dir; /* folder of the file, "." for the current one; NULL for text from memory */
	char *data; /* the bytes, with a NUL behind that len does not count */
	size_t len;
	dev_t dev; /* which file it is, for cycles; both 0 for text from memory */
	ino_t ino;
	const struct source *includer; /* the file that includes this one, or NULL */
	struct place at; /* where @includer does */
	unsigned idx; /* order in which the files were first met */
	struct source *next; /* owned list of all sources of one load */
};

/* Free @s and all that follow it. NULL-safe; returns NULL. */
struct source *source_free(struct source *s);

/*
 * Bytes of the character at @p, of which @left bytes are there: 1 to 4.
 * *ret_why says why it may not stand in a recipe, or is NULL.
 */
size_t source_char(const char *p, size_t left, const char **ret_why);

struct diag {
	const struct source *src; /* borrowed */
	struct place at;
	size_t seq;
	char *what; /* owned */
};

struct diags {
	struct diag *item;
	size_t n, cap;
	size_t dropped; /* complaints beyond the limit, only counted */
	bool oom;
};

void diags_done(struct diags *d);

/* Complain about @at of @src. An allocation that fails is remembered in oom. */
void diag_add(struct diags *d, const struct source *src, struct place at, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* True when nothing was complained about. */
bool diags_none(const struct diags *d);

/* {"ok": ..., "errors": [...]} into @out, in the order of the text. */
void diags_json(struct diags *d, struct buf *out);

/* All complaints as one text in @err; returns -EINVAL, or -ENOMEM when some were lost. */
int diags_report(struct diags *d, struct err *err);

#endif
