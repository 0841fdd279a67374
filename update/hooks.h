/*
 * The programs of whoever runs this machine that are asked before an update counts: they
 * take a snapshot, or say no. Each file in /etc/kiln/pre-update.d, and in
 * /usr/lib/kiln/pre-update.d where the first has none of that name, in the order of their
 * names.
 */
#ifndef UPDATE_HOOKS_H
#define UPDATE_HOOKS_H

#include "install/bundle.h"

struct err;

#define HOOKS_DEADLINE_S 300u /* for each */

/* A positive return: one of them said no, or did not end in time. */
enum { HOOKS_REFUSED = 1 };

/*
 * Run them, with what is about to be installed in the environment: KILN_NAME, KILN_VERSION,
 * KILN_SLOT, KILN_RUNNING_VERSION. @dirs (NULL: the usual ones) ends with NULL. 0;
 * HOOKS_REFUSED with its last words in @err; or a negative errno.
 */
int hooks_run(const char *const *dirs, const struct bundle_manifest *m, const char *slot,
	      const char *running_version, struct err *err);

#endif
