/* See proc.h. The child's streams are drained together, so it never blocks on a full pipe. */
#include "lib/base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"

#define PROC_OUTPUT_MAX (16u << 20)
#define PROC_TAIL_MAX 2000

extern char **environ;

struct pipes {
	int in[2], out[2], errs[2], fail[2];
};

static void pipe_done(int p[2])
{
	for (int i = 0; i < 2; i++)
		if (p[i] >= 0)
			close(p[i]);
}

static void pipes_done(struct pipes *p)
{
	pipe_done(p->in);
	pipe_done(p->out);
	pipe_done(p->errs);
	pipe_done(p->fail);
}

static void close_end(int *fd)
{
	close(*fd);
	*fd = -1;
}

static void child(char *const *argv, const struct proc_options *o, struct pipes *p)
{
	int e, null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ssize_t ignored;

	dup2(o->input ? p->in[0] : null, 0);
	dup2(o->output ? p->out[1] : 2, 1);
	dup2(p->errs[1], 2);
	signal(SIGPIPE, SIG_DFL);
	if (!o->cwd || chdir(o->cwd) == 0) {
		environ = o->env ? (char **)o->env : environ;
		execvp(argv[0], argv);
	}
	e = errno;
	ignored = write(p->fail[1], &e, sizeof(e));
	(void)ignored;
	_exit(127);
}

static void take(int *fd, struct buf *b, size_t max)
{
	char chunk[65536];
	ssize_t n = read(*fd, chunk, sizeof(chunk));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		close_end(fd);
		return;
	}
	if (b && b->len + (size_t)n <= max)
		buf_add(b, chunk, (size_t)n);
}

static void drain(struct pipes *p, const struct proc_options *o, struct buf *errs)
{
	size_t sent = 0, max = o->output_max ? o->output_max : PROC_OUTPUT_MAX;

	if (p->in[1] >= 0)
		fcntl(p->in[1], F_SETFL, O_NONBLOCK);
	while (p->out[0] >= 0 || p->errs[0] >= 0 || p->in[1] >= 0) {
		struct pollfd f[3] = {
			{ .fd = p->out[0], .events = POLLIN },
			{ .fd = p->errs[0], .events = POLLIN },
			{ .fd = p->in[1], .events = POLLOUT },
		};

		if (poll(f, 3, -1) < 0 && errno != EINTR)
			return;
		if (f[0].revents)
			take(&p->out[0], o->output, max);
		if (f[1].revents)
			take(&p->errs[0], errs, max);
		if (f[2].revents) {
			ssize_t n = write(p->in[1], o->input + sent, o->input_len - sent);

			if (n > 0)
				sent += (size_t)n;
			if ((n < 0 && errno != EAGAIN && errno != EINTR) || sent == o->input_len)
				close_end(&p->in[1]);
		}
	}
}

static const char *tail(struct buf *errs)
{
	while (errs->len && errs->data[errs->len - 1] == '\n')
		errs->data[--errs->len] = '\0';
	if (!errs->len)
		return "it said nothing";
	return errs->len > PROC_TAIL_MAX ? errs->data + errs->len - PROC_TAIL_MAX : errs->data;
}

static int verdict(const char *name, int status, int exec_errno, struct buf *errs, struct err *err)
{
	if (exec_errno == ENOENT)
		return err_set(err, -ENOENT, "the program '%s' is not installed", name);
	if (exec_errno)
		return err_errno(err, -exec_errno, "cannot run '%s'", name);
	if (WIFSIGNALED(status))
		return err_set(err, -ECHILD, "%s was killed by signal %d (%s)", name,
			       WTERMSIG(status), strsignal(WTERMSIG(status)));
	if (WEXITSTATUS(status))
		return err_set(err, WEXITSTATUS(status), "%s failed (exit %d): %s", name,
			       WEXITSTATUS(status), tail(errs));
	return 0;
}

int proc_run(char *const *argv, const struct proc_options *opts, struct err *err)
{
	static const struct proc_options none;
	const struct proc_options *o = opts ? opts : &none;
	struct pipes p = { { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 } };
	_cleanup_buf_ struct buf own = BUF_INIT;
	struct buf *errs = o->errors ? o->errors : &own;
	int status = 0, exec_errno = 0, r;
	struct sigaction ignore = { .sa_handler = SIG_IGN }, before;
	pid_t pid;

	if ((o->input && pipe2(p.in, O_CLOEXEC) < 0) ||
	    (o->output && pipe2(p.out, O_CLOEXEC) < 0) ||
	    pipe2(p.errs, O_CLOEXEC) < 0 || pipe2(p.fail, O_CLOEXEC) < 0) {
		r = -errno;
		pipes_done(&p);
		return err_errno(err, r, "cannot run '%s'", argv[0]);
	}
	pid = fork();
	if (pid < 0) {
		r = -errno;
		pipes_done(&p);
		return err_errno(err, r, "cannot run '%s'", argv[0]);
	}
	if (pid == 0)
		child(argv, o, &p);
	if (p.in[0] >= 0)
		close_end(&p.in[0]);
	if (p.out[1] >= 0)
		close_end(&p.out[1]);
	close_end(&p.errs[1]);
	close_end(&p.fail[1]);
	sigaction(SIGPIPE, &ignore, &before);
	drain(&p, o, errs);
	sigaction(SIGPIPE, &before, NULL);
	if (read(p.fail[0], &exec_errno, sizeof(exec_errno)) != sizeof(exec_errno))
		exec_errno = 0;
	pipes_done(&p);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return verdict(argv[0], status, exec_errno, errs, err);
}

bool proc_exists(const char *name)
{
	const char *path = getenv("PATH");
	_cleanup_free_ char *copy = strdup(path ? path : "/usr/sbin:/usr/bin:/sbin:/bin");
	char *save = NULL;

	for (char *d = copy ? strtok_r(copy, ":", &save) : NULL; d;
	     d = strtok_r(NULL, ":", &save)) {
		_cleanup_free_ char *full = str_printf("%s/%s", d, name);

		if (full && access(full, X_OK) == 0)
			return true;
	}
	return false;
}
