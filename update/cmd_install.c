/* slotctl install: a version into the slot that does not run. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "update/commands.h"
#include "update/declined.h"
#include "update/install_job.h"
#include "update/install_report.h"
#include "update/operator.h"
#include "update/systemd.h"

struct options {
	bool plan, json, quiet, retry, reboot, unattended;
	const char *at, *run_dir, *policy_dir, *hooks_dir, *fetch;
};

static const struct arg_option options[] = {
	{ "plan", 0, ARG_FLAG, NULL, "only say what would be fetched and written",
	  offsetof(struct options, plan) },
	{ "json", 0, ARG_FLAG, NULL, "progress and result as JSON lines",
	  offsetof(struct options, json) },
	{ "quiet", 'q', ARG_FLAG, NULL, "no progress, and no word when there is nothing new",
	  offsetof(struct options, quiet) },
	{ "unattended", 0, ARG_FLAG, NULL, "a version this machine does not take is no failure",
	  offsetof(struct options, unattended) },
	{ "retry", 0, ARG_FLAG, NULL, "although the version failed here before",
	  offsetof(struct options, retry) },
	{ "reboot", 0, ARG_FLAG, NULL, "and reboot into it", offsetof(struct options, reboot) },
	{ "at", 0, ARG_STR, "TIME", "reboot then, as in systemd.time(7)",
	  offsetof(struct options, at) },
	{ "run-dir", 0, ARG_STR, "DIR", "where early init left its notes (default: /run/kiln)",
	  offsetof(struct options, run_dir) },
	{ "policy-dir", 0, ARG_STR, "DIR", "where update.conf is (default: /usr/lib/kiln)",
	  offsetof(struct options, policy_dir) },
	{ "hooks-dir", 0, ARG_STR, "DIR", "programs asked before it counts",
	  offsetof(struct options, hooks_dir) },
	{ "fetch", 0, ARG_STR, "PROGRAM", "what fetches (default: /usr/lib/kiln/kiln-fetch)",
	  offsetof(struct options, fetch) },
	{ .name = NULL },
};

static volatile sig_atomic_t stop;

static void on_signal(int signal)
{
	(void)signal;
	stop = 1;
}

/* The first one ends the work in order; a second one ends the program as ever. */
static void catch_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int check_options(const struct options *o, struct err *err)
{
	if (o->plan && o->unattended)
		return err_set(err, -EINVAL, "install: --plan is for somebody who reads it");
	if (o->plan && (o->reboot || o->at))
		return err_set(err, -EINVAL, "install: --plan changes nothing, so no reboot");
	if (o->reboot && o->at)
		return err_set(err, -EINVAL, "install: either --reboot or --at");
	if (operator_check_reboot("install", o->reboot || o->at, o->run_dir, err))
		return -EINVAL;
	return o->at ? systemd_check_time(o->at, err) : 0;
}

static int install(struct install_job *job, const struct options *o, struct err *err)
{
	int r = install_job_open(job, !o->plan, err);

	if (r == EXIT_OK)
		r = install_job_judge(job, err);
	if (r)
		return r;
	if (job->standing != INSTALL_NEEDED) {
		report_standing(job->report, job);
		return EXIT_OK;
	}
	r = install_job_plan(job, err);
	if (r)
		return r;
	if (o->plan) {
		report_plan(job->report, job);
		return EXIT_OK;
	}
	r = install_job_run(job, err);
	if (r == EXIT_OK)
		report_installed(job->report, job);
	return r;
}

static int reboot_at(const struct options *o, const char *when, struct err *err)
{
	if (systemd_reboot_at(when, err))
		return EXIT_FAILED;
	if (!o->json)
		printf("It reboots at %s; to stop that: systemctl stop kiln-reboot.timer\n", when);
	return EXIT_OK;
}

/* It waits for the next boot: when is that? By the command line, or by the image's own word. */
static int take_effect(const struct install_job *job, const struct options *o, struct err *err)
{
	const struct update_conf *c = &job->conf;
	char when[16];

	fflush(stdout);
	if (o->at)
		return reboot_at(o, o->at, err);
	/* What the image says is about what it gets by itself, on the machine that runs it. */
	if (!o->reboot && !job->wish->source && !o->run_dir && c->reboot == UPDATE_REBOOT_AT) {
		snprintf(when, sizeof(when), "%02u:%02u", c->reboot_minute / 60 % 24,
			 c->reboot_minute % 60);
		return reboot_at(o, when, err);
	}
	if (!o->reboot && !job->wish->source && !o->run_dir && c->reboot == UPDATE_REBOOT_NOW)
		return operator_finish(true, err);
	if (!o->reboot && (o->json || (o->quiet && job->standing == INSTALL_NEXT)))
		return EXIT_OK;
	return operator_finish(o->reboot, err);
}

/* Nothing is wrong here: its own rules are against it, or somebody else is at it just now. */
static bool is_no_failure(const struct install_job *job, int r)
{
	return r == EXIT_REFUSED ? declined_is_reason(job->word)
				 : r == EXIT_FAILED && job->word && !strcmp(job->word, "busy");
}

/*
 * Nobody is there to be told. A version that is not taken is noted, too: each look would find the
 * same.
 */
static void decline(const struct install_job *job, const char *run_dir, int r,
		    const struct err *why)
{
	static struct err err;

	report_declined(job->report, r, job->word, why->text);
	if (r == EXIT_REFUSED &&
	    declined_note(run_dir, job->front.manifest.version, job->word, why->text, &err))
		log_warning("%s", err.text);
}

/* It came to @r. The last line of the report, the note for slotctl status, the reboot. */
static int end(const struct install_job *job, const struct options *o, int r, struct err *err)
{
	const char *run_dir = o->run_dir ? o->run_dir : DEVICE_RUN_DIR;
	static struct err note_err;

	if (o->unattended && is_no_failure(job, r)) {
		decline(job, run_dir, r, err);
		return EXIT_OK;
	}
	if (r) {
		report_failed(job->report, r, job->word, err->text);
		return r;
	}
	if (o->plan)
		return r;
	if (declined_forget(run_dir, &note_err))
		log_warning("%s", note_err.text);
	if (job->standing == INSTALL_NEEDED || job->standing == INSTALL_NEXT)
		return take_effect(job, o, err);
	return EXIT_OK;
}

static int run(const struct command *cmd, int argc, char **argv, struct err *err)
{
	static struct install_job job;
	struct options o = { 0 };
	struct report report = { 0 };
	struct install_wish wish;
	int n = args_parse(cmd, argc, argv, &o, err), r;

	if (n < 0 || check_options(&o, err))
		return EXIT_USAGE;
	wish = (struct install_wish){ .source = n ? argv[1] : NULL, .retry = o.retry,
				      .run_dir = o.run_dir, .policy_dir = o.policy_dir,
				      .fetch = o.fetch, .hooks_dir = o.hooks_dir };
	catch_signals();
	report.json = o.json;
	report.quiet = o.quiet;
	job.wish = &wish;
	job.report = &report;
	job.stop = &stop;
	r = install(&job, &o, err);
	report_end(&report);
	r = end(&job, &o, r, err);
	install_job_done(&job);
	return r;
}

const struct command cmd_install = {
	.name = "install",
	.synopsis = "[OPTION...] [FILE|DIRECTORY|URL|-]",
	.summary = "Install a version into the slot that does not run",
	.options = options,
	.max_args = 1,
	.run = run,
	.details = "The source is a bundle, a directory of bundles (the highest version is\n"
		   "taken), an address, or - for standard input; by default the image's address.\n"
		   "What this machine has already is not fetched. The version is checked before\n"
		   "anything is written and read back before it counts; the running one is never\n"
		   "touched. Interrupted, it goes on where it stopped when it is run again.",
};
