/*
 * The selector in a bundle. It is no part of a slot: what a machine already has of it is found
 * beforehand, so that it is not fetched, and it is put in place when everything else of the
 * version is (install/selector_part.h), right before that version counts.
 *
 * A version does not depend on its selector. So one that is older than what starts now, or
 * that failed here, is left out, and that is said; only a disk that fails stops the install.
 */
#ifndef UPDATE_INSTALL_SELECTOR_H
#define UPDATE_INSTALL_SELECTOR_H

struct err;
struct install_job;

/* What became of it. */
enum install_selector {
	INSTALL_SELECTOR_SAME, /* what starts now is this very one */
	INSTALL_SELECTOR_NEXT, /* the next boot tries it */
	INSTALL_SELECTOR_OLDER, /* a later one is in use */
	INSTALL_SELECTOR_REFUSED, /* it failed here before */
	INSTALL_SELECTOR_NONE, /* it is no selector that this machine can use */
};

/*
 * Give @job's target a place in memory for the selector, holding what the machine already has of
 * it. 0 or a negative errno.
 */
int install_selector_open(struct install_job *job, struct err *err);

/*
 * Put the selector in that place into the boot-state partition; the boot state must be locked.
 * Sets job->selector. 0 or a negative errno.
 */
int install_selector_put(struct install_job *job, struct err *err);

/* A stable word, for --json. */
const char *install_selector_name(enum install_selector selector);

#endif
