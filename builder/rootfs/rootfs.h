/*
 * The tree: from a set of .debs to the root directory an image is packed from.
 *
 *	sandbox_new(&sb, err);
 *	rootfs_build(&options, sb, &result, err);
 *	... pack options.work_dir/tree through sandbox_run(sb, ...) ...
 *	rootfs_result_done(&result);
 *
 * The same options give the same tree, byte for byte and owner for owner, as
 * root or as an ordinary user. Inside work_dir this leaves:
 *	tree/              the root directory (delete with sandbox_remove_tree())
 *	kernel/vmlinuz     the kernel image, when the recipe has a kernel
 *	kernel/modules/    lib/modules/VERSION/... decompressed, what early init loads
 *	rootfs.log         what dpkg, the maintainer scripts and the recipe's scripts said
 */
#ifndef BUILDER_ROOTFS_ROOTFS_H
#define BUILDER_ROOTFS_ROOTFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "builder/recipe/recipe.h"

struct err;
struct sandbox;

/* Limits of what is read from outside. */
#define ROOTFS_DEBS_MAX 20000u
#define ROOTFS_IDS_MAX 4096u

/* How packages become a tree. Both give the same tree; a test compares them. */
enum rootfs_engine {
	ROOTFS_FAST, /* unpack all at once in C, configure once */
	ROOTFS_FAITHFUL, /* dpkg does everything, in dependency order */
};

/* One package of the lock, its file already checked against the lock's hash. */
struct rootfs_deb {
	const char *name, *version, *arch;
	const char *path; /* of the .deb on this machine */
};

/* One of kiln's own additions to the image (slotctl, units, image.conf). */
struct rootfs_inject {
	const char *source; /* host path to copy; NULL: use content or link */
	const char *content; /* literal text; NULL: use source or link */
	const char *link; /* symbolic link target; NULL for a regular file */
	const char *dest; /* absolute path in the image; missing parents are made 0755 */
	unsigned mode; /* permission bits; 0 means 0644 */
};

/* A user or group that packages made while they were configured. */
struct rootfs_id {
	char *name; /* owned by the list */
	bool group; /* a group; false: a user */
	uint32_t id; /* uid of a user, gid of a group */
};

struct rootfs_ids {
	struct rootfs_id *item; /* users first, then groups, each by name */
	size_t n;
};

struct rootfs_options {
	const char *work_dir; /* absolute; must exist; its tree/ and kernel/ are replaced */
	const struct recipe *recipe;
	const struct rootfs_deb *debs;
	size_t n_debs;
	const struct rootfs_inject *inject;
	size_t n_inject;
	enum rootfs_engine engine;
	uint64_t epoch_s; /* every time stamp: SOURCE_DATE_EPOCH of the build */
	/*
	 * Ids of the lock: users and groups named here keep these numbers, whatever
	 * number their package asks for this time. May be NULL.
	 */
	const struct rootfs_ids *ids;
	bool verbose; /* what scripts say goes to stderr as well as to rootfs.log */
};

struct rootfs_result {
	char *tree; /* work_dir/tree */
	char *kernel_version; /* "6.1.0-56-cloud-amd64"; NULL without a kernel */
	char *kernel_path; /* work_dir/kernel/vmlinuz; NULL without a kernel */
	char *modules_dir; /* work_dir/kernel/modules: copy its content to / of the initramfs */
	struct recipe_strv modules; /* paths below modules_dir, "lib/modules/...", in load order */
	unsigned watchdogs; /* that early init can feed with these: bits 1 << enum watchdog_kind */
	struct rootfs_ids ids; /* every dynamic user and group of the tree, for the lock */
};

/*
 * Build the tree. Returns 0 and fills @ret (release with rootfs_result_done()),
 * -EINVAL when the recipe asks for something that is not there or the lint
 * refuses the tree (@err names the file and the package or script that made it),
 * -EBADMSG for a broken .deb, or another negative errno. After a failure
 * work_dir/tree is what was there when it happened; the next build replaces it.
 */
int rootfs_build(const struct rootfs_options *options, const struct sandbox *sb,
		 struct rootfs_result *ret, struct err *err);

/* Release what @r holds; it may be all zero. */
void rootfs_result_done(struct rootfs_result *r);

/* Release what @ids holds; it may be all zero. */
void rootfs_ids_done(struct rootfs_ids *ids);

/*
 * The modules early init loads, in load order with dependencies first: for each
 * of @groups (virtio, nvme, ahci, usb, scsi, watchdog, or a module name) and always what
 * verity, squashfs, overlay, ext4 and efivarfs need. Built-in ones are left out.
 * @tree is a tree whose modules are not pruned yet (rootfs_build() does this by
 * itself; this is for tests and other callers). *ret holds paths below
 * lib/modules/VERSION/; release with rootfs_strv_done(). Returns 0, -ENOENT for a
 * name that is no module, or another negative errno.
 */
int rootfs_initrd_modules(const char *tree, const char *kernel_version,
			  const struct recipe_strv *groups, struct recipe_strv *ret,
			  struct err *err);

/*
 * Which hardware watchdogs the kernel can feed from early init on: each whose drivers are all
 * built in or among @initrd, from rootfs_initrd_modules() of the same tree. *ret gets bits
 * 1 << enum watchdog_kind. 0 or a negative errno.
 */
int rootfs_watchdogs(const char *tree, const char *kernel_version, const struct recipe_strv *initrd,
		     unsigned *ret, struct err *err);

/* Release the strings of @v. */
void rootfs_strv_done(struct recipe_strv *v);

#endif
