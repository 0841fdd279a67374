/*
 * Which bundle of a directory an update would take: the highest version among the files
 * whose names say that they are of this image. What is inside is judged later.
 */
#ifndef UPDATE_PICK_H
#define UPDATE_PICK_H

struct buf;
struct err;

#define PICK_NOTES_MAX 20u

/*
 * Look at the files NAME_VERSION_ARCH.kiln in @dir. 0 with the path of the chosen one in
 * *ret_path (the caller frees), and a line in @why about every other bundle, or the first
 * PICK_NOTES_MAX of them; -ENOENT when there is none, with @err saying what there was; or another
 * errno.
 */
int pick_bundle(const char *dir, const char *name, const char *arch, char **ret_path,
		struct buf *why, struct err *err);

#endif
