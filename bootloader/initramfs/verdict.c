#include "bootloader/initramfs/verdict.h"

#include <errno.h>
#include <string.h>

#include "bootloader/initramfs/console.h"

struct verdict verdict_of(struct verdict usual, struct verdict said, int r, bool damaged)
{
	/* A flipped bit on the disk stays. */
	if (damaged)
		return (struct verdict){ BS_REASON_VERITY, HOPELESS };
	if (r == -ENOMEM)
		return (struct verdict){ BS_REASON_MEMORY, MAY_PASS };
	return said.reason == BS_REASON_NONE ? usual : said;
}

/* Errors of the moment: a busy device, a read that failed, a signal. */
static bool may_pass(int r)
{
	return r == -EIO || r == -EAGAIN || r == -EINTR || r == -EBUSY || r == -ETIMEDOUT;
}

struct verdict verdict_of_module(int r)
{
	/* The initramfs came with the UKI, whose hash was right: what it lacks, it lacks. */
	return (struct verdict){ BS_REASON_MODULES, !may_pass(r) };
}

struct verdict verdict_of_root(int r)
{
	/* No driver for the file system: it was left out of the initramfs. */
	if (r == -ENODEV)
		return (struct verdict){ BS_REASON_MODULES, HOPELESS };
	return (struct verdict){ BS_REASON_ROOT_MOUNT, !may_pass(r) };
}

struct verdict verdict_of_init(int r)
{
	return (struct verdict){ BS_REASON_SWITCH_ROOT, !may_pass(r) };
}

const char *verdict_advice(enum bs_reason reason)
{
	switch (reason) {
	case BS_REASON_NO_PARTITION:
		return "the partition table is not the one this image was installed with";
	case BS_REASON_NO_DEVICE:
		return "look at the disk and how it is attached; the kernel may lack its driver";
	case BS_REASON_MODULES:
		return "the image does not go with this machine: install another version";
	case BS_REASON_SIGNATURE:
		return "install an image that is signed for this machine";
	case BS_REASON_VERITY:
		return "install the image again; if it happens again the disk is failing";
	case BS_REASON_ROOT_MOUNT:
		return "install another version; if reads fail, look at the disk";
	case BS_REASON_MEMORY:
		return "give the machine more memory";
	case BS_REASON_STATE:
	case BS_REASON_SWITCH_ROOT:
	case BS_REASON_CMDLINE:
		return "the image was built wrongly: install another version";
	default:
		return "see the lines above";
	}
}

static enum bs_reason reason_by_name(const char *name, size_t len)
{
	for (int i = 0; i < BS_REASON_COUNT; i++) {
		const char *known = bs_reason_name((enum bs_reason)i);

		if (strlen(known) == len && !memcmp(known, name, len))
			return (enum bs_reason)i;
	}
	return BS_REASON_NONE;
}

enum bs_reason verdict_from_log(const char *text, size_t len)
{
	static const char mark[] = CONSOLE_PREFIX VERDICT_LINE;
	const char *at = text, *end = text + len;
	enum bs_reason found = BS_REASON_NONE;

	while ((at = memmem(at, (size_t)(end - at), mark, sizeof(mark) - 1))) {
		const char *name = at + sizeof(mark) - 1;
		const char *colon = memchr(name, ':', (size_t)(end - name));

		if (colon)
			found = reason_by_name(name, (size_t)(colon - name));
		at = name;
	}
	return found;
}
