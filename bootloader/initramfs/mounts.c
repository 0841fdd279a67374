/*
 * The kernel's own file systems, which everything else needs: /proc, /sys, /dev, /run. They are
 * handed on to the real root at the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "bootloader/initramfs/boot.h"
#include "bootloader/initramfs/console.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"

#define PANIC_TIMEOUT "/proc/sys/kernel/panic"

struct early_mount {
	const char *what, *where, *type, *options;
	unsigned long flags;
};

/* The command line says so too; a machine that stays dead is what nobody can be sent to. */
static void reboot_on_panic(void)
{
	_cleanup_close_ int fd = open(PANIC_TIMEOUT, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || io_write_all(fd, "-1", 2))
		console_line("mounts: " PANIC_TIMEOUT " cannot be set");
}

int step_mounts(struct boot *b, struct err *err)
{
	static const struct early_mount table[] = {
		{ "proc", "/proc", "proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
		{ "sysfs", "/sys", "sysfs", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
		{ "devtmpfs", "/dev", "devtmpfs", "mode=0755", MS_NOSUID | MS_NOEXEC },
		{ "tmpfs", "/run", "tmpfs", "mode=0755,size=20%", MS_NOSUID | MS_NODEV },
	};

	(void)b;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct early_mount *m = &table[i];

		mkdir(m->where, 0755);
		if (mount(m->what, m->where, m->type, m->flags, m->options) && errno != EBUSY)
			return err_errno(err, -errno, "mount %s", m->where);
	}
	console_line("start");
	reboot_on_panic();
	return 0;
}
