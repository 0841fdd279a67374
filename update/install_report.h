/*
 * Telling how an install gets on: bars on a terminal, or with --json one object per line
 * on standard output, the last one with "result".
 */
#ifndef UPDATE_INSTALL_REPORT_H
#define UPDATE_INSTALL_REPORT_H

#include <stdbool.h>
#include <stdint.h>

struct install_job;
struct progress;

struct report {
	bool json;
	bool quiet; /* no bars, and nothing where nothing was done */
	const char *phase; /* the one shown; NULL: none */
	struct progress *bar;
	uint64_t shown; /* of the phase: bytes the bar knows of */
};

/* @done of @total bytes of @phase ("planning", "writing", "checking"). */
void report_progress(struct report *r, const char *phase, uint64_t done, uint64_t total);

/* No phase is shown any more. */
void report_end(struct report *r);

/* The plan, as --plan prints it. */
void report_plan(const struct report *r, const struct install_job *job);

/* There is nothing to do. */
void report_standing(const struct report *r, const struct install_job *job);

/*
 * A version is not taken for the reason @word, and that is no failure: a line about @message.
 * @status is what the exit status were, if somebody had asked for it.
 */
void report_declined(const struct report *r, int status, const char *word, const char *message);

/* It is done. */
void report_installed(const struct report *r, const struct install_job *job);

/* With --json: it is not, for @word. The text for people is printed by main(). */
void report_failed(const struct report *r, int status, const char *word, const char *text);

#endif
