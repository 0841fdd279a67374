#include "bootloader/initramfs/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bootloader/initramfs/boot.h"
#include "bootloader/initramfs/console.h"
#include "bootloader/initramfs/watchdog.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"

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

/* Until the tool has closed its output, which it does at its end. */
static void watch(const struct boot *b, int fd, struct output *out)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (poll(&p, 1, TICK_MS) > 0 && !collect(fd, out))
			return;
		watchdog_pet(b);
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

int tool_run(const struct boot *b, char *const *argv, struct err *err)
{
	struct output out = { .len = 0 };
	int pipefd[2], status;
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
	watch(b, pipefd[0], &out);
	close(pipefd[0]);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_errno(err, -errno, "wait");
	say_output(argv[0], &out);
	return judge(argv[0], status, err);
}
