/*
 * Early init until it has its disk and its watchdog, then an endless loop: what a mistake in
 * any later step would do. The steps are kiln-init's own. With hanging.unguarded on the
 * command line its guard is gone, too, as if the whole kernel had stopped.
 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bootloader/initramfs/boot.h"
#include "bootloader/initramfs/console.h"
#include "bootloader/initramfs/guard.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/core/cmdline.h"

static struct boot boot = { .disk = { .fd = -1 }, .watchdog = { .fd = -1 } };
static struct err err;

static bool unguarded(void)
{
	_cleanup_free_ char *line = NULL;

	return !io_read_file("/proc/cmdline", CMDLINE_MAX, &line, NULL, &err) &&
	       strstr(line, "hanging.unguarded");
}

int main(void)
{
	volatile unsigned long spin = 0;

	if (getpid() != 1)
		return 2;
	umask(022);
	if (step_mounts(&boot, &err) || step_cmdline(&boot, &err) || step_modules(&boot, &err) ||
	    step_disk(&boot, &err) || step_watchdog(&boot, &err)) {
		console_line("hanging init: %s", err.text);
		return 1;
	}
	if (unguarded())
		guard_stop();
	console_line("hanging init: hangs");
	for (;;)
		spin++;
}
