/*
 * What a test run tells: a line for each scenario as it ends, a table when all have;
 * JSON, JUnit XML and an HTML page.
 *
 * Everything in a report may be hostile: a guest decides what its logs and its disk
 * say. Each writer keeps foreign bytes where they belong.
 */
#ifndef QEMU_REPORT_H
#define QEMU_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/core/slotdesc.h"
#include "qemu/play.h"

struct json;

/* One scenario and what became of it. */
struct report_case {
	const char *name, *title;
	const char *log; /* path of its serial log as people are told it, or NULL */
	char *again; /* owned: the word of the command line that plays it alone; may be NULL */
	char *source; /* owned: the text of the scenario; NULL when it is not known */
	char *boot_log[TIMELINE_BOOTS_MAX]; /* owned: of each boot kept; NULL likewise */
	struct play_result result;
};

/* The whole run. */
struct report {
	const char *image; /* path, as the user gave it */
	const char *output; /* directory of the traces, likewise */
	const char *accel, *accel_why, *firmware; /* accel_why and firmware may be NULL */
	struct slotdesc slot[BS_SLOTS]; /* what the image holds; an empty version: nothing */
	int64_t started; /* seconds since 1970 */
	uint64_t wall_ms; /* from the first start to the last end */
	bool strict; /* a skipped scenario fails the run: nobody is there to read why */
	const char *aborted; /* why the run ended before all were played; else NULL */
	struct report_case *cases;
	unsigned n;
};

struct report_totals {
	unsigned passed, failed, skipped;
	unsigned boots; /* of all scenarios */
	uint64_t machine_ms; /* of all scenarios, as if one had been played after the other */
};

struct report_totals report_count(const struct report *r);

/* What the run as a whole came to: passed or failed, never skipped. */
enum verdict report_conclusion(const struct report *r);

/* "ok", "FAIL", "SKIP" for people; "passed", "failed", "skipped" for machines. */
const char *report_word(enum verdict verdict);
const char *report_verdict(enum verdict verdict);

/* One line for people, and the reason below it when it did not pass. */
void report_line(const struct report_case *c, struct buf *out);

/* The table of the whole run, and a last line with the totals. */
void report_table(const struct report *r, bool unicode, struct buf *out);

/* Everything for machines; the keys are documented in kiln-test(1) and stay. */
void report_json(const struct report *r, struct buf *out);

/* JUnit XML, as Jenkins, GitLab and others read it. */
void report_junit(const struct report *r, struct buf *out);

/* One page that needs nothing but itself, and links to the traces beside it. */
void report_html(const struct report *r, struct buf *out);

/*
 * Read into the cases of @r what the scenarios left in the output directory: the log of each
 * boot. What is not there is left out. 0 or -ENOMEM.
 */
int report_load_logs(struct report *r, struct err *err);

/*
 * Write junit.xml and report.html into the output directory. 0 or a negative errno.
 * report_remove() removes them, so that no earlier run is taken for one that died.
 */
int report_write(const struct report *r, struct err *err);
void report_remove(const char *output);

/* Free what the cases own. */
void report_done(struct report *r);

#endif
