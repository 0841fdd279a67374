/*
 * The programs of whoever runs this machine that are asked before an update counts: they
 * take a snapshot, or say no. Each file in /etc/kiln/pre-update.d, and in
 * /usr/lib/kiln/pre-update.d where the first has none of that name, in the order of their
 * names.
 */
#ifndef UPDATE_HOOKS_H
#define UPDATE_HOOKS_H

#include <signal.h>
#include <stdint.h>

#include "install/bundle.h"

struct err;

#define HOOKS_DEADLINE_MS (300 * 1000) /* for each */

/* A positive return: one of them said no, or did not end in time and was killed. */
enum { HOOKS_REFUSED = 1 };

struct hooks {
	const char *const *dirs; /* ends with NULL; NULL: the usual ones */
	int64_t deadline_ms; /* for each */
	const volatile sig_atomic_t *stop; /* set by a signal; may be NULL */
	/* What is about to be installed, and beside what. */
	const struct bundle_manifest *manifest;
	const char *slot, *running_version;
};

/*
 * Run them, with what is about to be installed in the environment: KILN_NAME, KILN_VERSION,
 * KILN_SLOT, KILN_RUNNING_VERSION. None is given a chance to outlast its deadline: it is killed
 * with its children, and no other is asked. What one leaves running in the background when it
 * ends is not waited for. 0; HOOKS_REFUSED with its last words in @err; -EINTR when *@stop was
 * set meanwhile; or another negative errno.
 */
int hooks_run(const struct hooks *hooks, struct err *err);

#endif
