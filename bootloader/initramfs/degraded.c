#include "bootloader/initramfs/degraded.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bootloader/initramfs/console.h"

void degraded_add(struct degraded *d, const char *fmt, ...)
{
	char line[CONSOLE_LINE_MAX];
	size_t len;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	for (char *p = line; *p; p++)
		if (*p == '\n' || *p == '\r')
			*p = ';';
	console_line("degraded: %s", line);
	len = strlen(line);
	if (len + 2 > sizeof(d->text) - d->len) {
		d->dropped++;
		return;
	}
	memcpy(d->text + d->len, line, len);
	d->len += len;
	d->text[d->len++] = '\n';
	d->text[d->len] = '\0';
}
