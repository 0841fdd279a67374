/*
 * kiln test IMAGE [SCENARIO...]: play scenarios on copies of an image.
 *
 * Each scenario runs in a process of its own, so that a crash of one is the
 * failure of one. A line tells of each as it ends, a table of all at the end; logs,
 * timelines, JUnit XML and an HTML page go into the output directory.
 */
#include "qemu/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/data.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/log.h"
#include "lib/base/path.h"
#include "qemu/clock.h"
#include "qemu/console.h"
#include "qemu/firmware.h"
#include "qemu/offdisk.h"
#include "qemu/play.h"
#include "qemu/prepare.h"
#include "qemu/report.h"
#include "qemu/ssh.h"

#define CASES_MAX 256
#define JOBS_MAX 64

struct test_options {
	const char *output, *firmware, *accel, *cache, *disk, *faults, *next;
	uint64_t jobs, slow, memory;
	bool no_ssh, keep, list, narrate, quick, json;
};

#define OPT(name_, letter_, kind_, value_, help_, field_)                                        \
	{                                                                                        \
		name_, letter_, kind_, value_, help_, offsetof(struct test_options, field_)      \
	}

static const struct arg_option options[] = {
	OPT("output", 'o', ARG_STR, "DIR", "logs, report.html and junit.xml (./kiln-test)", output),
	OPT("faults", 0, ARG_STR, "NAMES",
	    "prove the fallback: all, or kinds of faults separated by commas", faults),
	OPT("next", 0, ARG_STR, "IMAGE", "the version that scenarios install as `next`", next),
	OPT("narrate", 0, ARG_FLAG, NULL, "tell each step, and what commands said", narrate),
	OPT("quick", 0, ARG_FLAG, NULL,
	    "a fallback is over when the good slot's root runs, not when it is confirmed", quick),
	OPT("jobs", 'j', ARG_U64, "N", "scenarios at a time (2)", jobs),
	OPT("slow", 0, ARG_U64, "N", "multiply every time in the scenarios by N (1)", slow),
	OPT("no-ssh", 0, ARG_FLAG, NULL, "the image has no ssh server: skip what needs one",
	    no_ssh),
	OPT("keep", 0, ARG_FLAG, NULL, "keep the disk of a scenario that failed", keep),
	OPT("json", 0, ARG_FLAG, NULL, "all results as JSON on stdout", json),
	OPT("list", 0, ARG_FLAG, NULL, "name the scenarios, run none", list),
	OPT("memory", 'm', ARG_SIZE, "SIZE", "memory where a scenario names none (1G)", memory),
	OPT("disk", 0, ARG_STR, "BUS", "virtio (default), nvme or ahci", disk),
	OPT("cache", 0, ARG_STR, "MODE",
	    "writeback (default), writethrough, none, directsync, unsafe", cache),
	OPT("firmware", 0, ARG_STR, "PATH", "UEFI code file (default: KILN_OVMF, then OVMF)",
	    firmware),
	OPT("accel", 0, ARG_STR, "KIND", "auto (default: KVM if a guest runs), kvm or tcg",
	    accel),
	{ 0 },
};

/* One scenario being played by a child. */
struct job {
	pid_t pid; /* 0: not running */
	int fd; /* its result comes here */
	struct report_case *c;
};

struct run {
	const struct test_options *opts;
	struct play_options play;
	char *confirmed; /* path of the prepared disk, or NULL */
	struct scenario *scenario[CASES_MAX];
	struct report_case cases[CASES_MAX];
	unsigned n;
	struct report report;
	struct firmware firmware;
	FILE *lines; /* where a line for each scenario goes as it ends */
	struct job job[JOBS_MAX];
};

/* ---- which scenarios --------------------------------------------------------------- */

static int add_file(struct run *run, const char *path, struct err *err)
{
	if (run->n == CASES_MAX)
		return err_set(err, -E2BIG, "more than %d scenarios", CASES_MAX);
	run->scenario[run->n] = scenario_load(path, err);
	if (!run->scenario[run->n])
		return -EINVAL;
	run->n++;
	return 0;
}

static int add_directory(struct run *run, const char *dir, struct err *err)
{
	_cleanup_free_ char *pattern = path_join(dir, "*.scn");
	glob_t found;
	int r = 0;

	if (!pattern)
		return err_oom(err);
	if (glob(pattern, 0, NULL, &found))
		return err_set(err, -ENOENT, "no scenario (*.scn) in %s", dir);
	for (size_t i = 0; r == 0 && i < found.gl_pathc; i++)
		r = add_file(run, found.gl_pathv[i], err);
	globfree(&found);
	return r;
}

/* @word is a file, a directory, or the name of one of our own. */
static int add_word(struct run *run, const char *word, struct err *err)
{
	_cleanup_free_ char *own = data_path("scenarios", NULL), *path = NULL;
	struct stat st;

	if (stat(word, &st) == 0)
		return S_ISDIR(st.st_mode) ? add_directory(run, word, err)
					   : add_file(run, word, err);
	path = own && !strchr(word, '/') ? str_printf("%s/%s.scn", own, word) : NULL;
	if (path && access(path, R_OK) == 0)
		return add_file(run, path, err);
	return err_set(err, -ENOENT, "no scenario '%s'; --list names those of kiln", word);
}

/* --faults: all kinds, or those named. */
static int collect_faults(struct run *run, const char *names, struct err *err)
{
	_cleanup_free_ char *dir = data_path("scenarios/faults", err);
	int r = dir ? 0 : -ENOENT;

	if (r == 0 && !strcmp(names, "all"))
		return add_directory(run, dir, err);
	while (r == 0 && *names) {
		size_t len = strcspn(names, ",");
		_cleanup_free_ char *path = str_printf("%s/%.*s.scn", dir, (int)len, names);

		if (!path)
			return err_oom(err);
		if (access(path, R_OK) < 0)
			return err_set(err, -ENOENT,
				       "no kind of fault '%.*s'; --faults all --list names them",
				       (int)len, names);
		r = add_file(run, path, err);
		names += len + (names[len] == ',');
	}
	return r;
}

static int collect(struct run *run, int n, char **words, struct err *err)
{
	_cleanup_free_ char *own = NULL;
	int r = run->opts->faults ? collect_faults(run, run->opts->faults, err) : 0;

	if (r < 0 || (n == 0 && run->opts->faults))
		return r;
	own = n ? NULL : data_path("scenarios", err);
	if (n == 0 && !own)
		return -ENOENT;
	if (n == 0)
		return add_directory(run, own, err);
	for (int i = 0; r == 0 && i < n; i++)
		r = add_word(run, words[i], err);
	return r;
}

/* ---- children ---------------------------------------------------------------------- */

/* The directory of one scenario's traces, made if need be. Owned; NULL with @err set. */
static char *case_directory(const struct run *run, const char *name, struct err *err)
{
	_cleanup_free_ char *dir = path_join(run->opts->output, name);
	int r = dir ? path_mkdirs(dir) : -ENOMEM;

	if (r < 0) {
		err_errno(err, r, "cannot make a directory in %s", run->opts->output);
		return NULL;
	}
	return TAKE_PTR(dir);
}

static void child(const struct run *run, unsigned idx, const char *dir, int fd)
{
	struct play_options o = run->play;
	struct play_result result;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	/* Then stdout is for JSON alone. */
	if (run->opts->json)
		dup2(STDERR_FILENO, STDOUT_FILENO);
	o.output = dir;
	play(run->scenario[idx], &o, &result);
	_exit(io_write_all(fd, &result, sizeof(result)) < 0 ? 1 : 0);
}

static int start(struct run *run, unsigned idx, struct job *job, struct err *err)
{
	_cleanup_free_ char *dir = case_directory(run, run->scenario[idx]->name, err);
	int p[2];
	pid_t pid;

	if (!dir)
		return -EIO;
	if (pipe2(p, O_CLOEXEC) < 0)
		return err_errno(err, -errno, "pipe");
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		child(run, idx, dir, p[1]);
	close(p[1]);
	if (pid < 0) {
		close(p[0]);
		return err_errno(err, -errno, "fork");
	}
	*job = (struct job){ .pid = pid, .fd = p[0], .c = &run->cases[idx] };
	return 0;
}

static void finish(const struct run *run, struct job *job)
{
	_cleanup_buf_ struct buf line = BUF_INIT;
	struct play_result result;
	int status;

	if (io_read_all(job->fd, &result, sizeof(result)) == 0) {
		job->c->result = result;
	} else {
		job->c->result.verdict = VERDICT_FAILED;
		snprintf(job->c->result.why, sizeof(job->c->result.why),
			 "the program that played it died: this is a bug in kiln");
	}
	close(job->fd);
	while (waitpid(job->pid, &status, 0) < 0 && errno == EINTR)
		;
	job->pid = 0;
	report_line(job->c, &line);
	fputs(line.data ? line.data : "", run->lines);
	fflush(run->lines);
}

/* Wait until one child is done. */
static void wait_one(struct run *run)
{
	struct pollfd f[JOBS_MAX];

	for (unsigned i = 0; i < JOBS_MAX; i++)
		f[i] = (struct pollfd){ .fd = run->job[i].pid ? run->job[i].fd : -1,
					.events = POLLIN };
	/* A signal reaches the children as well; they end by themselves. */
	while (poll(f, JOBS_MAX, -1) < 0 && errno == EINTR)
		if (console_stopped())
			for (unsigned i = 0; i < JOBS_MAX; i++)
				if (run->job[i].pid)
					kill(run->job[i].pid, SIGTERM);
	for (unsigned i = 0; i < JOBS_MAX; i++)
		if (f[i].revents)
			finish(run, &run->job[i]);
}

static unsigned running(const struct run *run, struct job **ret_free)
{
	unsigned n = 0;

	for (unsigned i = 0; i < JOBS_MAX; i++) {
		n += run->job[i].pid != 0;
		if (!run->job[i].pid)
			*ret_free = (struct job *)&run->job[i];
	}
	return n;
}

static int play_all(struct run *run, struct err *err)
{
	uint64_t jobs = run->opts->jobs;
	struct job *free_job = NULL;
	int r = 0;

	for (unsigned i = 0; r == 0 && i < run->n; i++) {
		while (running(run, &free_job) >= jobs)
			wait_one(run);
		if (console_stopped())
			r = err_set(err, -EINTR, "interrupted");
		else
			r = start(run, i, free_job, err);
	}
	while (running(run, &free_job))
		wait_one(run);
	return r;
}

/* ---- the verb ------------------------------------------------------------------------ */

/* What the image's boot state says each slot holds; nothing for a disk of another kind. */
static void look_at_slots(struct report *r)
{
	_cleanup_offdisk_ struct offdisk *d = offdisk_open(r->image, false, NULL);
	_cleanup_offstate_ struct offstate *s = d ? offdisk_state(d, NULL) : NULL;

	for (unsigned i = 0; s && i < BS_SLOTS; i++)
		if (s->bs.slot[i].status == BS_READY)
			r->slot[i] = s->bs.slot[i].image;
}

/* The accelerator is probed once, here, and not by every child. */
static int settle(struct run *run, const char *image, struct err *err)
{
	const struct test_options *o = run->opts;
	const char *why, *ci = getenv("CI");
	enum accel accel;
	int r = accel_choose(o->accel, &accel, &why, err);

	if (r < 0)
		return r;
	if (why)
		log_step("emulating", "%s; this is slower but the same", why);
	if (firmware_find(o->firmware, &run->firmware, err) < 0)
		return -ENOENT;
	run->report = (struct report){
		.image = image,
		.output = o->output,
		.accel = accel_name(accel),
		.accel_why = why,
		.firmware = run->firmware.code,
		.started = time(NULL),
		.cases = run->cases,
		.n = run->n,
		.strict = ci && !strcmp(ci, "true"),
	};
	look_at_slots(&run->report);
	run->play = (struct play_options){
		.slow = o->slow,
		.no_ssh = o->no_ssh ? "the image has no ssh server" : ssh_obstacle(image),
		.no_watchdog = prepare_lacks_watchdog(image),
		.keep = o->keep,
		.narrate = o->narrate,
		.quick = o->quick,
		.next = o->next,
		.vm = {
			.image = image,
			.memory_bytes = o->memory,
			.firmware = o->firmware,
			.cache = o->cache,
			.bus = o->disk,
			.accel = accel_name(accel),
		},
	};
	return 0;
}

/* The word that names @s on the command line; NULL when out of memory. */
static char *word_for(const struct scenario *s)
{
	_cleanup_free_ char *own = data_path("scenarios", NULL);
	size_t len = own ? strlen(own) : 0;

	if (!len || strncmp(s->file, own, len) || s->file[len] != '/')
		return strdup(s->file);
	return str_printf("%s%s", strncmp(s->file + len, "/faults/", 8) ? "" : "--faults=",
			  s->name);
}

static int name_cases(struct run *run, struct err *err)
{
	for (unsigned i = 0; i < run->n; i++) {
		const struct scenario *s = run->scenario[i];
		char *log = str_printf("%s/%s/serial.log", run->opts->output, s->name);

		for (unsigned k = 0; k < i; k++)
			if (!strcmp(s->name, run->scenario[k]->name))
				return free(log),
				       err_set(err, -EEXIST, "two scenarios are called '%s'",
					       s->name);
		if (!log)
			return err_oom(err);
		run->cases[i] = (struct report_case){
			.name = s->name,
			.title = s->title,
			.log = log,
			.result = { .verdict = VERDICT_SKIPPED,
				    .why = "the run ended before it was played" },
		};
		run->cases[i].again = word_for(s);
		(void)io_read_file(s->file, SCENARIO_BYTES_MAX, &run->cases[i].source, NULL, NULL);
	}
	return 0;
}

static int verdict_of(const struct report *r)
{
	struct report_totals t = report_count(r);

	if (t.skipped)
		log_warning("%u scenario%s did not run%s", t.skipped, t.skipped == 1 ? "" : "s",
			    r->strict ? ", which fails under CI" : "");
	return report_conclusion(r) == VERDICT_PASSED ? EXIT_OK : EXIT_FAILED;
}

/* The disk many scenarios start from is made once, before any of them runs. */
static int prepare(struct run *run, struct err *err)
{
	bool wanted = false;
	int r;

	for (unsigned i = 0; i < run->n; i++)
		wanted |= run->scenario[i]->starts_confirmed;
	if (!wanted)
		return 0;
	run->confirmed = path_join(run->opts->output, "confirmed.raw");
	if (!run->confirmed)
		return err_oom(err);
	r = path_mkdirs(run->opts->output);
	if (r < 0)
		return err_errno(err, r, "cannot make %s", run->opts->output);
	log_step("preparing", "one healthy boot, from which %s start",
		 run->n == 1 ? "this one will" : "scenarios");
	r = prepare_confirmed(&run->play.vm, run->opts->output, run->confirmed, run->opts->slow,
			      err);
	run->play.confirmed = run->confirmed;
	return r < 0 ? err_add(err, r, "the image itself") : 0;
}

static int tell(const struct run *run, struct err *err)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	if (run->opts->json) {
		report_json(&run->report, &b);
	} else {
		buf_addc(&b, '\n');
		report_table(&run->report, console_unicode(), &b);
		buf_addf(&b, "report: %s/report.html\n", run->opts->output);
	}
	if (!buf_ok(&b))
		return err_oom(err);
	fflush(stdout);
	return io_write_all(STDOUT_FILENO, b.data, b.len) < 0
		       ? err_set(err, -EIO, "cannot write the results")
		       : 0;
}

/* All that takes time. What was played before it broke off is reported, too. */
static int play_and_report(struct run *run, struct err *err)
{
	uint64_t start = clock_now_ms();
	int r;

	report_remove(run->opts->output);
	r = prepare(run, err);
	if (r == 0)
		r = play_all(run, err);
	if (run->confirmed && !run->opts->keep)
		(void)unlink(run->confirmed);
	run->report.wall_ms = clock_now_ms() - start;
	if (r < 0) {
		run->report.aborted = err->text;
		(void)report_load_logs(&run->report, NULL);
		(void)report_write(&run->report, NULL);
		return r;
	}
	r = report_load_logs(&run->report, err);
	if (r == 0)
		r = report_write(&run->report, err);
	return r < 0 ? r : tell(run, err);
}

static int test(struct run *run, const char *image, struct err *err)
{
	enum image_format format;
	int r = image_probe(image, &format, err);

	if (r == 0)
		r = settle(run, image, err);
	if (r == 0)
		r = name_cases(run, err);
	if (r == 0)
		r = play_and_report(run, err);
	return r < 0 ? EXIT_FAILED : verdict_of(&run->report);
}

static void list(const struct run *run)
{
	for (unsigned i = 0; i < run->n; i++)
		printf("%-22s %s%s\n", run->scenario[i]->name, run->scenario[i]->title,
		       run->scenario[i]->needs_ssh ? " (needs ssh)" : "");
}

static void run_free(struct run *run)
{
	free(run->confirmed);
	report_done(&run->report);
	firmware_done(&run->firmware);
	for (unsigned i = 0; i < run->n; i++) {
		free((char *)run->cases[i].log);
		scenario_free(run->scenario[i]);
	}
	free(run);
}

static int run_test(const struct command *cmd, int argc, char **argv, struct err *err)
{
	struct test_options o = { .output = "kiln-test", .jobs = 2, .slow = 1 };
	int n = args_parse(cmd, argc, argv, &o, err), code;
	struct run *run;

	if (n < 0)
		return EXIT_USAGE;
	if (o.jobs < 1 || o.jobs > JOBS_MAX || o.slow < 1 || o.slow > 1000)
		return err_set(err, EXIT_USAGE, "test: --jobs is 1 to %d, --slow 1 to 1000",
			       JOBS_MAX);
	if (n < 1 && !o.list)
		return err_set(err, EXIT_USAGE, "test: an argument is missing\nUsage: test %s",
			       cmd->synopsis);
	run = calloc(1, sizeof(*run));
	if (!run)
		return err_oom(err), EXIT_FAILED;
	run->opts = &o;
	run->lines = o.json ? stderr : stdout;
	if (collect(run, n > 1 ? n - 1 : 0, argv + 2, err) < 0) {
		code = EXIT_USAGE;
	} else if (o.list) {
		list(run);
		code = EXIT_OK;
	} else {
		code = test(run, argv[1], err);
	}
	run_free(run);
	return code;
}

const struct command cmd_test = {
	.name = "test",
	.synopsis = "[OPTION...] IMAGE [SCENARIO...]",
	.summary = "Play scenarios on copies of a disk image",
	.options = options,
	.min_args = 0,
	.max_args = -1,
	.run = run_test,
	.details = "SCENARIO is a file, a directory, or the name of one of kiln's own; all of\n"
		   "these when none is given. Exit status: 0 all passed, 1 some failed, 2 usage.",
};
