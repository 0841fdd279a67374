/*
 * A hardware watchdog, if the kernel has a driver for one: armed while early init
 * works, then left running for systemd. It is handed on together with the setting
 * that makes systemd feed it; an init that would not feed it gets it stopped.
 */
#include <fcntl.h>
#include <linux/watchdog.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bootloader/initramfs/boot.h"
#include "bootloader/initramfs/console.h"
#include "bootloader/initramfs/watchdog.h"
#include "lib/base/cleanup.h"
#include "lib/base/io.h"

#define TIMEOUT_S 60
#define SYSTEMD BOOT_SYSROOT "/usr/lib/systemd/systemd"
#define DROP_IN_DIR "/run/systemd/system.conf.d"
#define DROP_IN DROP_IN_DIR "/50-kiln-watchdog.conf"

int step_watchdog(struct boot *b, struct err *err)
{
	int timeout = TIMEOUT_S;

	(void)err;
	b->watchdog_fd = open("/dev/watchdog", O_WRONLY | O_CLOEXEC);
	if (b->watchdog_fd < 0) {
		console_line("watchdog: none");
		return 0;
	}
	if (ioctl(b->watchdog_fd, WDIOC_SETTIMEOUT, &timeout))
		console_line("watchdog: keeps its own timeout");
	return 0;
}

static bool tell_systemd(void)
{
	static const char text[] = "# Early init armed the watchdog.\n"
				   "[Manager]\nRuntimeWatchdogSec=30s\n";
	_cleanup_close_ int fd = -1;

	if (access(SYSTEMD, X_OK))
		return false;
	mkdir("/run/systemd", 0755);
	mkdir(DROP_IN_DIR, 0755);
	fd = open(DROP_IN, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	return fd >= 0 && !io_write_all(fd, text, sizeof(text) - 1);
}

void watchdog_hand_on(int fd)
{
	if (fd < 0)
		return;
	if (!tell_systemd() && write(fd, "V", 1) != 1)
		console_line("watchdog: cannot be stopped");
	close(fd);
}
