/*
 * What differs between the system that runs and the image it was started from:
 * in /etc, where every change can be made, and in the paths that are kept.
 *
 * Names, kinds, contents, permissions and owners are compared; times are not, as
 * everything in an image has the same.
 */
#ifndef UPDATE_DIFF_H
#define UPDATE_DIFF_H

#include <stdbool.h>
#include <stddef.h>

#include "update/kept.h"

struct err;

enum diff_kind {
	DIFF_ADDED = 'A', /* not in the image; of a directory, all that is in it */
	DIFF_DELETED = 'D', /* only in the image; of a directory, all that was in it */
	DIFF_MODIFIED = 'M',
	DIFF_TYPE = 'T', /* a file here, a directory or a link there */
};

struct diff_item {
	char *path; /* owned; absolute */
	enum diff_kind kind;
	bool directory; /* the live one, or the deleted one */
	bool kept; /* it survives the next boot; the others are forgotten */
	bool content, mode, owner; /* what is modified */
};

struct diff {
	struct diff_item *item; /* owned; sorted by where they were found */
	size_t n;
};

/*
 * Compare /etc and @kept's paths below the root directories @image and @live. 0, or a
 * negative errno with the path in @err.
 */
int diff_roots(int image, int live, const struct kept *kept, struct diff *ret, struct err *err);

/* Release what @diff holds; it may be all zero. */
void diff_done(struct diff *diff);

#endif
