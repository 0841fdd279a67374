/* See install_job.h. */
#include "update/install_job.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "install/source.h"
#include "lib/base/args.h"
#include "lib/base/blk.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"
#include "lib/base/log.h"
#include "lib/base/printable.h"
#include "update/hooks.h"
#include "update/install_report.h"
#include "update/install_selector.h"
#include "update/install_source.h"
#include "update/operator.h"
#include "update/run.h"

#define LOCK_NOTE_MAX 200
/* Writing is slower than reading, on most disks by less than this. */
#define WRITE_FACTOR 3

/* @err is set: the step ends with @status, for @word. */
static int ends(struct install_job *job, int status, const char *word)
{
	job->word = word;
	return status;
}

/* ---- opening ------------------------------------------------------------------------ */

/* Who holds the lock left a note in it. */
static int locked_out(struct install_job *job, struct err *err)
{
	_cleanup_buf_ struct buf shown = BUF_INIT;
	char note[LOCK_NOTE_MAX + 1];
	ssize_t n = pread(job->lock_fd, note, LOCK_NOTE_MAX, 0);

	/* Neither the lock nor the note is ours. */
	close(job->lock_fd);
	job->lock_fd = 0;
	printable_add(&shown, note, n > 0 ? (size_t)n : 0, false);
	err_set(err, -EBUSY, "another install is at work%s%s; wait for its end",
		shown.len ? ": " : "", shown.len ? shown.data : "");
	return ends(job, EXIT_FAILED, "busy");
}

static void leave_note(struct install_job *job)
{
	const struct bundle_manifest *m = &job->front.manifest;
	char note[LOCK_NOTE_MAX];
	int n = snprintf(note, sizeof(note), "process %ld installs %s %s", (long)getpid(), m->name,
			 m->version);

	/* It is only told to people: the lock is what counts. */
	if (ftruncate(job->lock_fd, 0) == 0)
		(void)!pwrite(job->lock_fd, note, (size_t)n, 0);
}

static int take_lock(struct install_job *job, struct err *err)
{
	const char *dir = job->wish->run_dir ? job->wish->run_dir : DEVICE_RUN_DIR;
	_cleanup_free_ char *path = path_join(dir, "install.lock");

	if (!path) {
		err_oom(err);
		return ends(job, EXIT_FAILED, "failed");
	}
	job->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (job->lock_fd < 0) {
		job->lock_fd = 0;
		err_errno(err, -errno, "cannot lock %s", path);
		return ends(job, EXIT_FAILED, "failed");
	}
	if (flock(job->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return EXIT_OK;
	return locked_out(job, err);
}

/* What the image takes, and whose signature counts. */
static int read_policy(struct install_job *job, struct err *err)
{
	const char *dir = job->wish->policy_dir ? job->wish->policy_dir : UPDATE_POLICY_DIR;
	_cleanup_free_ char *conf = path_join(dir, UPDATE_CONF_NAME);
	_cleanup_free_ char *pem = path_join(dir, UPDATE_TRUSTED_NAME);
	int r;

	if (!conf || !pem)
		return err_oom(err);
	r = update_conf_read(conf, &job->conf, err);
	return r ? r : io_read_file(pem, CMS_PEM_MAX, &job->trusted, &job->trusted_len, err);
}

int install_job_open(struct install_job *job, bool write, struct err *err)
{
	_cleanup_buf_ struct buf notes = BUF_INIT;
	const struct install_wish *w = job->wish;
	const char *source;
	int r;

	job->dev.fd = -1;
	if (device_open(&job->dev, w->run_dir, write, err))
		return ends(job, EXIT_FAILED, "device");
	/* The boot state is locked again for each change: a confirm must not wait for us. */
	flock(job->dev.fd, LOCK_UN);
	r = write ? take_lock(job, err) : EXIT_OK;
	if (r)
		return r;
	if (read_policy(job, err))
		return ends(job, EXIT_FAILED, "policy");
	source = w->source ? w->source : job->conf.url;
	if (!source[0]) {
		err_set(err, -EINVAL, "install what? This image has no URL of its own");
		return ends(job, EXIT_USAGE, "usage");
	}
	r = install_source_open(source, &job->conf, w->fetch, &job->source, &job->source_name,
				&notes, err);
	if (r)
		return ends(job, EXIT_FAILED, "source");
	job->source->stop = job->stop;
	if (notes.len)
		log_step("Source", "%s, not:\n%.*s", job->source_name, (int)notes.len - 1,
			 notes.data);
	return EXIT_OK;
}

/* ---- judging ------------------------------------------------------------------------ */

static int judge_manifest(struct install_job *job, struct err *err)
{
	const struct bundle_manifest *m = &job->front.manifest;
	const struct update_conf *c = &job->conf;

	if (strcmp(m->name, c->name)) {
		err_set(err, 0, "this machine runs %s, and the bundle holds %s", c->name, m->name);
		return ends(job, EXIT_REFUSED, "name");
	}
	if (strcmp(m->arch, c->arch)) {
		err_set(err, 0, "this machine is %s, and the bundle is for %s", c->arch, m->arch);
		return ends(job, EXIT_REFUSED, "arch");
	}
	if (c->state_max < m->state_min || c->state_max > m->state_max) {
		err_set(err, 0,
			"%s %s can use layouts %u to %u of /var, and the running version writes "
			"%u",
			m->name, m->version, m->state_min, m->state_max, c->state_max);
		return ends(job, EXIT_REFUSED, "state");
	}
	return EXIT_OK;
}

/* The rules' answer to an install, in words and with the way on. */
static int rules_say(struct install_job *job, int rule, struct err *err)
{
	const struct bundle_manifest *m = &job->front.manifest;
	enum bs_reason reason;

	switch (rule) {
	case BS_E_FLOOR:
		err_set(err, 0,
			"%s %s is of epoch %" PRIu64 ", below the rollback floor %" PRIu64
			" of this machine; install a version that is not older",
			m->name, m->version, m->epoch, job->dev.bs.floor);
		return ends(job, EXIT_REFUSED, "floor");
	case BS_E_REFUSED:
		reason = BS_REASON_NONE;
		bs_is_refused(&job->dev.bs, m->root_hash, &reason);
		err_set(err, 0,
			"%s %s failed on this machine: %s; to install it all the same: --retry",
			m->name, m->version, bs_reason_text(reason));
		return ends(job, EXIT_REFUSED, "refused");
	default:
		err_set(err, 0, "slot %s: %s", bs_slot_name(job->slot), bs_error_text(rule));
		return ends(job, EXIT_REFUSED, "rules");
	}
}

static int judge_slot(struct install_job *job, struct err *err)
{
	const struct bundle_manifest *m = &job->front.manifest;
	const struct bs *bs = &job->dev.bs;
	const struct bs_slot *other, *running;
	struct slotdesc image;
	unsigned next;
	int r;

	if (operator_other_slot(&job->dev, &job->slot, err))
		return ends(job, EXIT_FAILED, "uncounted");
	other = &bs->slot[job->slot];
	running = &bs->slot[job->dev.running];
	if (!memcmp(job->dev.root_hash, m->root_hash, sizeof(m->root_hash))) {
		job->standing = INSTALL_RUNS;
		return EXIT_OK;
	}
	if (!job->wish->source && version_compare(m->version, running->image.version) <= 0) {
		job->standing = INSTALL_OLDER;
		return EXIT_OK;
	}
	if (!bs_boot_confirmed(bs)) {
		err_set(err, 0,
			"the running version is not confirmed in this boot, and until then the "
			"other slot is kept; see slotctl status");
		return ends(job, EXIT_REFUSED, "unconfirmed");
	}
	install_describe(m, &image);
	r = bs_install_check(bs, job->slot, job->dev.running, &image, job->wish->retry);
	if (r)
		return rules_say(job, r, err);
	if (bs_slot_bootable(bs, job->slot) && !job->wish->retry &&
	    !memcmp(other->image.root_hash, m->root_hash, sizeof(m->root_hash)))
		job->standing = bs_choose(bs, 0, 0, &next) == BS_OK && next == job->slot ?
					INSTALL_NEXT :
					INSTALL_THERE;
	return EXIT_OK;
}

int install_job_judge(struct install_job *job, struct err *err)
{
	int r = bundle_read_manifest(job->source, job->trusted, job->trusted_len,
				     &job->front, err);

	if (r < 0)
		return ends(job, EXIT_FAILED, r == -EINTR ? "stopped" : "source");
	if (r)
		return ends(job, EXIT_REFUSED, bundle_error_name(r));
	if (job->lock_fd)
		leave_note(job);
	r = judge_manifest(job, err);
	return r ? r : judge_slot(job, err);
}

/* ---- planning ----------------------------------------------------------------------- */

static int plan_progress(void *ctx, uint64_t done, uint64_t total)
{
	struct install_job *job = ctx;

	if (job->report)
		report_progress(job->report, "planning", done, total);
	return job->stop && *job->stop ? -EINTR : 0;
}

static int open_slots(struct install_job *job, struct err *err)
{
	int r = blk_open_direct(job->dev.disk_path, job->dev.writable, &job->disk, err);

	if (r == 0)
		r = slot_read_table(job->disk, &job->gpt, err);
	if (r == 0)
		r = slot_open(job->disk, &job->gpt, job->slot, &job->target, err);
	if (r == 0)
		r = slot_open(job->disk, &job->gpt, job->dev.running, &job->running, err);
	if (r)
		return ends(job, EXIT_FAILED, "disk");
	if (slot_fits(&job->target, &job->front.manifest, err))
		return ends(job, EXIT_REFUSED, "no-room");
	if (install_selector_open(job, err))
		return ends(job, EXIT_FAILED, "failed");
	/* Without one nothing is copied from the slot, and more is fetched. */
	job->has_index = slotindex_read(job->running.part[BUNDLE_UKI], &job->index) == 0;
	return EXIT_OK;
}

int install_job_plan(struct install_job *job, struct err *err)
{
	struct chunkplan_input in = { .index = &job->front.index, .target = &job->target,
				      .blank = job->dev.bs.slot[job->slot].status == BS_EMPTY,
				      .running = &job->running, .progress = plan_progress,
				      .ctx = job };
	int64_t start = run_now_ms();
	int r = open_slots(job, err);

	if (r)
		return r;
	r = bundle_read_index(job->source, &job->front, err);
	if (r < 0)
		return ends(job, EXIT_FAILED, r == -EINTR ? "stopped" : "source");
	if (r)
		return ends(job, EXIT_REFUSED, bundle_error_name(r));
	in.running_index = job->has_index ? &job->index : NULL;
	r = chunkplan_make(&in, &job->plan, err);
	/* The plan has what it said: nobody asks it again, and it may be large. */
	slotindex_done(&job->index);
	if (job->report)
		report_end(job->report);
	job->plan_ms = (uint64_t)(run_now_ms() - start);
	if (r == -EINTR) {
		err_set(err, r, "interrupted; nothing was changed");
		return ends(job, EXIT_FAILED, "stopped");
	}
	return r ? ends(job, EXIT_FAILED, "failed") : EXIT_OK;
}

uint64_t install_job_estimate_s(const struct install_job *job)
{
	const struct chunkplan *p = &job->plan;
	uint64_t total = chunkplan_write_bytes(p) + p->bytes[CHUNK_IN_PLACE];
	uint64_t cost = total + WRITE_FACTOR * chunkplan_write_bytes(p);

	if (total == 0)
		return 1;
	return 1 + (uint64_t)((double)job->plan_ms * (double)cost / (double)total / 1000);
}

/* ---- installing --------------------------------------------------------------------- */

static int lock_state(void *ctx, struct err *err)
{
	struct install_job *job = ctx;

	return flock(job->dev.fd, LOCK_EX) ?
		       err_errno(err, -errno, "cannot lock %s", job->dev.state_path) :
		       0;
}

static void unlock_state(void *ctx)
{
	struct install_job *job = ctx;

	flock(job->dev.fd, LOCK_UN);
}

static void run_progress(void *ctx, enum install_phase phase, uint64_t done, uint64_t total)
{
	struct install_job *job = ctx;

	if (job->report)
		report_progress(job->report, phase == INSTALL_WRITE ? "writing" : "checking", done,
				total);
}

static int put_selector(struct install_job *job, struct err *err)
{
	int r = lock_state(job, err);

	if (r)
		return r;
	r = device_reload(&job->dev, err);
	r = r ? r : install_selector_put(job, err);
	unlock_state(job);
	return r;
}

/* Whoever runs the machine may still say no. */
static int ask_hooks(struct install_job *job, struct err *err)
{
	const char *const dirs[] = { job->wish->hooks_dir, NULL };
	const struct hooks hooks = {
		.dirs = dirs[0] ? dirs : NULL,
		.deadline_ms = HOOKS_DEADLINE_MS,
		.stop = job->stop,
		.manifest = &job->front.manifest,
		.slot = bs_slot_name(job->slot),
		.running_version = job->dev.bs.slot[job->dev.running].image.version,
	};
	int r;

	if (job->report)
		report_end(job->report);
	r = hooks_run(&hooks, err);
	if (r)
		job->word = r == -EINTR ? "stopped" : "hook";
	return r == HOOKS_REFUSED ? -ECANCELED : r;
}

static int before_commit(void *ctx, struct err *err)
{
	int r = ask_hooks(ctx, err);

	return r ? r : put_selector(ctx, err);
}

static int finish(struct install_job *job, int r, struct err *err)
{
	switch (r) {
	case 0:
		return EXIT_OK;
	case INSTALL_E_RULES:
		return rules_say(job, job->install.rule, err);
	case INSTALL_E_DAMAGED:
		return ends(job, EXIT_REFUSED, install_error_name(r));
	case INSTALL_E_STOPPED:
		err_set(err, 0, "interrupted; the same command goes on where it stopped");
		return ends(job, EXIT_FAILED, install_error_name(r));
	case INSTALL_E_SOURCE:
	case INSTALL_E_CHANGED:
	case INSTALL_E_READBACK:
		return ends(job, EXIT_FAILED, install_error_name(r));
	default:
		return ends(job, EXIT_FAILED, job->word ? job->word : "failed");
	}
}

int install_job_run(struct install_job *job, struct err *err)
{
	int64_t start = run_now_ms();
	int r;

	job->install = (struct install){
		.front = &job->front, .source = job->source, .plan = &job->plan,
		.target = &job->target, .running = &job->running,
		.target_slot = job->slot, .running_slot = job->dev.running,
		.state = { .ops = job->dev.ops, .lock = lock_state, .unlock = unlock_state,
			   .ctx = job },
		.allow_refused = job->wish->retry, .stop = job->stop, .progress = run_progress,
		.before_commit = before_commit, .ctx = job,
	};
	r = install_run(&job->install, err);
	if (job->report)
		report_end(job->report);
	job->run_ms = (uint64_t)(run_now_ms() - start);
	return finish(job, r, err);
}

void install_job_done(struct install_job *job)
{
	chunkplan_done(&job->plan);
	slotindex_done(&job->index);
	slot_close(&job->target);
	slot_close(&job->running);
	job->disk = blk_free(job->disk);
	bundle_front_done(&job->front);
	job->source = source_free(job->source);
	free(job->source_name);
	free(job->trusted);
	device_done(&job->dev);
	/* The note goes with the lock. */
	if (job->lock_fd) {
		(void)!ftruncate(job->lock_fd, 0);
		close(job->lock_fd);
	}
}
