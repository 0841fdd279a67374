/*
 * What an image was made of, for its manifest: packages, recipe, lock, and every
 * tool whose bytes or version decide the result.
 */
#ifndef BUILDER_PROVENANCE_H
#define BUILDER_PROVENANCE_H

#include <stdint.h>

struct err;
struct lock;
struct manifest;
struct publish;
struct recipe;
struct rootfs_result;

struct provenance_inputs {
	const struct recipe *recipe;
	const struct lock *lock;
	const struct rootfs_result *tree;
	const struct manifest *manifest; /* of the tree */
	const char *cmdline;
	const uint8_t *salt, *root_hash; /* 32 bytes each */
	uint64_t root_bytes;
};

/* Write the manifest and SBOM artefacts of @p. 0 or a negative errno. */
int provenance_publish(struct publish *p, const struct provenance_inputs *in, struct err *err);

#endif
