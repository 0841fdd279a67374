/*
 * The steps after the packages are configured. All run inside the sandbox, in
 * the order they stand here; rootfs.c calls them.
 */
#ifndef BUILDER_ROOTFS_BUILD_H
#define BUILDER_ROOTFS_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "builder/rootfs/cage.h"
#include "builder/rootfs/origin.h"
#include "builder/rootfs/rootfs.h"
#include "builder/rootfs/tree.h"

struct err;

/* Everything a step needs. */
struct build {
	const struct rootfs_options *o;
	const char *root; /* host path of the tree */
	struct tree tree;
	struct cage cage;
	struct origin origin;
	time_t started_s; /* by this machine's clock, which may be wrong */
};

/* Give users and groups the ids of the lock; owners of all files follow. (idlock.c) */
int build_ids(struct build *b, struct err *err);

/* Remove what packages made for one machine: host keys, ids, seeds. (finalise.c) */
int build_forget_machine(struct build *b, struct err *err);

/* The recipe's users. (users.c) */
int build_users(struct build *b, struct err *err);

/* The recipe's files, then kiln's additions. (files.c) */
int build_files(struct build *b, struct err *err);

/* Enable, disable and mask units. (units.c) */
int build_units(struct build *b, struct err *err);

/* The recipe's scripts. (files.c) */
int build_scripts(struct build *b, struct err *err);

/* Is libcurl among the libraries of the image? (fetcher.c) */
bool build_has_libcurl(struct build *b);

/* Where it is, kiln-fetch must start: -EINVAL with the loader's words when not. (fetcher.c) */
int build_check_fetcher(struct build *b, struct err *err);

/* Kernel and modules out to work_dir/kernel, the rest pruned. (kernel.c) */
int build_kernel(struct build *b, struct err *err);

/* Identity of the image, mount points, caches and logs away. (finalise.c) */
int build_finalise(struct build *b, struct err *err);

/* Refuse what must not be in an image; all findings in @err. (lint.c) */
int build_lint(struct build *b, struct err *err);

/* Last of all: every time stamp at or before the epoch. (times.c) */
int build_clamp_times(struct build *b, struct err *err);

/* Parse "NAME:x:ID..." lines of @text: dynamic ids into @ret. (idlock.c) */
int build_read_ids(const char *passwd, const char *group, struct rootfs_ids *ret,
		   struct err *err);

#endif
