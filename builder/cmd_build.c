/* `kiln build`: bake a recipe. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "builder/commands.h"
#include "builder/pipeline.h"
#include "builder/rootfs/sandbox.h"
#include "builder/workdir.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/json.h"
#include "lib/base/log.h"

struct opts {
	const char *output, *version, *keys, *lock, *engine;
	struct arg_list mirrors;
	bool locked, offline, keep, json, verbose, quiet;
};

static const struct arg_option options[] = {
	{ "output", 'o', ARG_STR, "DIR", "where the artefacts go (default: out)",
	  offsetof(struct opts, output) },
	{ "image-version", 0, ARG_STR, "VERSION", "instead of the recipe's version",
	  offsetof(struct opts, version) },
	{ "keys", 0, ARG_STR, "DIR", "signing keys (default: see kiln keys)",
	  offsetof(struct opts, keys) },
	{ "lock", 0, ARG_STR, "FILE", "lock file (default: beside the recipe)",
	  offsetof(struct opts, lock) },
	{ "mirror", 0, ARG_LIST, "URL", "instead of the host's apt sources",
	  offsetof(struct opts, mirrors) },
	{ "locked", 0, ARG_FLAG, NULL, "refuse to change the lock", offsetof(struct opts, locked) },
	{ "offline", 0, ARG_FLAG, NULL, "use only what is in the package store",
	  offsetof(struct opts, offline) },
	{ "engine", 0, ARG_STR, "NAME", "fast (default) or faithful: how the tree is assembled",
	  offsetof(struct opts, engine) },
	{ "keep", 0, ARG_FLAG, NULL, "keep the work directory", offsetof(struct opts, keep) },
	{ "json", 'j', ARG_FLAG, NULL, "print the summary as JSON", offsetof(struct opts, json) },
	{ "verbose", 'v', ARG_FLAG, NULL, "show what package scripts say",
	  offsetof(struct opts, verbose) },
	{ "quiet", 'q', ARG_FLAG, NULL, "only warnings and the summary",
	  offsetof(struct opts, quiet) },
	{ 0 },
};

static void print_json(const struct pipeline_result *r)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	json_open(&j, NULL, '{');
	json_str(&j, "image", r->name);
	json_str(&j, "version", r->version);
	json_str(&j, "directory", r->dir);
	json_str(&j, "disk", r->disk);
	json_str(&j, "root_hash", r->root_hash);
	json_u64(&j, "packages", r->n_packages);
	json_u64(&j, "root_bytes", r->root_bytes);
	json_u64(&j, "uki_bytes", r->uki_bytes);
	json_u64(&j, "initramfs_bytes", r->initrd_bytes);
	json_u64(&j, "disk_allocated_bytes", r->disk_allocated_bytes);
	json_u64(&j, "milliseconds", (uint64_t)(r->seconds * 1000));
	json_close(&j);
	if (buf_ok(&b))
		puts(b.data);
}

static void print_text(const struct pipeline_result *r)
{
	printf("%s %s: %zu packages, root %.1f MiB, UKI %.1f MiB, in %.1f s\n", r->name,
	       r->version, r->n_packages, (double)r->root_bytes / 1048576,
	       (double)r->uki_bytes / 1048576, r->seconds);
	printf("root hash  %s\n", r->root_hash);
	printf("disk       %s (%.1f MiB allocated)\n", r->disk,
	       (double)r->disk_allocated_bytes / 1048576);
	printf("next       kiln boot %s\n", r->disk);
}

static int build(const struct pipeline_options *p, bool json, struct err *err)
{
	struct pipeline_result result;
	int r = pipeline_build(p, &result, err);

	if (r == -EINVAL)
		return EXIT_USAGE;
	if (r == -EBADMSG)
		return EXIT_REFUSED;
	if (r != 0)
		return EXIT_FAILED;
	if (json)
		print_json(&result);
	else
		print_text(&result);
	pipeline_result_done(&result);
	return EXIT_OK;
}

static volatile sig_atomic_t stopped_by;

static void on_stop(int sig)
{
	stopped_by = sig;
}

/*
 * Build in a child, so that ^C leaves nothing: the child is killed, its sandbox
 * dies with it, and what it left in the work directory is removed here.
 */
static int build_supervised(const struct pipeline_options *p, bool json, struct err *err)
{
	struct sigaction stop = { .sa_handler = on_stop };
	struct sandbox *sb = NULL;
	int status = 0;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return err_set(err, EXIT_FAILED, "cannot start the build: %s", strerror(errno));
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		status = build(p, json, err);
		if (status != EXIT_OK)
			log_error("%s", err->text);
		fflush(NULL);
		_exit(status);
	}
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGHUP, &stop, NULL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		if (stopped_by)
			kill(pid, SIGKILL);
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	if (sandbox_new(&sb, NULL) == 0)
		workdir_sweep(sb);
	sandbox_free(sb);
	if (stopped_by)
		err_set(err, 0, "stopped; nothing was changed");
	else
		err_set(err, 0, "the build was killed by signal %d", WTERMSIG(status));
	return EXIT_FAILED;
}

static int run(const struct command *cmd, int argc, char **argv, struct err *err)
{
	struct opts o = { .output = "out", .engine = "fast" };
	struct pipeline_options p;
	int r = args_parse(cmd, argc, argv, &o, err);

	if (r < 0)
		return EXIT_USAGE;
	p = (struct pipeline_options){
		.recipe = argv[1], .version = o.version, .output_dir = o.output,
		.keys_dir = o.keys, .lock = o.lock, .mirrors = o.mirrors.item,
		.n_mirrors = o.mirrors.n, .locked = o.locked, .offline = o.offline,
		.faithful = !strcmp(o.engine, "faithful"), .keep = o.keep, .verbose = o.verbose,
	};
	if (!p.faithful && strcmp(o.engine, "fast") != 0) {
		err_set(err, -EINVAL, "build: --engine is 'fast' or 'faithful', not '%s'",
			o.engine);
		return EXIT_USAGE;
	}
	if (o.verbose || o.quiet)
		log_set_level(o.verbose ? LOG_VERBOSE : LOG_QUIET);
	return build_supervised(&p, o.json, err);
}

const struct command cmd_build = {
	.name = "build",
	.synopsis = "[OPTION...] RECIPE",
	.summary = "Bake a recipe into a signed, verified A/B disk image",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
