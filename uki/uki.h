/*
 * The unified kernel image: kiln's stub with our sections appended.
 *
 * .osrel .uname .cmdline .linux .initrd are added to the PE file after the stub's
 * own sections; its .sbat stays. The stub measures and starts exactly these, and
 * nothing outside them reaches the kernel. Before it is handed out the result is
 * laid out in memory and read with the code that the stub runs.
 */
#ifndef UKI_UKI_H
#define UKI_UKI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;
struct verity_params; /* lib/core/verity_table.h */

#define UKI_MAX_BYTES (1u << 30)

/* What the signed kernel command line says about the root (kiln-image(5)). */
struct uki_cmdline {
	const char *image, *version; /* kiln.image, kiln.version */
	const struct verity_params *verity; /* kiln.roothash, kiln.verity */
	unsigned watchdogs; /* kiln.watchdog: bits 1 << enum watchdog_kind the initramfs can feed */
	const char *extra; /* recipe's kernel.cmdline; NULL or "" for none */
	bool credentials; /* recipe's image.credentials */
};

/*
 * The command line as an owned string, read back with the parsers early init uses.
 * -EINVAL when the image's name or version is no plain word, or the recipe's part names a
 * parameter that kiln sets (kiln.*, panic, root, init...), one that means nothing without
 * credentials, or leaves a quote open; -E2BIG over the
 * kernel's 2048 bytes.
 */
int uki_cmdline_build(const struct uki_cmdline *c, char **ret, struct err *err);

struct uki_options {
	const char *stub; /* path of kiln's stub */
	const char *kernel; /* path of the bzImage (an EFI-stub kernel) */
	const char *release; /* uname -r of the kernel */
	const char *os_release; /* text of /usr/lib/os-release */
	const char *cmdline; /* from uki_cmdline_build() */
	const void *initrd; /* from initramfs_build() */
	size_t initrd_len;
};

/*
 * Append the UKI to @ret. Returns 0, -ENOENT for a missing stub or kernel, -EBADMSG when the stub
 * or kernel is not what it should be or the stub could not start the result, or another negative
 * errno.
 */
int uki_build(const struct uki_options *o, struct buf *ret, struct err *err);

/*
 * Check that a UKI of @uki_bytes and its slot descriptor fit @slot_bytes: 0 or -ENOSPC with
 * the lacking bytes named.
 */
int uki_check_fit(uint64_t uki_bytes, uint64_t slot_bytes, struct err *err);

#endif
