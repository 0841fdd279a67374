/*
 * The cage: one command run with the tree as its root directory.
 *
 * Used inside sandbox_run() only. Each command gets its own mount, pid and ipc
 * namespace on top of the sandbox's: a fresh /dev with seven harmless nodes, its
 * own /proc with the kernel's switches read-only, empty /run and /tmp, no /sys,
 * and nothing else of this machine: the old root is unmounted, not hidden. It
 * runs without the capabilities that reach beyond the tree, cannot gain any,
 * has no terminal and no network. What it leaves running dies with it, and its
 * mounts were never visible outside.
 */
#ifndef BUILDER_ROOTFS_CAGE_H
#define BUILDER_ROOTFS_CAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

/* Longest part of a failed command's output that goes into the error text. */
#define CAGE_TAIL_MAX_BYTES 4000

/* One file of this machine that the command may read: appears as /run/kiln/NAME. */
struct cage_file {
	const char *source;
	const char *name; /* one path component */
	unsigned mode; /* 0: bound read-only as it is; else copied with these permission bits */
};

struct cage {
	const char *tree; /* host path of the root directory */
	uint64_t epoch_s; /* SOURCE_DATE_EPOCH for the command */
	int log_fd; /* everything the command says; -1: nowhere */
	bool verbose; /* say it on stderr too */
	const struct cage_file *files;
	size_t n_files;
	char *const *env; /* further NAME=VALUE, NULL-terminated; NULL: none */
	/* Called with each whole line the command says, while it runs. May be NULL. */
	void (*on_line)(void *arg, const char *line);
	void *on_line_arg;
};

/*
 * Run @argv (argv[0] looked up on the tree's PATH) and wait. @what names the
 * command in the error: "@what failed (exit N):" and its last lines.
 * Returns 0 when it exited 0, a positive exit status, -ECHILD when a signal
 * killed it, or another negative errno when it could not be started.
 */
int cage_run(const struct cage *cage, char *const *argv, const char *what, struct err *err);

/*
 * Take from the calling process what would let it out: all capabilities that do
 * not concern files and ids, gaining privileges, and system calls that are
 * nobody's business in a tree; make fsync and its kin do nothing. 0 or a
 * negative errno. (cage_filter.c)
 */
int cage_lock_down(void);

#endif
