/*
 * The running machine: QEMU's command line, its start, its cables, its end.
 *
 * Serial port and control protocol are cables inherited by QEMU: no names in the
 * file system, no race for a port, and both end when QEMU does. What the serial
 * port says comes through a pipe: firmware gives up a line that is not taken
 * within a second, and a socket is full after some 280 single characters, a pipe
 * of this size never while we are busy elsewhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/json.h"
#include "qemu/clock.h"
#include "qemu/ssh.h"
#include "qemu/vm.h"

#define QEMU_PROGRAM "qemu-system-x86_64"
#define ARGV_MAX 80
#define QMP_DEADLINE_MS 20000
#define SERIAL_PIPE_BYTES (1 << 20) /* what anybody may ask for */

/* Our end is always [0]. */
struct cables {
	int serial[2]; /* pipe: what the guest says */
	int typed[2]; /* socket pair: what we type */
	int qmp[2]; /* socket pair */
	int errors;
};

/* The command line under construction; the strings are owned. */
struct argv {
	char *item[ARGV_MAX + 1];
	unsigned n;
	bool oom;
};

static void argv_done(struct argv *a)
{
	for (unsigned i = 0; i < a->n; i++)
		free(a->item[i]);
}

static void add_owned(struct argv *a, char *text)
{
	if (!text || a->n == ARGV_MAX) {
		free(text);
		a->oom = true;
		return;
	}
	a->item[a->n++] = text;
}

static void add(struct argv *a, const char *name, const char *value)
{
	add_owned(a, strdup(name));
	if (value)
		add_owned(a, strdup(value));
}

static void __attribute__((format(printf, 3, 4)))
addf(struct argv *a, const char *name, const char *fmt, ...)
{
	_cleanup_free_ char *value = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&value, fmt, ap) < 0)
		value = NULL;
	va_end(ap);
	if (!value)
		a->oom = true;
	else
		add(a, name, value);
}

/* QEMU splits options at commas; a comma in a file name is doubled. Owned by the caller. */
static char *comma_safe(const char *path)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	for (; *path; path++) {
		buf_addc(&b, *path);
		if (*path == ',')
			buf_addc(&b, ',');
	}
	return buf_take(&b);
}

static void add_drive(struct argv *a, const char *options, const char *path)
{
	_cleanup_free_ char *safe = comma_safe(path);

	addf(a, "-drive", "%s,file=%s", options, safe ? safe : "");
	a->oom |= !safe;
}

static void add_machine(struct argv *a, const struct vm *vm)
{
	const struct vm_options *o = &vm->options;
	uint64_t memory = o->memory_bytes ? o->memory_bytes : VM_MEMORY_DEFAULT;

	add(a, QEMU_PROGRAM, NULL);
	add(a, "-name", "kiln");
	add(a, "-nodefaults", NULL);
	add(a, "-no-user-config", NULL);
	add(a, "-machine", vm->firmware.smm ? "q35,smm=on" : "q35");
	add(a, "-accel", accel_name(vm->accel));
	/* Under emulation the plain qemu64 is by far the fastest CPU: richer ones run slower
	 * code. */
	if (vm->accel == ACCEL_KVM)
		add(a, "-cpu", "host");
	addf(a, "-smp", "%" PRIu64, o->cpus ? o->cpus : 1);
	addf(a, "-m", "%" PRIu64 "M", memory >> 20);
	add(a, "-display", "none");
	if (o->rtc)
		addf(a, "-rtc", "base=%s", o->rtc);
	if (vm->firmware.smm)
		add(a, "-global", "driver=cfi.pflash01,property=secure,value=on");
	add_drive(a, "if=pflash,unit=0,format=raw,readonly=on", vm->firmware.code);
	add_drive(a, "if=pflash,unit=1,format=raw", vm->vars);
}

static void add_plain_disk(struct argv *a, const struct vm *vm)
{
	const char *cache = vm->options.cache ? vm->options.cache : "writeback";
	_cleanup_free_ char *drive =
		str_printf("if=none,id=disk,format=%s,cache=%s,discard=unmap",
			   image_format_name(vm->disk_format), cache);

	a->oom |= !drive;
	add_drive(a, drive ? drive : "", vm->disk);
}

static void json_file(struct json *j, const char *key, const char *path)
{
	json_open(j, key, '{');
	json_str(j, "driver", "file");
	json_str(j, "filename", path);
	json_close(j);
}

static void json_read_errors(struct json *j, const struct vm_options *o)
{
	json_open(j, "inject-error", '[');
	for (unsigned i = 0; i < o->n_read_errors; i++) {
		json_open(j, NULL, '{');
		json_str(j, "event", "none");
		json_str(j, "iotype", "read");
		json_u64(j, "sector", o->read_error_bytes[i] / 512);
		json_close(j);
	}
	json_close(j);
}

/*
 * A raw disk seen through filters: one that fails reads of some sectors, one that logs every
 * write; either may be left out. From the outside in: log, errors, raw, file.
 */
static void add_filtered_disk(struct argv *a, const struct vm *vm)
{
	const struct vm_options *o = &vm->options;
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	json_open(&j, NULL, '{');
	json_str(&j, "node-name", "disk");
	if (o->write_log) {
		json_str(&j, "driver", "blklogwrites");
		json_file(&j, "log", o->write_log);
		json_u64(&j, "log-super-update-interval", 1);
		json_open(&j, "file", '{');
	}
	if (o->n_read_errors) {
		json_str(&j, "driver", "blkdebug");
		json_read_errors(&j, o);
		json_open(&j, "image", '{');
	}
	json_str(&j, "driver", "raw");
	json_file(&j, "file", vm->disk);
	if (o->n_read_errors)
		json_close(&j);
	if (o->write_log)
		json_close(&j);
	json_close(&j);
	a->oom |= !buf_ok(&b);
	add(a, "-blockdev", b.data ? b.data : "");
}

/* A disk on the machine's bus; @more: further properties, each with its comma. */
static void add_disk_device(struct argv *a, const struct vm *vm, const char *drive,
			    uint32_t sector_bytes, const char *more)
{
	const char *bus = vm->options.bus ? vm->options.bus : "virtio";
	const char *kind = !strcmp(bus, "nvme") ? "nvme,serial=kiln-%s,drive=%s" :
			   !strcmp(bus, "ahci") ? "ide-hd,serial=kiln-%s,drive=%s" :
						  "virtio-blk-pci,serial=kiln-%s,drive=%s";
	char device[128], sectors[80] = "";

	snprintf(device, sizeof(device), kind, drive, drive);
	if (sector_bytes > 512)
		snprintf(sectors, sizeof(sectors),
			 ",logical_block_size=%" PRIu32 ",physical_block_size=%" PRIu32,
			 sector_bytes, sector_bytes);
	addf(a, "-device", "%s%s%s", device, sectors, more);
}

static void add_second_disk(struct argv *a, const struct vm *vm)
{
	const bool ahci = vm->options.bus && !strcmp(vm->options.bus, "ahci");

	if (!vm->second)
		return;
	add_drive(a, "if=none,id=second,format=raw,discard=unmap", vm->second);
	add_disk_device(a, vm, "second", vm->options.second_sector_bytes, ahci ? ",bus=ide.1" : "");
}

static void add_devices(struct argv *a, const struct vm *vm)
{
	const bool ahci = vm->options.bus && !strcmp(vm->options.bus, "ahci");

	if (vm->options.write_log || vm->options.n_read_errors)
		add_filtered_disk(a, vm);
	else
		add_plain_disk(a, vm);
	add_disk_device(a, vm, "disk", vm->options.sector_bytes,
			ahci ? ",bootindex=1,bus=ide.0" : ",bootindex=1");
	add_second_disk(a, vm);
	/* Port 0: the kernel picks a free one, so that two machines never fight for it. */
	add(a, "-netdev",
	    vm->options.ssh ? "user,id=net,hostfwd=tcp:127.0.0.1:0-:22" : "user,id=net");
	add(a, "-device", "virtio-net-pci,netdev=net,romfile=");
	add(a, "-device", "virtio-rng-pci");
}

static void add_oem_string(struct argv *a, const char *value)
{
	_cleanup_free_ char *safe = comma_safe(value);

	addf(a, "-smbios", "type=11,value=%s", safe ? safe : "");
	a->oom |= !safe;
}

/*
 * The chipset has a TCO timer in any case; a strap decides whether it may reset the machine, and
 * its default depends on QEMU's version.
 */
static void add_watchdog(struct argv *a, const struct vm *vm)
{
	const char *kind = vm->options.watchdog ? vm->options.watchdog : "i6300esb";

	add(a, "-global",
	    !strcmp(kind, "itco") ? "ICH9-LPC.noreboot=off" : "ICH9-LPC.noreboot=on");
	if (!strcmp(kind, "i6300esb"))
		add(a, "-device", "i6300esb");
	add(a, "-action", "watchdog=reset");
}

static int add_credential(struct argv *a, const struct vm *vm, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	int r;

	if (!vm->key)
		return 0;
	r = ssh_credential(vm->key, &text, err);
	if (r < 0)
		return r;
	add_oem_string(a, text);
	return 0;
}

static void exec_qemu(char **argv, const struct cables *c)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* A terminal's Ctrl-C is for the person's shell or for us, never for QEMU. */
	setsid();
	signal(SIGPIPE, SIG_DFL);
	dup2(c->typed[1], 0);
	dup2(c->serial[1], 1);
	dup2(c->errors, 2);
	fcntl(c->qmp[1], F_SETFD, 0);
	execvp(argv[0], argv);
	dprintf(2, "cannot run %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static void on_qmp_event(void *arg, const char *name)
{
	struct vm *vm = arg;

	if (!strcmp(name, "RESET")) {
		vm->resets++;
		timeline_start(&vm->timeline, clock_now_ms());
	}
}

static void cables_done(struct cables *c)
{
	const int fds[] = { c->serial[0], c->serial[1], c->typed[0], c->typed[1],
			    c->qmp[0],	  c->qmp[1],	c->errors };

	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static int make_cables(struct cables *c, struct err *err)
{
	if (pipe2(c->serial, O_CLOEXEC) < 0)
		return err_errno(err, -errno, "cannot make a pipe");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, c->typed) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, c->qmp) < 0)
		return err_errno(err, -errno, "cannot make a socket pair");
	(void)fcntl(c->serial[0], F_SETPIPE_SZ, SERIAL_PIPE_BYTES);
	(void)fcntl(c->serial[0], F_SETFL, O_NONBLOCK);
	c->errors = memfd_create("qemu-stderr", MFD_CLOEXEC);
	return c->errors < 0 ? err_errno(err, -errno, "memfd_create") : 0;
}

static int launch(struct vm *vm, struct argv *a, struct err *err)
{
	_cleanup_(cables_done) struct cables c = { { -1, -1 }, { -1, -1 }, { -1, -1 }, -1 };
	int r = make_cables(&c, err);
	pid_t pid;

	if (r < 0)
		return r;
	add(a, "-chardev", "stdio,id=serial,signal=off");
	add(a, "-serial", "chardev:serial");
	addf(a, "-chardev", "socket,id=qmp,fd=%d", c.qmp[1]);
	add(a, "-mon", "chardev=qmp,mode=control");
	if (a->oom)
		return err_oom(err);
	timeline_start(&vm->timeline, clock_now_ms());
	pid = fork();
	if (pid < 0)
		return err_errno(err, -errno, "fork");
	if (pid == 0)
		exec_qemu(a->item, &c);
	vm->pid = pid;
	vm->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	vm->serial_fd = TAKE_FD(c.serial[0]);
	vm->typed_fd = TAKE_FD(c.typed[0]);
	vm->qmp_fd = TAKE_FD(c.qmp[0]);
	vm->stderr_fd = TAKE_FD(c.errors);
	qmp_init(&vm->qmp, vm->qmp_fd, on_qmp_event, vm);
	return 0;
}

int vm_power_on(struct vm *vm, struct err *err)
{
	_cleanup_(argv_done) struct argv a = { 0 };
	int r;

	if (vm->pid)
		return err_set(err, -EALREADY, "the machine is running already");
	if (vm->stderr_fd >= 0)
		close(vm->stderr_fd);
	vm->stderr_fd = -1;
	add_machine(&a, vm);
	add_devices(&a, vm);
	for (unsigned i = 0; i < vm->options.n_smbios; i++)
		add_oem_string(&a, vm->options.smbios[i]);
	add_watchdog(&a, vm);
	r = add_credential(&a, vm, err);
	if (r < 0)
		return r;
	return launch(vm, &a, err);
}

static void close_cables(struct vm *vm)
{
	int *fds[] = { &vm->serial_fd, &vm->typed_fd, &vm->qmp_fd, &vm->pidfd };

	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

/* Take serial bytes. 1 when there were some, 0 at the end, a negative errno. */
static int read_serial(struct vm *vm, struct err *err)
{
	char chunk[16384];
	ssize_t n = read(vm->serial_fd, chunk, sizeof(chunk));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 1;
	if (n <= 0)
		return 0;
	if (vm->log_fd >= 0 && io_write_all(vm->log_fd, chunk, (size_t)n) < 0)
		return err_errno(err, -EIO, "cannot write the serial log");
	if (vm->tap)
		vm->tap(vm->tap_arg, chunk, (size_t)n);
	if (serial_feed(&vm->serial, chunk, (size_t)n, clock_now_ms()) < 0)
		return err_oom(err);
	return 1;
}

/* QEMU has closed its side: take what is left, then its status. */
static int reap(struct vm *vm, struct err *err)
{
	int r = 1;

	while (r > 0 && vm->serial_fd >= 0) {
		struct pollfd p = { .fd = vm->serial_fd, .events = POLLIN };

		if (poll(&p, 1, 0) <= 0)
			break;
		r = read_serial(vm, err);
	}
	while (waitpid(vm->pid, &vm->wait_status, 0) < 0 && errno == EINTR)
		;
	vm->pid = 0;
	timeline_stop(&vm->timeline, clock_now_ms(), TIMELINE_OFF);
	close_cables(vm);
	return r < 0 ? r : VM_OFF;
}

int vm_pump(struct vm *vm, int extra_fd, uint64_t deadline_ms, struct err *err)
{
	struct pollfd f[4] = {
		{ .fd = vm->serial_fd, .events = POLLIN },
		{ .fd = vm->qmp_fd, .events = POLLIN },
		{ .fd = vm->pidfd, .events = POLLIN },
		{ .fd = extra_fd, .events = POLLIN },
	};
	int r = 1;

	if (!vm->pid)
		return VM_OFF;
	if (poll(f, 4, clock_left_ms(deadline_ms)) < 0)
		return errno == EINTR ? VM_ACTIVITY : err_errno(err, -errno, "poll");
	/* Reset events before the text: what the next boot says belongs to the next boot. */
	if (f[1].revents)
		r = qmp_read(&vm->qmp, err);
	if (r < 0 && r != -EPIPE)
		return r;
	if (r == -EPIPE) {
		close(vm->qmp_fd);
		vm->qmp_fd = -1;
	}
	if (f[0].revents)
		r = read_serial(vm, err);
	if (r < 0 && r != -EPIPE)
		return r;
	if (f[0].revents && r == 0) {
		close(vm->serial_fd);
		vm->serial_fd = -1;
	}
	if (f[2].revents)
		return reap(vm, err);
	if (f[3].revents)
		return VM_EXTRA;
	return f[0].revents || f[1].revents ? VM_ACTIVITY : VM_QUIET;
}

void vm_power_cut(struct vm *vm)
{
	if (!vm->pid)
		return;
	kill(vm->pid, SIGKILL);
	timeline_stop(&vm->timeline, clock_now_ms(), TIMELINE_CUT);
	(void)reap(vm, NULL);
}

int vm_command(struct vm *vm, const char *command, const char *argument_json, struct err *err)
{
	uint64_t deadline = clock_now_ms() + QMP_DEADLINE_MS;
	bool sent = false;

	while (vm->pid) {
		int r;

		if (vm->qmp.greeted && qmp_replied(&vm->qmp)) {
			if (sent)
				return vm->qmp.failed ? err_set(err, -EIO, "QEMU refused %s: %s",
								command, vm->qmp.reply)
						      : 0;
			r = qmp_send(&vm->qmp, command, argument_json, err);
			if (r < 0)
				return r;
			sent = true;
		}
		if (clock_now_ms() >= deadline)
			return err_set(err, -ETIMEDOUT, "QEMU did not answer %s", command);
		r = vm_pump(vm, -1, deadline, err);
		if (r < 0)
			return r;
	}
	return err_set(err, -ESHUTDOWN, "the machine is off");
}

int vm_reset(struct vm *vm, struct err *err)
{
	return vm_command(vm, "system_reset", NULL, err);
}

int vm_power_button(struct vm *vm, struct err *err)
{
	return vm_command(vm, "system_powerdown", NULL, err);
}

int vm_type(struct vm *vm, const void *data, size_t len)
{
	const char *p = data;

	while (len && vm->typed_fd >= 0) {
		ssize_t n = send(vm->typed_fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

void vm_explain_exit(struct vm *vm, struct err *err)
{
	char text[2048];
	ssize_t n = vm->stderr_fd < 0 ? 0 : pread(vm->stderr_fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	while (n > 0 && text[n - 1] == '\n')
		text[--n] = '\0';
	if (WIFSIGNALED(vm->wait_status))
		err_set(err, -EIO, "QEMU was killed by signal %d", WTERMSIG(vm->wait_status));
	else if (WEXITSTATUS(vm->wait_status))
		err_set(err, -EIO, "QEMU ended with status %d", WEXITSTATUS(vm->wait_status));
	else
		err_set(err, -EIO, "the machine switched itself off");
	if (*text)
		err_append(err, ": %s", text);
}
