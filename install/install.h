/*
 * Installing a version into the slot that does not run: the one writer of slots on a
 * machine in use.
 *
 * THE ORDER, and what a power cut leaves:
 *	1. the boot state says `writing`, stored		the other slot is all there is
 *	2. the slot descriptor is zeroed, flushed		a lost boot state is not rebuilt
 *								with a slot half written
 *	3. UKI, root, signature are written, and flushed
 *	   every few MiB					nobody looks at them
 *	4. what was flushed is read back from the medium
 *	   and hashed, while more is written; the hash
 *	   tree comes out of that, must have the signed
 *	   root hash, and is written, flushed, read back	the same
 *	5. slot index and slot descriptor are written,
 *	   flushed, read back					a lost boot state is rebuilt with a
 *								slot that is whole
 *	6. the boot state says `ready`, stored			the new version is next
 * Steps 3 and 4 go on side by side, by threads where the device can be used by several; each
 * other step begins when all before it is done.
 * Begun again after any cut it finds out by hashing what is there already; there is no
 * journal. The running slot is only read.
 *
 * HOW TO
 *	bundle_read_manifest(), judge it, bundle_read_index()	(bundle_read.h)
 *	slot_open() both slots, slot_fits(), slotindex_read()	(slot.h, slotindex.h)
 *	chunkplan_make()						(chunkplan.h)
 *	install_run()
 */
#ifndef INSTALL_INSTALL_H
#define INSTALL_INSTALL_H

#include <signal.h>
#include <stdbool.h>

#include "install/bundle_read.h"
#include "install/chunkplan.h"
#include "install/slot.h"
#include "lib/core/bootstate.h"

struct source;

/* Positive results of install_run(). */
enum install_error {
	INSTALL_OK = 0,
	INSTALL_E_RULES, /* the boot state's rules say no: struct install.rule */
	INSTALL_E_SOURCE, /* the source failed or ended */
	INSTALL_E_DAMAGED, /* the bundle's bytes are not the signed ones */
	INSTALL_E_CHANGED, /* what was to be copied is not there any more: plan again */
	INSTALL_E_READBACK, /* the medium gives back something else than was written */
	INSTALL_E_STOPPED, /* @stop was set */
};

enum install_phase {
	INSTALL_WRITE, /* of the bytes to be written at most */
	INSTALL_CHECK, /* of the bytes to be read back */
};

/* The boot state on its disk, and who else may change it. */
struct install_state {
	struct disk_ops ops; /* of the boot-state partition */
	/* Around each change. NULL: nobody else is there. */
	int (*lock)(void *ctx, struct err *err);
	void (*unlock)(void *ctx);
	void *ctx;
};

struct install {
	const struct bundle_front *front; /* with its index */
	struct source *source; /* the index was the last that was read from it */
	const struct chunkplan *plan; /* made for @target and @running */
	const struct slot *target;
	const struct slot *running; /* what CHUNK_SLOT means; may be NULL */
	unsigned target_slot, running_slot; /* the latter may be BS_SLOT_NONE */
	struct install_state state;
	bool allow_refused; /* and forget the refusal */
	size_t window_bytes; /* of a write; 0: WRITER_WINDOW_BYTES */

	const volatile sig_atomic_t *stop; /* once it is set, the work ends soon; may be NULL */
	void (*progress)(void *ctx, enum install_phase phase, uint64_t done, uint64_t total);
	/* Everything is there, nothing is decided: a value other than 0 stops it. May be NULL. */
	int (*before_commit)(void *ctx, struct err *err);
	void *ctx; /* of progress and before_commit */

	enum bs_error rule; /* after INSTALL_E_RULES */
	uint64_t written_bytes; /* after success: to the slot */
};

/* What the boot state remembers of @m. */
void install_describe(const struct bundle_manifest *m, struct slotdesc *ret);

/*
 * Do it. 0: it is committed, and stays so. Else an enum install_error or a negative errno
 * (also what before_commit returned), with @err set: the next boot starts what it would have
 * started, and the same call goes on where this one ended.
 */
int install_run(struct install *in, struct err *err);

/* A stable word for an enum install_error, for --json. */
const char *install_error_name(int error);

#endif
