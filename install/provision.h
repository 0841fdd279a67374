/*
 * Making a disk that boots: a slot of a source becomes slot a of a target.
 *
 * The target may hold anything. In this order, with a flush at each arrow:
 *
 *	what was there stops to be a disk: both places of its partition table -> all
 *	that could be taken for something alive is zeroed; ESP, UKI, root, hash tree,
 *	signature are written -> everything is read back and checked to the signed
 *	root hash; slot descriptor, boot state -> these are read back; backup table ->
 *	primary table -> both are read back
 *
 * so that at no instant, whatever a power cut leaves, there is a partition table and
 * not the whole system. A target that ends in between boots nothing.
 */
#ifndef INSTALL_PROVISION_H
#define INSTALL_PROVISION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "install/plan.h"
#include "install/provision_source.h"

struct blk;
struct err;

/* A positive return: what was written is not what the source is signed to be. */
enum { PROVISION_WRONG = 1 };

struct provision_options {
	const struct provision_source *source;
	const struct plan *plan; /* for a target of this size */
	struct blk *disk;
	int fd; /* of the same medium, for reading */
	const char *trusted_pem; /* see readback.h */
	size_t trusted_len;
	int (*discard)(struct blk *disk); /* NULL: what is not written is left as it is */
	bool json; /* progress as lines for programs */
	const volatile int *stop; /* set by a signal: stops with -ECANCELED; may be NULL */
	size_t piece_bytes; /* see feed_new(); 0 but in tests */
};

/* What was done, for a summary. */
struct provision_report {
	uint64_t written_bytes; /* of the slot and the ESP */
	uint64_t zeroed_bytes; /* of them, that were not moved */
	uint64_t write_ms, check_ms;
	bool discarded;
};

/* 0; PROVISION_WRONG; or a negative errno. @ret is for success only. */
int provision(const struct provision_options *o, struct provision_report *ret, struct err *err);

#endif
