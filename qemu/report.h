/*
 * What a test run tells: lines for people, JUnit XML for machines.
 */
#ifndef QEMU_REPORT_H
#define QEMU_REPORT_H

#include "lib/base/buf.h"
#include "qemu/play.h"

/* One scenario and what became of it. */
struct report_case {
	const char *name, *title;
	const char *log; /* path of its serial log, or NULL */
	struct play_result result;
};

struct report_totals {
	unsigned passed, failed, skipped;
};

/* One line for people, and the reason below it when it did not pass. */
void report_line(const struct report_case *c, struct buf *out);

/* The whole run as JUnit XML, as Jenkins, GitLab and others read it. */
void report_junit(const char *image, const struct report_case *cases, unsigned n,
		  struct buf *out);

struct report_totals report_count(const struct report_case *cases, unsigned n);

/* Append @text with XML's special characters escaped; what XML cannot hold becomes '?'. */
void report_xml(const char *text, struct buf *out);

#endif
