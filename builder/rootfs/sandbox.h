/*
 * The sandbox: namespaces in which one caller is root over the tree.
 *
 * Root keeps its ids. An ordinary user gets a user namespace in which 0 is the
 * user and 1..65535 are the subordinate ids of /etc/subuid and /etc/subgid, set
 * by newuidmap and newgidmap. Either way the child also has its own mount, pid,
 * network (empty), uts and ipc namespaces: nothing it does there can outlive it.
 *
 * Whatever owns files of many ids (unpacking, packing, walking, deleting the
 * tree) runs through sandbox_run(). Nothing is left behind when the caller is
 * killed: the whole child tree dies with it.
 */
#ifndef BUILDER_ROOTFS_SANDBOX_H
#define BUILDER_ROOTFS_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct sandbox;

/* Ids 0..SANDBOX_IDS-1 exist inside. */
#define SANDBOX_IDS 65536u

/*
 * Find out how this user may build and check that it works (one trial fork).
 * On failure @err says what is missing and the exact command that fixes it:
 * no subordinate ids, newuidmap not installed, user namespaces switched off by
 * a sysctl or by AppArmor. Returns 0 and an owned *ret, or a negative errno.
 */
int sandbox_new(struct sandbox **ret, struct err *err);

/* NULL-safe; returns NULL. */
struct sandbox *sandbox_free(struct sandbox *sb);

/*
 * Run @fn(@arg) in a child inside the namespaces, as its uid 0 with umask 022,
 * and wait. The child sees the caller's file system, and a copy of its memory:
 * results come back through files. The child is process 1 of its pid namespace;
 * whatever it leaves running is killed when it returns.
 * Returns what @fn returned, with its error text in @err; -ECHILD when the
 * child was killed by a signal.
 */
int sandbox_run(const struct sandbox *sb, int (*fn)(void *arg, struct err *err), void *arg,
		struct err *err);

/* Remove @path and everything below it from inside; missing is fine. 0 or a negative errno. */
int sandbox_remove_tree(const struct sandbox *sb, const char *path, struct err *err);

#endif
