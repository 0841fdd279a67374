/*
 * Provisioning in words: what is about to be done, and what was. All of it goes to a
 * struct buf; who prints it is the program.
 */
#ifndef INSTALL_PROVISION_TEXT_H
#define INSTALL_PROVISION_TEXT_H

#include "install/plan.h"
#include "install/provision.h"
#include "install/provision_source.h"
#include "install/target.h"

struct buf;

struct provision_story {
	const char *from; /* of the source, as the user named it */
	const struct provision_source *source;
	const struct target *target;
	const struct plan *plan;
	bool is_signed; /* the root hash was checked against pinned certificates */
	bool discard;
	const struct provision_report *report; /* NULL: nothing was done yet */
};

/* What goes where, and what is lost there. */
void provision_announce(const struct provision_story *s, struct buf *out);

/* What was done. */
void provision_summary(const struct provision_story *s, struct buf *out);

/* All of it for programs: one JSON object on a line. */
void provision_json(const struct provision_story *s, struct buf *out);

/* The same of what ended with @status, an EXIT_* code but EXIT_OK, for the stable word @reason. */
void provision_json_failed(int status, const char *reason, const char *message, struct buf *out);

#endif
