/*
 * What this machine keeps outside /var and /root: the PERSIST lines of the image's
 * /usr/lib/kiln/image.conf. The other lines are early init's, which checks them all.
 */
#ifndef UPDATE_KEPT_H
#define UPDATE_KEPT_H

#include <stdbool.h>
#include <stddef.h>

struct err;

#define KEPT_CONF "/usr/lib/kiln/image.conf"
#define KEPT_MAX 256

struct kept {
	size_t n;
	char **path; /* owned; absolute, no "." or ".." part, sorted */
};

/* Parse @len bytes of image.conf. 0 or -EINVAL with the line in @err; *ret only on success. */
int kept_parse(const char *text, size_t len, struct kept *ret, struct err *err);

/* Read KEPT_CONF inside the root directory @root. As kept_parse(), or another errno. */
int kept_read(int root, struct kept *ret, struct err *err);

/* True when @path (absolute) is one of them or lies below one. */
bool kept_has(const struct kept *kept, const char *path);

/* Release what @kept holds; it may be all zero. */
void kept_done(struct kept *kept);

#endif
