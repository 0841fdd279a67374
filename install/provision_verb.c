/* See provision_verb.h. */
#include "install/provision_verb.h"

#include <errno.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "install/medium.h"
#include "install/provision.h"
#include "install/provision_text.h"
#include "lib/base/args.h"
#include "lib/base/ask.h"
#include "lib/base/blk.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"

static volatile int stop;

static void on_signal(int signal_no)
{
	(void)signal_no;
	stop = 1;
}

/* The second of them ends the program at once. */
static void catch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESETHAND };

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &action, NULL);
}

/* A rule said no, or the world did. */
static int exit_code(int r)
{
	return r == 0 ? EXIT_OK : r > 0 ? EXIT_REFUSED : EXIT_FAILED;
}

static int print(struct buf *text, struct err *err)
{
	if (!buf_ok(text))
		return err_oom(err);
	if (text->len)
		fputs(text->data, stdout);
	if (fflush(stdout))
		return err_errno(err, -errno, "cannot write to stdout");
	return 0;
}

/* EXIT_OK when somebody said yes, or need not. */
static int ask(const struct provision_verb *v, const struct target *t, struct err *err)
{
	if (v->yes || !t->exists)
		return EXIT_OK;
	if (v->json) {
		err_set(err, -EINVAL, "%s: with --json nobody is asked; say --yes to mean it",
			v->verb);
		return EXIT_USAGE;
	}
	return ask_yes(v->verb, "All of it will be lost.", err);
}

/* An image is no target for itself. */
static int check_source(const struct provision_verb *v, const struct target *t, struct err *err)
{
	struct stat st;

	if (!t->exists || fstat(v->source->fd, &st))
		return 0;
	if (S_ISBLK(st.st_mode) == t->block_device &&
	    (t->block_device ? st.st_rdev == t->rdev : st.st_dev == t->dev && st.st_ino == t->ino))
		return err_set(err, TARGET_REFUSED, "%s is what is to be copied from", t->path);
	return 0;
}

static int plan_target(const struct provision_verb *v, const struct target *t, struct plan *ret,
		       struct err *err)
{
	uint8_t seed[GUID_BYTES];
	int r = check_source(v, t, err);

	if (r)
		return r;
	if (getrandom(seed, sizeof(seed), 0) != sizeof(seed))
		return err_errno(err, -EIO, "no random numbers");
	r = plan_make(v->source, t->size_bytes, t->sector_bytes, seed, ret, err);
	return r ? err_add(err, r, "%s", t->path) : 0;
}

/* A stable word for what provision() returned. */
static const char *reason_of(int r)
{
	return r == PROVISION_WRONG ? "read-back" : r == -ECANCELED ? "stopped" : "failed";
}

static int write_target(const struct provision_verb *v, const struct target *t,
			const struct plan *plan, struct provision_report *ret,
			const char **reason, struct err *err)
{
	_cleanup_blk_ struct blk *disk = NULL;
	int fd, r = target_open(t, &fd, err);

	if (r)
		return r;
	*reason = "failed";
	r = medium_new(fd, t->sector_bytes, &disk, err);
	if (r)
		return r;

	const struct provision_options o = {
		.source = v->source,
		.plan = plan,
		.disk = disk,
		.fd = fd,
		.trusted_pem = v->trusted_pem,
		.trusted_len = v->trusted_pem ? strlen(v->trusted_pem) : 0,
		.discard = v->discard ? medium_discard : NULL,
		.json = v->json,
		.stop = &stop,
	};

	catch_signals();
	r = provision(&o, ret, err);
	if (r) {
		*reason = reason_of(r);
		err_append(err, "\n%s is %s", t->path,
			   t->exists ? "left without a partition table: it boots nothing" :
				       "removed again");
		target_unmake(t);
		return err_add(err, r, "%s", t->path);
	}
	/* Only so that this system sees the new partitions: the disk is finished without. */
	if (t->block_device)
		(void)ioctl(fd, BLKRRPART);
	return 0;
}

static int tell(const struct provision_verb *v, const struct provision_story *s, struct err *err)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	if (v->json)
		provision_json(s, &text);
	else if (s->report)
		provision_summary(s, &text);
	else
		provision_announce(s, &text);
	return print(&text, err);
}

/* *@reason is only of interest where it does not end with EXIT_OK. */
static int run(const struct provision_verb *v, struct target *t, struct plan *plan,
	       const char **reason, struct err *err)
{
	struct provision_report report;
	struct provision_story story = { .from = v->from, .source = v->source, .target = t,
					 .plan = plan, .is_signed = v->trusted_pem,
					 .discard = v->discard };
	int r;

	*reason = "target";
	r = target_look(t, v->target, &v->target_options, err);
	if (r == 0)
		r = plan_target(v, t, plan, err);
	/* With --json the result is one object, at the end. */
	if (r == 0 && (!v->json || v->dry_run))
		r = tell(v, &story, err);
	if (r || v->dry_run)
		return exit_code(r);
	r = ask(v, t, err);
	if (r) {
		*reason = "usage";
		return r;
	}
	r = write_target(v, t, plan, &report, reason, err);
	story.report = &report;
	if (r == 0)
		r = tell(v, &story, err);
	return exit_code(r);
}

int provision_verb_end(bool json, int status, const char *reason, const struct err *err)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	if (json && status) {
		provision_json_failed(status, reason, err->text, &text);
		print(&text, NULL);
	}
	return status;
}

int provision_verb(const struct provision_verb *v, struct err *err)
{
	_cleanup_free_ struct plan *plan = calloc(1, sizeof(*plan));
	struct target target = TARGET_INIT;
	const char *reason = "failed";
	int r;

	if (!plan) {
		err_oom(err);
		return EXIT_FAILED;
	}
	/* A limit on the size of files is an error like a full disk: the file is removed again. */
	signal(SIGXFSZ, SIG_IGN);
	r = run(v, &target, plan, &reason, err);
	target_done(&target);
	return provision_verb_end(v->json, r, reason, err);
}
