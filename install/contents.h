/*
 * What lies on a disk, in words for the person who is about to lose it: libblkid's
 * only user.
 */
#ifndef INSTALL_CONTENTS_H
#define INSTALL_CONTENTS_H

#include <stdbool.h>

struct buf;
struct err;

/*
 * Describe what libblkid recognises behind @fd: a file system, or a partition table and each
 * partition with what it holds. Lines, indented by two, are added to @out. *@ret_blank: it
 * recognised nothing. 0 or a negative errno.
 */
int contents_describe(int fd, struct buf *out, bool *ret_blank, struct err *err);

#endif
