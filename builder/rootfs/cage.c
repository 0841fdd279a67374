/* See cage.h. Every mount point is opened inside the tree first, so a link planted there
 * by a package cannot move a mount elsewhere. */
#include "builder/rootfs/cage.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"

extern char **environ;

#define CAGE_ENV_MAX 32
#define CAGE_PATH "/usr/sbin:/usr/bin:/sbin:/bin"
#define CAGE_FILE_MAX_BYTES (64u << 20)

/* ---- mounts, made by process 1 of the cage ------------------------------------ */

static const char *const dev_nodes[] = { "null", "zero", "full", "random", "urandom", "tty" };

static const struct {
	const char *name, *target;
} dev_links[] = {
	{ "fd", "/proc/self/fd" },	 { "stdin", "/proc/self/fd/0" },
	{ "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" },
	{ "ptmx", "pts/ptmx" },
};

/* Of /proc: what would show or change the machine. */
static const char *const proc_readonly[] = { "sys", "sysrq-trigger", "irq", "bus", "fs", "acpi" };
static const char *const proc_hidden[] = { "kcore",	  "keys",	 "kmsg",    "latency_stats",
					   "timer_list", "sched_debug", "kallsyms" };

/* "/proc/self/fd/N" of @name in the tree, made as a directory if it is missing. */
static int open_mount_point(int root, const char *name, char path[32])
{
	int fd = path_open_in_root(root, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);

	if (fd == -ENOENT && mkdirat(root, name, 0755) == 0)
		fd = path_open_in_root(root, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
	if (fd >= 0)
		snprintf(path, 32, "/proc/self/fd/%d", fd);
	return fd;
}

static int mount_fresh(int root, const char *name, const char *type, unsigned long flags,
		       const char *options)
{
	char path[32];
	_cleanup_close_ int fd = open_mount_point(root, name, path);

	if (fd < 0)
		return fd;
	return mount(type, path, type, flags, options) < 0 ? -errno : 0;
}

/* Bind the host file @source over @name, which is made inside one of our own tmpfs. */
static int bind_file(int root, const char *source, const char *name, unsigned long flags)
{
	char path[32];
	_cleanup_close_ int fd =
		path_open_in_root(root, name, O_RDONLY | O_CREAT | O_NOFOLLOW, 0644);

	if (fd < 0)
		return fd;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (mount(source, path, NULL, MS_BIND, NULL) < 0)
		return -errno;
	if (flags) {
		_cleanup_close_ int top = path_open_in_root(root, name, O_PATH, 0);

		snprintf(path, sizeof(path), "/proc/self/fd/%d", top);
		if (mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | flags, NULL) < 0)
			return -errno;
	}
	return 0;
}

static int mount_dev(int root)
{
	char host[32], name[32];
	int r = mount_fresh(root, "dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=0755,size=1m");

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(dev_nodes); i++) {
		snprintf(host, sizeof(host), "/dev/%s", dev_nodes[i]);
		r = bind_file(root, host, host + 1, 0);
	}
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(dev_links); i++) {
		snprintf(name, sizeof(name), "dev/%s", dev_links[i].name);
		r = symlinkat(dev_links[i].target, root, name) < 0 ? -errno : 0;
	}
	if (r == 0 && (mkdirat(root, "dev/pts", 0755) < 0 || mkdirat(root, "dev/shm", 01777) < 0))
		r = -errno;
	if (r == 0)
		r = mount_fresh(root, "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
				"newinstance,ptmxmode=0666,mode=0620,gid=5");
	if (r == 0)
		r = mount_fresh(root, "dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
	return r;
}

static int mount_proc(int root)
{
	char path[32], name[64];
	int r = mount_fresh(root, "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(proc_readonly); i++) {
		_cleanup_close_ int fd = -1, top = -1;

		snprintf(name, sizeof(name), "proc/%s", proc_readonly[i]);
		fd = path_open_in_root(root, name, O_PATH | O_NOFOLLOW, 0);
		if (fd < 0)
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (mount(path, path, NULL, MS_BIND, NULL) < 0)
			return -errno;
		top = path_open_in_root(root, name, O_PATH | O_NOFOLLOW, 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", top);
		if (mount(NULL, path, NULL,
			  MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
			  NULL) < 0)
			return -errno;
	}
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(proc_hidden); i++) {
		_cleanup_close_ int fd = -1;

		snprintf(name, sizeof(name), "proc/%s", proc_hidden[i]);
		fd = path_open_in_root(root, name, O_PATH | O_NOFOLLOW, 0);
		if (fd < 0)
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (mount("/dev/null", path, NULL, MS_BIND, NULL) < 0)
			return -errno;
	}
	return r;
}

static int copy_file(int root, const struct cage_file *f, const char *name)
{
	_cleanup_free_ char *data = NULL;
	_cleanup_close_ int fd = -1;
	size_t len;
	int r = io_read_file(f->source, CAGE_FILE_MAX_BYTES, &data, &len, NULL);

	if (r < 0)
		return r;
	fd = path_open_in_root(root, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fd;
	r = io_write_all(fd, data, len);
	return r < 0 ? r : fchmod(fd, f->mode) < 0 ? -errno : 0;
}

static int mount_files(const struct cage *c, int root)
{
	char name[288];
	int r = mkdirat(root, "run/kiln", 0755) < 0 ? -errno : 0;

	for (size_t i = 0; r == 0 && i < c->n_files; i++) {
		const struct cage_file *f = &c->files[i];

		snprintf(name, sizeof(name), "run/kiln/%s", f->name);
		r = f->mode ? copy_file(root, f, name) :
			      bind_file(root, f->source, name, MS_RDONLY | MS_NOSUID | MS_NODEV);
	}
	return r;
}

/* Enter the tree for good: afterwards nothing of the host is mounted here. */
static int enter(const struct cage *c, struct err *err)
{
	_cleanup_close_ int root = -1;
	int r;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount(c->tree, c->tree, NULL, MS_BIND, NULL) < 0)
		return err_errno(err, -errno, "cannot bind the tree %s", c->tree);
	root = open(c->tree, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_errno(err, -errno, "cannot open the tree %s", c->tree);
	r = mount_dev(root);
	if (r < 0)
		return err_errno(err, r, "cannot set up /dev of the tree");
	r = mount_fresh(root, "run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755");
	if (r == 0)
		r = mount_fresh(root, "tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
	if (r == 0 && c->n_files)
		r = mount_files(c, root);
	if (r < 0)
		return err_errno(err, r, "cannot set up /run and /tmp of the tree");
	r = mount_proc(root);
	if (r < 0)
		return err_errno(err, r,
				 "cannot mount /proc in the tree (a container with a masked "
				 "/proc does not allow it)");
	if (fchdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return err_errno(err, -errno, "cannot make the tree the root directory");
	return 0;
}

/* ---- the processes -------------------------------------------------------------- */

/* The whole environment: nothing of the host's comes through. */
static size_t make_env(const struct cage *c, char *epoch, size_t epoch_size, char **env)
{
	static char *const fixed[] = {
		"PATH=" CAGE_PATH,
		"HOME=/root",
		"USER=root",
		"LOGNAME=root",
		"SHELL=/bin/sh",
		"TERM=dumb",
		"TZ=UTC",
		"LC_ALL=C.UTF-8",
		"DEBIAN_FRONTEND=noninteractive",
		"DEBCONF_NONINTERACTIVE_SEEN=true",
		"DEBCONF_NOWARNINGS=yes",
		"INITRD=No",
		"SYSTEMD_OFFLINE=1",
		"SYSTEMD_IN_CHROOT=1",
		"KERNEL_INSTALL_BYPASS=1",
		"PYTHONHASHSEED=0",
		"PERL_HASH_SEED=0",
	};
	size_t n = 0;

	for (; n < ARRAY_SIZE(fixed); n++)
		env[n] = fixed[n];
	snprintf(epoch, epoch_size, "SOURCE_DATE_EPOCH=%llu", (unsigned long long)c->epoch_s);
	env[n++] = epoch;
	for (size_t i = 0; c->env && c->env[i] && n < CAGE_ENV_MAX - 1; i++)
		env[n++] = c->env[i];
	env[n] = NULL;
	return n;
}

static void report(int fd, int rc, const struct err *err)
{
	io_write_all(fd, &rc, sizeof(rc));
	io_write_all(fd, err->text, strlen(err->text));
}

static _Noreturn void command(const struct cage *c, char *const *argv, int fail_fd)
{
	char *env[CAGE_ENV_MAX], epoch[48];
	sigset_t none;
	struct err err;
	int r;

	err_init(&err);
	make_env(c, epoch, sizeof(epoch), env);
	umask(022);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setsid();
	r = cage_lock_down();
	if (r < 0) {
		err_errno(&err, r, "cannot give up privileges");
	} else {
		environ = env;
		execvp(argv[0], argv);
		r = -errno;
		err_errno(&err, r, "cannot run %s in the tree", argv[0]);
	}
	report(fail_fd, r, &err);
	_exit(127);
}

/* Process 1: mounts, starts the command, reaps whatever is handed to it. */
static _Noreturn void cage_init(const struct cage *c, char *const *argv, int out_fd, int fail_fd)
{
	struct err err;
	int status, r, null;
	pid_t pid, gone;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	err_init(&err);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	dup2(null, 0);
	dup2(out_fd, 1);
	dup2(out_fd, 2);
	r = enter(c, &err);
	if (r < 0) {
		report(fail_fd, r, &err);
		_exit(127);
	}
	pid = fork();
	if (pid == 0)
		command(c, argv, fail_fd);
	close(fail_fd);
	while ((gone = waitpid(-1, &status, 0)) != pid)
		if (gone < 0 && errno != EINTR)
			_exit(127);
	_exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

/* Unshares (which only affects children) and waits for process 1. */
static _Noreturn void cage_outer(const struct cage *c, char *const *argv, int out_fd, int fail_fd)
{
	struct err err;
	int status;
	pid_t pid;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	err_init(&err);
	if (unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC) < 0) {
		report(fail_fd, -errno, (err_errno(&err, -errno, "unshare"), &err));
		_exit(127);
	}
	pid = fork();
	if (pid == 0)
		cage_init(c, argv, out_fd, fail_fd);
	close(fail_fd);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		_exit(127);
	_exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

/* Hand whole lines to the listener; @line keeps what is not whole yet. */
static void tell(const struct cage *c, struct buf *line, const char *data, size_t len)
{
	for (size_t i = 0; c->on_line && i < len; i++) {
		if (data[i] != '\n') {
			if (line->len < 512)
				buf_addc(line, data[i]);
			continue;
		}
		c->on_line(c->on_line_arg, line->data ?: "");
		line->len = 0;
		if (line->data)
			line->data[0] = '\0';
	}
}

/* Copy what the command says to the log, keeping the end of it. */
static void drain(const struct cage *c, int fd, struct buf *tail)
{
	_cleanup_buf_ struct buf line = BUF_INIT;
	char chunk[16384];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0) {
			if (errno == EINTR)
				continue;
			return;
		}
		if (c->log_fd >= 0)
			io_write_all(c->log_fd, chunk, (size_t)n);
		if (c->verbose)
			io_write_all(2, chunk, (size_t)n);
		tell(c, &line, chunk, (size_t)n);
		buf_add(tail, chunk, (size_t)n);
		if (tail->len > 8 * CAGE_TAIL_MAX_BYTES) {
			memmove(tail->data, tail->data + tail->len - CAGE_TAIL_MAX_BYTES,
				CAGE_TAIL_MAX_BYTES + 1);
			tail->len = CAGE_TAIL_MAX_BYTES;
		}
	}
}

/* The last whole lines of @tail that fit the error text. */
static const char *last_lines(struct buf *tail)
{
	char *p, *nl;

	while (tail->len && (tail->data[tail->len - 1] == '\n'))
		tail->data[--tail->len] = '\0';
	if (!tail->len)
		return "(it said nothing)";
	if (tail->len <= CAGE_TAIL_MAX_BYTES)
		return tail->data;
	p = tail->data + tail->len - CAGE_TAIL_MAX_BYTES;
	nl = strchr(p, '\n');
	return nl ? nl + 1 : p;
}

static int outcome(int status, int fail_fd, const char *what, struct buf *tail, struct err *err)
{
	char text[4096];
	int rc, code;
	ssize_t n;

	if (io_read_all(fail_fd, &rc, sizeof(rc)) == 0) {
		n = read(fail_fd, text, sizeof(text) - 1);
		text[n > 0 ? n : 0] = '\0';
		return err_set(err, rc, "%s: %s", what, text);
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	if (code > 128 && code < 128 + NSIG) {
		return err_set(err, -ECHILD, "%s was killed by signal %d:\n%s", what, code - 128,
			       last_lines(tail));
	}
	return err_set(err, code, "%s failed (exit %d):\n%s", what, code, last_lines(tail));
}

int cage_run(const struct cage *c, char *const *argv, const char *what, struct err *err)
{
	_cleanup_buf_ struct buf tail = BUF_INIT;
	int out[2] = { -1, -1 }, fail[2] = { -1, -1 }, status = 0, r;
	pid_t pid;

	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(fail, O_CLOEXEC) < 0)
		return err_errno(err, -errno, "pipe");
	pid = fork();
	if (pid == 0) {
		close(out[0]);
		close(fail[0]);
		cage_outer(c, argv, out[1], fail[1]);
	}
	close(out[1]);
	close(fail[1]);
	if (pid < 0)
		return err_errno(err, -errno, "fork");
	drain(c, out[0], &tail);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	r = outcome(status, fail[0], what, &tail, err);
	close(out[0]);
	close(fail[0]);
	return r;
}
