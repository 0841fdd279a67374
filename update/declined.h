/*
 * A version that this machine was offered and does not take. Who looks for updates by itself
 * finds the same one at each look, and there is nothing to be done about it here; so it is no
 * failure, and kept as a note beside early init's until a look finds something else, or the
 * next boot.
 */
#ifndef UPDATE_DECLINED_H
#define UPDATE_DECLINED_H

#include <stdbool.h>

#include "lib/core/version.h"

struct err;

#define DECLINED_NOTE "declined" /* in the directory of early init's notes */
#define DECLINED_REASON_MAX 31
#define DECLINED_MESSAGE_MAX 1023

struct declined {
	char version[VERSION_TEXT_SIZE];
	char reason[DECLINED_REASON_MAX + 1]; /* as in slotctl install --json */
	char message[DECLINED_MESSAGE_MAX + 1]; /* a sentence */
};

/*
 * Is @reason a word of slotctl install for a version that is whole, signed and meant for such a
 * machine, and that this one does not take by its own rules?
 */
bool declined_is_reason(const char *reason);

/* Replace the note in @run_dir. @message is cut off where it is too long. 0 or a negative errno. */
int declined_note(const char *run_dir, const char *version, const char *reason, const char *message,
		  struct err *err);

/* Take it away; that there is none is no failure. 0 or a negative errno. */
int declined_forget(const char *run_dir, struct err *err);

/* False: there is none, or nobody understands it; then @ret is left alone. */
bool declined_read(const char *run_dir, struct declined *ret);

#endif
