/*
 * The order of file contents inside the image, as a sort file for mksquashfs:
 * by package, then by path. A package that changes then changes one stretch of
 * the image, which keeps the difference between two versions small.
 */
#ifndef BUILDER_SQUASH_SORT_FILE_H
#define BUILDER_SQUASH_SORT_FILE_H

struct buf;
struct err;
struct manifest;
struct owners;

/*
 * Append the sort file's text for @m to @out: "PATH PRIORITY" lines. Paths mksquashfs's reader
 * could misread are left out and keep the default place. @o may be NULL: by path alone.
 * 0 or -ENOMEM.
 */
int sort_file_print(const struct manifest *m, const struct owners *o, struct buf *out,
		struct err *err);

#endif
