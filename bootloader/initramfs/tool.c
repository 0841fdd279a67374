#include "bootloader/initramfs/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bootloader/initramfs/boot.h"
#include "bootloader/initramfs/console.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"

#define OUTPUT_MAX 2048u
#define EXIT_NOT_RUN 127

static _Noreturn void child(char *const *argv, int out)
{
	static char *const env[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0 ||
	    chroot(BOOT_SYSROOT) || chdir("/"))
		_exit(EXIT_NOT_RUN);
	execve(argv[0], argv, env);
	_exit(EXIT_NOT_RUN);
}

/* Keep the first OUTPUT_MAX bytes of what the tool says, read on to its end. */
static void collect(int fd, char *text)
{
	size_t len = 0;
	char rest[256];

	for (;;) {
		bool full = len == OUTPUT_MAX - 1;
		ssize_t n = full ? read(fd, rest, sizeof(rest)) :
				   read(fd, text + len, OUTPUT_MAX - 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		if (!full)
			len += (size_t)n;
	}
	while (len && text[len - 1] == '\n')
		len--;
	text[len] = 0;
}

int tool_run(char *const *argv, struct err *err)
{
	char text[OUTPUT_MAX];
	int pipefd[2], status;
	pid_t pid;

	if (pipe2(pipefd, O_CLOEXEC))
		return err_errno(err, -errno, "pipe");
	pid = fork();
	if (pid == 0)
		child(argv, pipefd[1]);
	close(pipefd[1]);
	if (pid > 0)
		collect(pipefd[0], text);
	close(pipefd[0]);
	if (pid < 0)
		return err_errno(err, -EAGAIN, "fork");
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_errno(err, -errno, "wait");
	if (text[0])
		console_line("%s: %s", argv[0], text);
	if (!WIFEXITED(status))
		return err_set(err, -ECHILD, "%s died of signal %d", argv[0], WTERMSIG(status));
	if (WEXITSTATUS(status) == EXIT_NOT_RUN)
		return err_set(err, -ENOEXEC, "%s cannot be run", argv[0]);
	return WEXITSTATUS(status);
}
