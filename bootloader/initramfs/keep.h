/*
 * Binding what lives in state over the read-only root, by open file descriptors:
 * no path is walked twice.
 */
#ifndef BOOTLOADER_INITRAMFS_KEEP_H
#define BOOTLOADER_INITRAMFS_KEEP_H

struct err;

/*
 * Open @path's parent below @root, making missing directories (0755). @path is absolute and
 * normal; symbolic links are refused (-ELOOP). Returns an fd; *@ret_name points to the last
 * component.
 */
int keep_parent(int root, const char *path, const char **ret_name, struct err *err);

/*
 * Make sure @store (an open directory on the state partition) has a copy of @path of the image
 * @root, seeding it when it has none. -ENOENT when neither has it.
 */
int keep_seed(int root, int store, const char *path, struct err *err);

/* Mount @name in @from_dir over @path in @root; links of the image are followed inside @root. */
int keep_bind(int from_dir, const char *name, int root, const char *path, struct err *err);

#endif
