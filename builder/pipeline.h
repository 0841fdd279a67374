/*
 * The way from a recipe to the published artefacts: the one place that knows
 * all the stages. Each stage is pure on its inputs; what they hand over lies in
 * the work directory, and nothing appears in the output directory before all of
 * it is complete.
 */
#ifndef BUILDER_PIPELINE_H
#define BUILDER_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

struct pipeline_options {
	const char *recipe; /* file */
	const char *version; /* instead of the recipe's; NULL: the recipe's */
	const char *output_dir;
	const char *keys_dir; /* NULL: the default place */
	const char *lock; /* lock file; NULL: beside the recipe */
	const char *const *mirrors; /* instead of the host's apt sources */
	size_t n_mirrors;
	bool locked, offline, faithful, keep, verbose;
};

struct pipeline_result {
	char *name, *version;
	char *dir; /* of the artefacts */
	char *disk; /* the raw disk */
	char root_hash[65];
	uint64_t root_bytes, uki_bytes, initrd_bytes;
	uint64_t disk_allocated_bytes; /* what the sparse disk takes */
	size_t n_packages;
	double seconds;
};

/*
 * Build. 0 and a filled *ret (release with pipeline_result_done()); -EINVAL for a
 * wrong recipe; otherwise a negative errno, or a positive code of a verification
 * that refused. On failure the output directory is as before.
 */
int pipeline_build(const struct pipeline_options *o, struct pipeline_result *ret,
		   struct err *err);

/* Release what @r holds; it may be all zero. */
void pipeline_result_done(struct pipeline_result *r);

#endif
