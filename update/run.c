/* See run.h. */
#include "update/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"

#define POLL_MS 10

int64_t run_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void child(char *const *argv, int out)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	setpgid(0, 0);
	signal(SIGPIPE, SIG_DFL);
	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(127);
	execvp(argv[0], argv);
	dprintf(STDERR_FILENO, "cannot be run: %s\n", strerror(errno));
	_exit(127);
}

/* Take what is there; false at the end of the stream. */
static bool drain(int fd, struct buf *out)
{
	char chunk[4096];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		if (out->len + (size_t)n <= RUN_OUTPUT_MAX)
			buf_add(out, chunk, (size_t)n);
	return n < 0;
}

static int exit_status(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

static void kill_all(pid_t pid)
{
	int status;

	kill(-pid, SIGKILL);
	kill(pid, SIGKILL); /* in case it had not yet made its group */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
}

static int supervise(pid_t pid, int fd, int64_t deadline_ms, const volatile sig_atomic_t *stop,
		     struct buf *out)
{
	bool open_stream = true;
	int status;

	for (;;) {
		struct pollfd p = { .fd = open_stream ? fd : -1, .events = POLLIN };
		pid_t r;

		poll(&p, 1, POLL_MS);
		if (open_stream)
			open_stream = drain(fd, out);
		r = waitpid(pid, &status, WNOHANG);
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r == pid)
			break;
		if (run_now_ms() < deadline_ms && !(stop && *stop))
			continue;
		kill_all(pid);
		drain(fd, out);
		return stop && *stop ? -EINTR : -ETIMEDOUT;
	}
	/* What it left running may hold the pipe; it is not waited for. */
	drain(fd, out);
	return exit_status(status);
}

int run_until(char *const *argv, int64_t deadline_ms, struct buf *out)
{
	return run_until_stopped(argv, deadline_ms, NULL, out);
}

int run_until_stopped(char *const *argv, int64_t deadline_ms, const volatile sig_atomic_t *stop,
		      struct buf *out)
{
	_cleanup_close_ int rd = -1;
	int p[2];
	pid_t pid;

	if (pipe2(p, O_CLOEXEC))
		return -errno;
	rd = p[0];
	pid = fork();
	if (pid == 0)
		child(argv, p[1]);
	close(p[1]);
	if (pid < 0)
		return -errno;
	fcntl(rd, F_SETFL, O_NONBLOCK);
	return supervise(pid, rd, deadline_ms, stop, out);
}
