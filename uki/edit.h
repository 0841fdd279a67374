/*
 * Changing a finished UKI: another command line, one more initramfs archive,
 * another kernel. The lab makes versions that misbehave this way; the result is a
 * UKI as uki_build() would have made it, unsigned.
 */
#ifndef UKI_EDIT_H
#define UKI_EDIT_H

#include <stddef.h>

struct buf;
struct err;

struct uki_edit {
	const char *cmdline; /* replaces .cmdline; NULL: keep */
	const void *kernel; /* replaces .linux; NULL: keep */
	size_t kernel_len;
	const void *initrd; /* appended to .initrd; NULL: nothing. Later archives win. */
	size_t initrd_len;
};

/*
 * Write the UKI in the @len bytes at @uki, changed as @edit says, to the empty buffer @ret. 0;
 * -EBADMSG when it is no UKI with its sections behind the stub's; -ENOSPC, -EFBIG, -ENOMEM.
 */
int uki_edit(const void *uki, size_t len, const struct uki_edit *edit, struct buf *ret,
	     struct err *err);

/* The command line of a UKI as an owned string. 0, -EBADMSG, -ENOMEM. */
int uki_cmdline(const void *uki, size_t len, char **ret, struct err *err);

/*
 * The content of the regular file @path (without a leading slash) in the first archive of the
 * UKI's initramfs, as an owned string; at most @max_bytes. 0; -ENOENT when there is no such file;
 * -EBADMSG, -EFBIG, -ENOMEM.
 */
int uki_initrd_file(const void *uki, size_t len, const char *path, size_t max_bytes, char **ret,
		    struct err *err);

#endif
