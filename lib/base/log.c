/* See log.h. */
#include "lib/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum log_level level_now = LOG_NORMAL;

void log_set_level(enum log_level level)
{
	level_now = level;
}

enum log_level log_level(void)
{
	return level_now;
}

bool log_colour(void)
{
	const char *term = getenv("TERM"), *no = getenv("NO_COLOR");

	return isatty(2) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

static void say(const char *colour, const char *head, const char *fmt, va_list ap)
{
	bool c = log_colour() && *colour;

	fprintf(stderr, "%s%s%s", c ? colour : "", head, c ? "\033[0m" : "");
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

void log_step(const char *label, const char *fmt, ...)
{
	char head[64];
	va_list ap;

	if (level_now < LOG_NORMAL)
		return;
	snprintf(head, sizeof(head), "%12s  ", label);
	va_start(ap, fmt);
	say("\033[1;32m", head, fmt, ap);
	va_end(ap);
}

void log_debug(const char *fmt, ...)
{
	va_list ap;

	if (level_now < LOG_VERBOSE)
		return;
	va_start(ap, fmt);
	say("", "              ", fmt, ap);
	va_end(ap);
}

void log_warning(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("\033[1;33m", "warning: ", fmt, ap);
	va_end(ap);
}

void log_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("\033[1;31m", "error: ", fmt, ap);
	va_end(ap);
}
