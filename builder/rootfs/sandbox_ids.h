/*
 * Subordinate ids and the words for what is missing: the parts of the sandbox
 * that need no namespace and are tested on files.
 */
#ifndef BUILDER_ROOTFS_SANDBOX_IDS_H
#define BUILDER_ROOTFS_SANDBOX_IDS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

#define SUBID_RANGES_MAX 16

struct subid_range {
	uint32_t first, count;
};

struct subid_map {
	struct subid_range range[SUBID_RANGES_MAX];
	size_t n;
};

/*
 * The first @want ids that the file @path (the format of /etc/subuid) gives to
 * @name or @uid. Lines that are not NAME:FIRST:COUNT are skipped. Returns 0, or
 * -ENOENT when it gives fewer (*ret is untouched).
 */
int subid_read(const char *path, const char *name, uid_t uid, uint32_t want,
	       struct subid_map *ret);

/*
 * Say why user namespaces do not work here and which command changes it: reads
 * the sysctls below @proc_sys ("/proc/sys"). @rc is the negative errno of the
 * attempt; returned.
 */
int sandbox_explain(const char *proc_sys, int rc, struct err *err);

#endif
