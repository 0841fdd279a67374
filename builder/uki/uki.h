/*
 * The unified kernel image: systemd's stub with our sections appended.
 *
 * .osrel .uname .cmdline .linux .initrd are added to the PE file after the stub's
 * own sections; its .sbat stays. The stub measures and starts exactly these, and
 * with Secure Boot on nothing outside them reaches the kernel. The result is
 * read back with lib/core/pe before it is handed out.
 */
#ifndef BUILDER_UKI_UKI_H
#define BUILDER_UKI_UKI_H

#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

#define UKI_STUB_PATH "/usr/lib/systemd/boot/efi/linuxx64.efi.stub"
#define UKI_MAX_BYTES (1u << 30)

/* What the signed kernel command line says about the root (kiln-image(5)). */
struct uki_cmdline {
	const char *image, *version; /* kiln.image, kiln.version: no blanks, quotes or control characters */
	const uint8_t *root_hash; /* 32 bytes */
	uint64_t data_blocks; /* of 4096 bytes */
	uint64_t hash_start_block; /* first block of the tree in the verity partition */
	const uint8_t *salt; /* up to 32 bytes */
	size_t salt_len;
	const char *extra; /* recipe's kernel.cmdline; NULL or "" for none */
};

/*
 * The command line as an owned string. -EINVAL when a word would be read differently by
 * early init than it was meant (a blank in the version, an extra that names a kiln.
 * parameter or panic=), -E2BIG over the kernel's 2048 bytes.
 */
int uki_cmdline_build(const struct uki_cmdline *c, char **ret, struct err *err);

struct uki_options {
	const char *stub; /* NULL: UKI_STUB_PATH */
	const char *kernel; /* path of the bzImage (an EFI-stub kernel) */
	const char *release; /* uname -r of the kernel */
	const char *os_release; /* text of /usr/lib/os-release */
	const char *cmdline; /* from uki_cmdline_build() */
	const void *initrd; /* from initramfs_build() */
	size_t initrd_len;
};

/*
 * Append the UKI to @ret. Returns 0, -ENOENT for a missing stub (its package is named) or kernel,
 * -EBADMSG when the stub or kernel is not what it should be, or another negative errno.
 */
int uki_build(const struct uki_options *o, struct buf *ret, struct err *err);

/*
 * Check that a UKI of @uki_bytes and its slot descriptor fit @slot_bytes: 0 or -ENOSPC with
 * the lacking bytes named.
 */
int uki_check_fit(uint64_t uki_bytes, uint64_t slot_bytes, struct err *err);

#endif
