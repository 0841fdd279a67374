#include "bootloader/initramfs/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bootloader/initramfs/boot.h"
#include "bootloader/initramfs/console.h"
#include "bootloader/initramfs/watchdog.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/core/bytes.h"

#define OUTPUT_MAX 2048u
#define TICK_MS 1000
#define EXIT_NOT_RUN 127
#define EXIT_NO_MEMORY 126

static _Noreturn void child(char *const *argv, int out)
{
	static char *const env[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0 ||
	    chroot(BOOT_SYSROOT) || chdir("/"))
		_exit(EXIT_NOT_RUN);
	execve(argv[0], argv, env);
	_exit(errno == ENOMEM ? EXIT_NO_MEMORY : EXIT_NOT_RUN);
}

/* Output so far, of which the first OUTPUT_MAX bytes are kept. */
struct output {
	char text[OUTPUT_MAX];
	size_t len;
};

/* Take what is there. False at the end. */
static bool collect(int fd, struct output *out)
{
	char rest[256];
	bool full = out->len == OUTPUT_MAX - 1;
	ssize_t n = full ? read(fd, rest, sizeof(rest)) :
			   read(fd, out->text + out->len, OUTPUT_MAX - 1 - out->len);

	if (n < 0)
		return errno == EINTR;
	if (!full)
		out->len += (size_t)n;
	return n > 0;
}

uint64_t tool_cpu_ticks(const char *stat)
{
	const char *at = strrchr(stat, ')'); /* the name before may hold anything */
	uint64_t sum = 0, v;

	/* Behind the name: the state is field 0 here, user and system time are 11 and 12. */
	for (unsigned int field = 0; at && field < 14; field++) {
		size_t len;

		at += strcspn(at, " ");
		at += strspn(at, " ");
		len = strcspn(at, " \n");
		if (field < 11 || field > 12)
			continue;
		if (!u64_parse(at, len, &v))
			return 0;
		sum += v;
	}
	return sum;
}

static uint64_t cpu_ticks_of(pid_t pid)
{
	_cleanup_close_ int fd = -1;
	char path[32], stat[1024];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, stat, sizeof(stat) - 1);
	stat[n > 0 ? n : 0] = '\0';
	return tool_cpu_ticks(stat);
}

bool tool_gets_on(struct tool_progress *p, uint64_t cpu_ticks, uint64_t ms)
{
	p->total_ms += ms;
	p->idle_ms = cpu_ticks == p->cpu_ticks ? p->idle_ms + ms : 0;
	p->cpu_ticks = cpu_ticks;
	return p->idle_ms < TOOL_IDLE_MS && p->total_ms < TOOL_LONGEST_S * UINT64_C(1000);
}

/*
 * Until the tool has closed its output: which it does at its end. True then; false when it is to
 * be given up. A check of a large file system may rightly take an hour, but not in silence.
 */
static bool watch(pid_t pid, int fd, struct output *out)
{
	struct tool_progress progress = { 0 };
	uint64_t last = console_now_ms();

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		uint64_t now;

		if (poll(&p, 1, TICK_MS) > 0 && !collect(fd, out))
			return true;
		now = console_now_ms();
		if (now - last < TICK_MS)
			continue;
		if (!tool_gets_on(&progress, cpu_ticks_of(pid), now - last))
			return false;
		last = now;
	}
}

static void say_output(const char *name, struct output *out)
{
	while (out->len && out->text[out->len - 1] == '\n')
		out->len--;
	out->text[out->len] = '\0';
	if (out->len)
		console_line("%s: %s", name, out->text);
}

/* One stuck in the kernel does not die of a signal either: it is not waited for. */
static int give_up(pid_t pid, const char *name, struct err *err)
{
	kill(pid, SIGKILL);
	return err_set(err, -ETIMEDOUT, "%s does not get on", name);
}

static int judge(const char *name, int status, struct err *err)
{
	/* Nobody else is here to send it. */
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return err_set(err, -ENOMEM, "%s was killed: out of memory", name);
	if (!WIFEXITED(status))
		return err_set(err, -ECHILD, "%s died of signal %d", name, WTERMSIG(status));
	if (WEXITSTATUS(status) == EXIT_NOT_RUN)
		return err_set(err, -ENOEXEC, "%s cannot be run", name);
	if (WEXITSTATUS(status) == EXIT_NO_MEMORY)
		return err_set(err, -ENOMEM, "%s cannot be run: out of memory", name);
	return WEXITSTATUS(status);
}

int tool_run(char *const *argv, struct err *err)
{
	struct output out = { .len = 0 };
	int pipefd[2], status;
	bool ended = true;
	pid_t pid;

	if (pipe2(pipefd, O_CLOEXEC))
		return err_errno(err, errno == ENFILE ? -ENOMEM : -errno, "pipe");
	pid = fork();
	if (pid < 0) {
		close(pipefd[0]);
		close(pipefd[1]);
		return err_set(err, -ENOMEM, "%s: no memory for a process", argv[0]);
	}
	if (pid == 0)
		child(argv, pipefd[1]);
	close(pipefd[1]);
	ended = watch(pid, pipefd[0], &out);
	close(pipefd[0]);
	say_output(argv[0], &out);
	if (!ended)
		return give_up(pid, argv[0], err);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_errno(err, -errno, "wait");
	return judge(argv[0], status, err);
}
