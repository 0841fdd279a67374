/*
 * Copying what the image ships into state: the first content of /var, /root and
 * the kept paths. Names come from the image, targets lie on a partition that
 * anybody with root could have written: everything is reached by open
 * directories, and no symbolic link is ever followed.
 */
#ifndef BOOTLOADER_INITRAMFS_SEED_H
#define BOOTLOADER_INITRAMFS_SEED_H

#include <stdbool.h>

struct err;

/* Deepest directory nesting followed; more is refused. */
#define SEED_DEPTH_MAX 64

/*
 * Copy the file or directory @from_name in @from_dir to the new name @to_name in @to_dir, with
 * owner, mode, extended attributes, times and symbolic links; devices, sockets and fifos are
 * left out. -EEXIST when @to_name is there.
 */
int seed_copy(int from_dir, const char *from_name, int to_dir, const char *to_name,
	      struct err *err);

/*
 * seed_copy() that appears whole or not at all: to a temporary name, synced, then renamed.
 * Debris of an earlier attempt is removed. Does nothing when @to_name is there.
 */
int seed_once(int from_dir, const char *from_name, int to_dir, const char *to_name,
	      struct err *err);

/*
 * Make the directories of @from that @to lacks, with owner, mode and attributes; whatever is
 * there stays as it is.
 */
int seed_directories(int from, int to, struct err *err);

/* An empty machine-id file at @dir/@name (or "uninitialized") gets a random id. */
int seed_machine_id(int dir, const char *name, struct err *err);

#endif
