/*
 * Publishing the artefacts of one build: all of them or none.
 *
 * Rule: the artefacts of one version live in one directory, OUT/NAME_VERSION_ARCH/,
 * each file named NAME_VERSION_ARCH.SUFFIX. They are written into a staging directory
 * beside it (OUT/.NAME_VERSION_ARCH.new, locked while in use, emptied when found stale), and
 * one rename puts the whole directory in place: an older build of the same
 * version is exchanged with it atomically. Whatever kills the build, a reader sees
 * the old set, complete, or the new set, complete. The files hold no build time,
 * host name or path: same inputs, same bytes.
 *
 *	r = publish_open(&p, out, name, version, arch, err);
 *	... write artefacts to publish_path(p, "root.squashfs") ...
 *	r = publish_manifest(p, &info, err);    (.manifest.json, .spdx.json)
 *	r = publish_commit(p, &dir, err);       (SHA256SUMS, fsync, rename)
 *	publish_free(p);                        (drops what was not committed)
 */
#ifndef BUILDER_PUBLISH_PUBLISH_H
#define BUILDER_PUBLISH_PUBLISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct publish;

/* The suffixes of one build, in the order of kiln-image(5). */
#define PUBLISH_RAW "raw"
#define PUBLISH_QCOW2 "qcow2"
#define PUBLISH_ROOT "root.squashfs"
#define PUBLISH_VERITY "root.verity"
#define PUBLISH_ROOTHASH "roothash"
#define PUBLISH_ROOTHASH_P7S "roothash.p7s"
#define PUBLISH_VERITY_SIG "verity-sig.json"
#define PUBLISH_UKI "efi"
#define PUBLISH_BUNDLE "kiln"
#define PUBLISH_MANIFEST "manifest.json"
#define PUBLISH_SPDX "spdx.json"

/*
 * Begin: make @out_dir if needed and an empty staging directory in it. -EBUSY when another
 * build of the same image is publishing there; -EINVAL when name, version or arch cannot be
 * part of a file name.
 */
int publish_open(struct publish **ret, const char *out_dir, const char *name, const char *version,
		 const char *arch, struct err *err);

/* "NAME_VERSION_ARCH". */
const char *publish_stem(const struct publish *p);

/*
 * Path of the artefact with @suffix inside the staging directory; owned by @p, NULL when
 * out of memory.
 */
const char *publish_path(struct publish *p, const char *suffix);

/* Copy (reflink where possible) @source / write @len bytes to the artefact @suffix. */
int publish_copy(struct publish *p, const char *suffix, const char *source, struct err *err);
int publish_write(struct publish *p, const char *suffix, const void *data, size_t len,
		  struct err *err);

struct publish_package {
	const char *name, *version, *arch;
	const char *sha256; /* 64 hex digits of the .deb */
	const char *source; /* source package; NULL: same as name */
};

/* One input of the build that is not a package: a tool or program, by name. */
struct publish_input {
	const char *name; /* "recipe", "lock", "kiln", "kiln-init", "mksquashfs", ... */
	const char *version; /* NULL: none */
	const char *sha256; /* 64 hex digits; NULL: none */
};

struct publish_info {
	const char *suite;
	uint64_t epoch_s; /* SOURCE_DATE_EPOCH */
	const char *root_hash; /* 64 hex digits */
	const char *salt; /* hex */
	uint64_t data_blocks, hash_start_block;
	const char *kernel; /* uname -r; NULL: none */
	const char *cmdline; /* NULL: none */
	bool credentials; /* the system takes credentials from the machine */
	const char *files_sha256; /* hash of the tree's file list; NULL: none */
	uint64_t n_files;
	uint64_t root_slot_bytes, boot_slot_bytes, state_bytes;
	const struct publish_package *packages; /* any order; sorted by name, version, arch */
	size_t n_packages;
	const struct publish_input *inputs; /* written in this order */
	size_t n_inputs;
};

/*
 * Write .manifest.json and .spdx.json (SPDX 2.3); call after every other artefact is in
 * place: sizes and hashes are taken then.
 */
int publish_manifest(struct publish *p, const struct publish_info *info, struct err *err);

/*
 * Write SHA256SUMS over all artefacts, make everything durable, put the directory in place.
 * @ret_dir (may be NULL) is the final directory, owned by @p. 0 or a negative errno; on
 * failure the old set is untouched.
 */
int publish_commit(struct publish *p, const char **ret_dir, struct err *err);

/* Release; removes the staging directory unless committed. NULL-safe, returns NULL. */
struct publish *publish_free(struct publish *p);

#endif
