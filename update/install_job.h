/*
 * One run of `slotctl install`: everything it needs opened, the bundle judged, planned and
 * installed, in this order. How it is told is update/install_report.h's.
 *
 * Each step returns an EXIT_* code with @err set unless it is EXIT_OK, and then @word of the
 * job is a stable word for the reason (for --json).
 */
#ifndef UPDATE_INSTALL_JOB_H
#define UPDATE_INSTALL_JOB_H

#include <signal.h>

#include "install/install.h"
#include "install/slotindex.h"
#include "lib/core/gpt.h"
#include "update/device.h"
#include "update/install_selector.h"
#include "update/update_conf.h"

struct err;
struct report;

/* What the command line says. */
struct install_wish {
	const char *source; /* NULL: the image's own address, and only what is newer */
	bool retry; /* although it is refused, or failed here */
	const char *run_dir, *policy_dir, *fetch; /* NULL: the usual ones */
	const char *hooks_dir; /* NULL: the usual ones */
};

/* What it came to, once the bundle was judged. */
enum install_standing {
	INSTALL_NEEDED,
	INSTALL_RUNS, /* this version is what runs */
	INSTALL_OLDER, /* it was not asked for, and it is not newer than what runs */
	INSTALL_NEXT, /* the other slot holds it, and the next boot starts it */
	INSTALL_THERE, /* the other slot holds it, and the next boot does not start it */
};

/* About 60 KiB: give it static storage, zeroed. */
struct install_job {
	const struct install_wish *wish;
	struct report *report; /* may be NULL */
	const volatile sig_atomic_t *stop;
	const char *word;
	int lock_fd; /* 0: none */
	struct device dev;
	struct update_conf conf;
	char *trusted; /* owned; certificates as PEM */
	size_t trusted_len;
	struct source *source;
	char *source_name;
	struct bundle_front front;
	enum install_standing standing;
	unsigned slot; /* to be written */
	struct gpt gpt;
	struct blk *disk;
	struct slot target, running;
	struct slotindex index; /* of the running slot */
	bool has_index;
	struct chunkplan plan;
	uint64_t plan_ms; /* how long making it took */
	struct install install;
	bool selector_on_esp; /* the bundle's selector is the one there */
	enum install_selector selector; /* after an install */
	uint64_t run_ms;
};

/* Device, policy, source; with @write the lock that keeps other installers out. */
int install_job_open(struct install_job *job, bool write, struct err *err);

/* Read the manifest; may and must it be installed here? job->standing says. */
int install_job_judge(struct install_job *job, struct err *err);

/* What is there already, and what is to be fetched. */
int install_job_plan(struct install_job *job, struct err *err);

/* Install it. */
int install_job_run(struct install_job *job, struct err *err);

/* Seconds that writing and reading back may take, by how fast planning was. */
uint64_t install_job_estimate_s(const struct install_job *job);

/* Release everything; at any time. */
void install_job_done(struct install_job *job);

#endif
