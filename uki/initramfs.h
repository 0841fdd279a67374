/*
 * The initramfs: early init, the kernel modules it loads and the certificates it
 * trusts, as a cpio archive in one zstd frame. Nothing else: no shell, no libc,
 * no udev. Same inputs, same bytes.
 *
 *	/init  /modules.list  /lib/modules/RELEASE/...ko  /keys/image.pem
 *	/proc /sys /dev /sysroot /run (empty)
 */
#ifndef UKI_INITRAMFS_H
#define UKI_INITRAMFS_H

#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

/* Unpacked, the archive must leave room in a small machine's memory. */
#define INITRAMFS_MAX_BYTES (128u << 20)
#define INITRAMFS_FILE_MAX_BYTES (32u << 20)
#define INITRAMFS_MODULES_MAX 1024u
/* A tenth larger than level 19 and five times as fast; the kernel beside it is much larger. */
#define INITRAMFS_ZSTD_LEVEL 12

struct initramfs_options {
	const char *init; /* host path of the static early init */
	const char *modules_dir; /* what the module paths are relative to; NULL without modules */
	/*
	 * Modules in load order, "lib/modules/RELEASE/kernel/...ko", uncompressed and with the
	 * kernel's signature still on them (Secure Boot's lockdown asks for it).
	 */
	const char *const *modules;
	size_t n_modules;
	const char *certificates; /* PEM text of the image signers */
	uint64_t epoch_s; /* mtime of everything */
	int zstd_level; /* 0: INITRAMFS_ZSTD_LEVEL */
};

/*
 * Build the compressed archive into @ret (appended). @ret_unpacked_bytes (may be NULL) is its size
 * before compression. Returns 0, -EFBIG over a limit above, or a negative errno.
 */
int initramfs_build(const struct initramfs_options *o, struct buf *ret,
		    uint64_t *ret_unpacked_bytes, struct err *err);

#endif
