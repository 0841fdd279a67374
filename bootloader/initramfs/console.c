#include "bootloader/initramfs/console.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/io.h"

#define LEVEL_INFO 6
#define SETTLE_MS 50 /* at most */
#define SETTLE_FIFO_US 2000 /* sixteen characters at 115200 baud */

uint64_t console_now_ms(void)
{
	struct timespec t = { 0 };

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void write_to(const char *path, const char *text, size_t len)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);

	if (fd >= 0)
		io_write_all(fd, text, len);
}

/* Does the kernel itself show informational messages on the console? */
static bool kernel_is_talkative(void)
{
	_cleanup_close_ int fd = open("/proc/sys/kernel/printk", O_RDONLY | O_CLOEXEC);
	char text[32] = { 0 };

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return false;
	return strtoul(text, NULL, 10) > LEVEL_INFO;
}

/*
 * /dev/kmsg is opened anew for each line: its rate limit counts per open file and would
 * swallow the later steps. The level is an honest "info"; when the console would not show it
 * (quiet), the line goes there a second way, in the kernel's own shape.
 */
void console_line(const char *fmt, ...)
{
	static bool ours;
	char text[CONSOLE_LINE_MAX], line[CONSOLE_LINE_MAX + 64];
	struct timespec t = { 0 };
	va_list ap;
	int n;

	/* A test runs on a machine whose console is not ours; a child of ours inherits. */
	if (getpid() == 1)
		ours = true;
	if (!ours)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (char *p = text; *p; p++)
		if (*p == '\n' || *p == '\r')
			*p = ';';
	n = snprintf(line, sizeof(line), "<%d>" CONSOLE_PREFIX "%s\n", LEVEL_INFO, text);
	write_to("/dev/kmsg", line, (size_t)n);
	if (kernel_is_talkative())
		return;
	clock_gettime(CLOCK_BOOTTIME, &t);
	n = snprintf(line, sizeof(line), "[%5lld.%06ld] " CONSOLE_PREFIX "%s\r\n",
		     (long long)t.tv_sec, t.tv_nsec / 1000, text);
	write_to("/dev/console", line, (size_t)n);
}

void console_settle(void)
{
	_cleanup_close_ int fd = open("/dev/console", O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	int left = 0;

	for (unsigned int ms = 0; fd >= 0 && ms < SETTLE_MS; ms++) {
		if (ioctl(fd, TIOCOUTQ, &left) || !left)
			break;
		usleep(1000);
	}
	usleep(SETTLE_FIFO_US);
}
