/*
 * What `kiln install` and `slotctl provision` share, once the source is known: look at the
 * target, say what will be lost, ask, write, and tell what was done.
 */
#ifndef INSTALL_PROVISION_VERB_H
#define INSTALL_PROVISION_VERB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "install/provision_source.h"
#include "install/target.h"

struct err;

struct provision_verb {
	const char *verb; /* "install", for messages */
	const struct provision_source *source;
	const char *from; /* its name, for people */
	const char *target;
	struct target_options target_options;
	const char *trusted_pem; /* see readback.h; NULL: the root hash is known otherwise */
	bool yes, dry_run, discard, json;
};

/* Do it; prints to stdout. An EXIT_* code, with @err set where it is not EXIT_OK. */
int provision_verb(const struct provision_verb *v, struct err *err);

/*
 * With @json print the last line for an end with @status and @err, for the stable word @reason,
 * unless @status is EXIT_OK: for what ends before there is a source. Returns @status.
 */
int provision_verb_end(bool json, int status, const char *reason, const struct err *err);

#endif
