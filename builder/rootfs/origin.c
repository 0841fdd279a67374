/* See origin.h. Files carry the coarse clock, so the steps are stamped with it too. */
#include "builder/rootfs/origin.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"

void origin_mark(struct origin *o, const char *fmt, ...)
{
	struct origin_step *s = realloc(o->step, (o->n + 1) * sizeof(*s));
	char *what = NULL;
	va_list ap;

	if (!s)
		return;
	o->step = s;
	va_start(ap, fmt);
	if (vasprintf(&what, fmt, ap) < 0)
		what = NULL;
	va_end(ap);
	if (!what)
		return;
	s = &o->step[o->n++];
	s->what = what;
	clock_gettime(CLOCK_REALTIME_COARSE, &s->from);
}

void origin_line(void *arg, const char *line)
{
	static const char *const starts[] = { "Setting up ", "Processing triggers for ",
					      "Unpacking " };

	for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
		size_t n = strlen(starts[i]);

		if (!strncmp(line, starts[i], n))
			origin_mark(arg, "package %.*s", (int)strcspn(line + n, " :"), line + n);
	}
}

const char *origin_find(const struct origin *o, const struct stat *st)
{
	const struct timespec *t = &st->st_ctim;

	for (size_t i = o->n; i-- > 0;) {
		const struct timespec *f = &o->step[i].from;

		if (t->tv_sec > f->tv_sec || (t->tv_sec == f->tv_sec && t->tv_nsec >= f->tv_nsec))
			return o->step[i].what;
	}
	return "the build";
}

void origin_done(struct origin *o)
{
	for (size_t i = 0; i < o->n; i++)
		free(o->step[i].what);
	free(o->step);
	*o = (struct origin){ 0 };
}
