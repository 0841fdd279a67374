/*
 * The parts of the HTML report: report_html.c lays out the page, report_case.c one
 * scenario, report_svg.c draws, report.css styles.
 *
 * The page is XML as well as HTML, so that any parser can check it. Colours stand as
 * attributes in the pictures, too: where a CI server forbids inline styles they
 * still show.
 */
#ifndef QEMU_REPORT_HTML_H
#define QEMU_REPORT_HTML_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "qemu/report.h"

/* report.css, NUL-terminated. */
extern const char report_css[];

/* One scenario: a row of the list, and what opens below it. @idx makes its anchor #sN. */
void report_html_case(const struct report *r, unsigned idx, struct buf *out);

/* Patterns that the pictures refer to; once a page. */
void svg_patterns(struct buf *out);

/* A sign for a verdict, in words for those who do not see it. */
void svg_verdict(enum verdict verdict, struct buf *out);

/* A line of time from 0 to @span_ms with labelled marks. */
struct svg_axis {
	uint64_t span_ms, step_ms;
};

struct svg_axis svg_axis_for(uint64_t span_ms);
void svg_axis(const struct svg_axis *a, struct buf *out);

/* The time that the pictures of a scenario's boots span together. */
uint64_t svg_span_ms(const struct timeline *t);

/* Boot @idx of @t: its phases in proportion, where they belong on the axis. */
void svg_boot(const struct svg_axis *a, const struct timeline *t, unsigned idx, struct buf *out);

/* From the first power on to the confirm: the boots on the way in one bar. */
void svg_recovery(const struct svg_axis *a, const struct timeline *t, struct buf *out);

/* Kinds of pieces beyond the phases. */
enum svg_piece {
	SVG_STOPPED = PHASE_COUNT, /* hatching over the phase a boot ended in */
	SVG_RUNNING, /* up, until reset or switched off */
	SVG_LOST, /* a whole boot that was not confirmed */
	SVG_PIECES,
};

/* A sample of a phase's or a piece's colour for a legend. */
void svg_sample(unsigned piece, struct buf *out);

#endif
