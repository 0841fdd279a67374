/*
 * kiln boot IMAGE: run a disk image in a virtual machine.
 *
 * By default the terminal is the machine's serial console and nothing is
 * written to the image. stdout carries the console, or with --json the
 * timeline; everything else goes to stderr.
 */
#include "qemu/cmd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/base/path.h"
#include "qemu/clock.h"
#include "qemu/console.h"
#include "qemu/ssh.h"
#include "qemu/vm.h"

#define TIMEOUT_DEFAULT_MS 300000
#define BAR_WIDTH 48

struct boot_options {
	bool ssh, persist, timeline, json, quiet;
	const char *serial, *firmware, *cache, *accel, *disk, *timeout, *until;
	uint64_t memory, cpus, disk_size;
};

#define OPT(name_, letter_, kind_, value_, help_, field_)                                        \
	{                                                                                        \
		name_, letter_, kind_, value_, help_, offsetof(struct boot_options, field_)      \
	}

static const struct arg_option options[] = {
	OPT("ssh", 0, ARG_FLAG, NULL, "log in as root over ssh, or run the COMMAND", ssh),
	OPT("until", 0, ARG_STR, "TEXT", "stop with success when the serial port says TEXT",
	    until),
	OPT("timeout", 0, ARG_STR, "TIME", "give up --until and --ssh after TIME (300s)",
	    timeout),
	OPT("timeline", 0, ARG_FLAG, NULL, "show where the boot's time went", timeline),
	OPT("json", 0, ARG_FLAG, NULL, "the timeline as JSON on stdout, no console", json),
	OPT("quiet", 'q', ARG_FLAG, NULL, "do not show the console", quiet),
	OPT("serial", 0, ARG_STR, "FILE", "append what the serial port says to FILE", serial),
	OPT("memory", 'm', ARG_SIZE, "SIZE", "memory of the machine (1G)", memory),
	OPT("cpus", 0, ARG_U64, "N", "number of CPUs (1)", cpus),
	OPT("disk-size", 0, ARG_SIZE, "SIZE", "grow the throw-away disk to SIZE", disk_size),
	OPT("disk", 0, ARG_STR, "BUS", "virtio (default), nvme or ahci", disk),
	OPT("cache", 0, ARG_STR, "MODE",
	    "writeback (default), writethrough, none, directsync, unsafe", cache),
	OPT("firmware", 0, ARG_STR, "PATH", "UEFI code file (default: KILN_OVMF, then OVMF)",
	    firmware),
	OPT("accel", 0, ARG_STR, "KIND", "auto (default: KVM if a guest runs), kvm or tcg",
	    accel),
	OPT("persist", 0, ARG_FLAG, NULL, "write to the image file itself", persist),
	{ 0 },
};

/* One run: the machine, the wishes, and when they end. */
struct boot_run {
	struct vm vm;
	struct console console;
	const struct boot_options *opts;
	uint64_t deadline_ms;
	char *command; /* for ssh; NULL is a login shell */
};

static void show(void *arg, const void *data, size_t len)
{
	(void)arg;
	(void)io_write_all(STDOUT_FILENO, data, len);
}

/* Words of a command as one line for the guest's shell, each quoted; NULL when there are none. */
static int join_command(int n, char **words, char **ret, struct err *err)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	*ret = NULL;
	if (n == 1)
		buf_adds(&b, words[0]);
	for (int i = 0; n > 1 && i < n; i++) {
		buf_adds(&b, i ? " '" : "'");
		for (const char *p = words[i]; *p; p++)
			*p == '\'' ? buf_adds(&b, "'\\''") : buf_addc(&b, *p);
		buf_addc(&b, '\'');
	}
	if (n == 0)
		return 0;
	*ret = buf_take(&b);
	return *ret ? 0 : err_oom(err);
}

static int ran_out(struct boot_run *run, const char *what, struct err *err)
{
	char tail[2048];

	serial_tail(&run->vm.serial, 8, tail, sizeof(tail));
	err_set(err, -ETIMEDOUT, "gave up waiting for %s; the serial port's last lines:", what);
	err_append(err, "\n%s", *tail ? tail : "(nothing)");
	return EXIT_FAILED;
}

/* The text was there; give the rest of its line a moment, for whoever reads the console. */
static void let_line_end(struct boot_run *run)
{
	uint64_t until = clock_now_ms() + 300;

	while (run->vm.serial.cur_len && clock_now_ms() < until)
		if (vm_pump(&run->vm, -1, until, NULL) != VM_ACTIVITY)
			return;
}

/* Pump until the text comes, the console is left, the power goes or time is up. */
static int watch(struct boot_run *run, struct err *err)
{
	const char *until = run->opts->until;
	struct serial_mark mark = { 0 };

	for (;;) {
		int r = vm_pump(&run->vm, console_fd(&run->console), run->deadline_ms, err);

		if (r < 0)
			return EXIT_FAILED;
		if (until && serial_find(&run->vm.serial, until, &mark)) {
			let_line_end(run);
			return EXIT_OK;
		}
		if (console_stopped())
			return until ? err_set(err, EXIT_FAILED, "interrupted") : EXIT_OK;
		if (r == VM_OFF) {
			vm_explain_exit(&run->vm, err);
			if (!until && WIFEXITED(run->vm.wait_status) &&
			    WEXITSTATUS(run->vm.wait_status) == 0)
				return EXIT_OK;
			return EXIT_FAILED;
		}
		if (r == VM_EXTRA && console_read(&run->console, &run->vm) == CONSOLE_LEAVE)
			return until ? err_set(err, EXIT_FAILED, "left before '%s' was seen",
					       until)
				     : EXIT_OK;
		if (clock_now_ms() >= run->deadline_ms) {
			_cleanup_free_ char *what = str_printf("'%s'", until ? until : "the end");

			return ran_out(run, what ? what : "it", err);
		}
	}
}

/* Let the session have the terminal while the machine's serial port is drained. */
static int ssh_session(struct boot_run *run, struct err *err)
{
	_cleanup_close_ int pidfd = -1;
	unsigned port;
	int status, r;
	pid_t pid;

	log_step("waiting", "for the guest's sshd");
	r = ssh_wait(&run->vm, run->deadline_ms, &port, err);
	if (r == -ETIMEDOUT) {
		char tail[2048];

		serial_tail(&run->vm.serial, 8, tail, sizeof(tail));
		err_append(err, "\nThe serial port's last lines:\n%s", tail);
	}
	if (r < 0)
		return EXIT_FAILED;
	if (!run->command)
		log_step("connected",
			 "leave with exit or Ctrl-D; the machine ends with the session");
	pid = ssh_spawn(&run->vm, port, run->command, err);
	if (pid < 0)
		return EXIT_FAILED;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	do
		r = vm_pump(&run->vm, pidfd, CLOCK_NEVER, err);
	while (r == VM_ACTIVITY || r == VM_QUIET);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
}

static int report(struct boot_run *run, struct err *err)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	if (run->opts->json) {
		struct json j = JSON_INIT(&b);

		json_open(&j, NULL, '{');
		json_str(&j, "image", run->vm.options.image);
		json_str(&j, "accel", accel_name(run->vm.accel));
		timeline_json(&run->vm.timeline, &j, "timeline");
		json_close(&j);
		buf_addc(&b, '\n');
	} else if (run->opts->timeline && run->vm.timeline.n) {
		if (run->vm.tap)
			buf_addc(&b, '\n');
		timeline_text_all(&run->vm.timeline, BAR_WIDTH, console_unicode(), &b);
	}
	if (!buf_ok(&b))
		return err_oom(err);
	return b.len ? io_write_all(STDOUT_FILENO, b.data, b.len) : 0;
}

static void announce(const struct boot_run *run, bool interactive)
{
	const struct vm_options *o = &run->vm.options;

	if (run->vm.accel_why)
		log_step("emulating", "%s; this is slower but the same", run->vm.accel_why);
	log_step("booting", "%s (%s, %" PRIu64 " MiB, %s)", path_base(o->image),
		 accel_name(run->vm.accel),
		 (o->memory_bytes ? o->memory_bytes : VM_MEMORY_DEFAULT) >> 20,
		 o->mode == VM_DISK_PERSIST ? "writing to the image"
					    : "the image stays unchanged");
	if (interactive)
		log_step("console", "Ctrl-A X leaves, Ctrl-A R resets, Ctrl-A A sends Ctrl-A");
}

static int boot(struct boot_run *run, const struct vm_options *vm_options, struct err *err)
{
	const struct boot_options *o = run->opts;
	bool console = !o->ssh && !o->json && !o->quiet;
	int code;

	if (vm_prepare(&run->vm, vm_options, err) < 0)
		return EXIT_FAILED;
	if (o->serial && vm_log_to(&run->vm, o->serial, err) < 0)
		return EXIT_FAILED;
	announce(run, console && isatty(STDIN_FILENO));
	if (console)
		run->vm.tap = show;
	if (vm_power_on(&run->vm, err) < 0)
		return EXIT_FAILED;
	if (console)
		console_open(&run->console);
	code = o->ssh ? ssh_session(run, err) : watch(run, err);
	console_close(&run->console);
	return code;
}

static int run_boot(const struct command *cmd, int argc, char **argv, struct err *err)
{
	struct boot_options o = { 0 };
	struct boot_run *run;
	uint64_t timeout_ms = TIMEOUT_DEFAULT_MS;
	const char *why;
	int n = args_parse(cmd, argc, argv, &o, err), code;

	if (n < 0)
		return EXIT_USAGE;
	if (o.timeout && clock_duration(o.timeout, &timeout_ms) < 0)
		return err_set(err, EXIT_USAGE,
			       "boot: --timeout: '%s' is not a time such as 300s", o.timeout);
	if (n > 1 && !o.ssh)
		return err_set(err, EXIT_USAGE, "boot: a COMMAND needs --ssh");
	if (o.ssh && o.until)
		return err_set(err, EXIT_USAGE, "boot: --ssh and --until exclude each other");
	why = o.ssh ? ssh_obstacle(argv[1]) : NULL;
	if (why)
		return err_set(err, EXIT_FAILED, "boot: --ssh cannot work: %s", why);
	run = calloc(1, sizeof(*run));
	if (!run)
		return err_oom(err), EXIT_FAILED;
	run->opts = &o;
	console_init(&run->console);
	run->deadline_ms = o.timeout || o.until || o.ssh ? clock_now_ms() + timeout_ms
							 : CLOCK_NEVER;

	const struct vm_options vm_options = {
		.image = argv[1],
		.mode = o.persist ? VM_DISK_PERSIST : VM_DISK_OVERLAY,
		.disk_bytes = o.disk_size,
		.memory_bytes = o.memory,
		.cpus = o.cpus,
		.firmware = o.firmware,
		.cache = o.cache,
		.bus = o.disk,
		.accel = o.accel,
		.ssh = o.ssh,
	};

	code = join_command(n - 1, argv + 2, &run->command, err) < 0
		       ? EXIT_FAILED
		       : boot(run, &vm_options, err);
	if (report(run, err) < 0)
		code = EXIT_FAILED;
	vm_done(&run->vm);
	free(run->command);
	free(run);
	return code;
}

const struct command cmd_boot = {
	.name = "boot",
	.synopsis = "[OPTION...] IMAGE [-- COMMAND...]",
	.summary = "Run a disk image in a virtual machine",
	.options = options,
	.min_args = 1,
	.max_args = -1,
	.run = run_boot,
	.details = "The terminal is the machine's serial console: Ctrl-A X leaves, Ctrl-A R\n"
		   "resets, Ctrl-A A sends Ctrl-A. The image file is not modified unless\n"
		   "--persist is given.",
};
