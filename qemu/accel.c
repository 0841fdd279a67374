/* See accel.h. */
#include "qemu/accel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/atomic_file.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"
#include "qemu/accel_guest.h"

#define QEMU_PROGRAM "qemu-system-x86_64"
#define ROM_BYTES 65536
#define EXIT_STATUS ((ACCEL_GUEST_SAYS << 1) | 1) /* how isa-debug-exit reports it */

/* The ROM as an anonymous file that the child inherits; an fd or a negative errno. */
static int rom_fd(void)
{
	_cleanup_close_ int fd = memfd_create("kiln-probe", 0);
	int r;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, ROM_BYTES) < 0)
		return -errno;
	r = io_pwrite_all(fd, accel_guest, ACCEL_GUEST_BYTES, ROM_BYTES - ACCEL_GUEST_BYTES);
	return r < 0 ? r : TAKE_FD(fd);
}

static void exec_guest(const char *accel, int rom)
{
	char path[32];
	int null = open("/dev/null", O_RDWR);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", rom);
	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	execlp(QEMU_PROGRAM, QEMU_PROGRAM, "-nodefaults", "-no-user-config", "-machine", "q35",
	       "-accel", accel, "-m", "16", "-display", "none", "-bios", path, "-device",
	       "isa-debug-exit,iobase=0xf4,iosize=1", (char *)NULL);
	_exit(127);
}

int accel_probe(const char *accel, unsigned deadline_ms)
{
	_cleanup_close_ int rom = rom_fd(), pidfd = -1;
	struct pollfd p = { .events = POLLIN };
	int status, r;
	pid_t pid;

	if (rom < 0)
		return rom;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		exec_guest(accel, rom);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	p.fd = pidfd;
	do
		r = pidfd < 0 ? 0 : poll(&p, 1, (int)deadline_ms);
	while (r < 0 && errno == EINTR);
	if (r <= 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r <= 0)
		return -ETIMEDOUT;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return -ENOENT;
	return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_STATUS ? 0 : -EIO;
}

/* "$XDG_RUNTIME_DIR/kiln/accel-BOOTID"; NULL when there is no such directory to trust. */
static char *verdict_path(void)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");
	_cleanup_free_ char *id = NULL, *mine = NULL;
	struct stat st;

	if (!dir || *dir != '/' || stat(dir, &st) < 0 || st.st_uid != geteuid())
		return NULL;
	if (io_read_file("/proc/sys/kernel/random/boot_id", 128, &id, NULL, NULL) < 0)
		return NULL;
	id[strcspn(id, "\n")] = '\0';
	mine = path_join(dir, "kiln");
	if (!mine || path_mkdirs(mine) < 0)
		return NULL;
	return str_printf("%s/accel-%s", mine, id);
}

static const char *reason(int r)
{
	switch (r) {
	case 0:
		return NULL;
	case -ETIMEDOUT:
		return "KVM opens but hangs a guest";
	default:
		return "KVM cannot run a guest here";
	}
}

/* The probe under KVM, or what it said earlier. */
static int remembered_probe(bool *ret_remembered)
{
	_cleanup_free_ char *path = verdict_path(), *text = NULL;
	int r;

	*ret_remembered = false;
	if (path && io_read_file(path, 16, &text, NULL, NULL) == 0 &&
	    (!strcmp(text, "kvm\n") || !strcmp(text, "tcg\n"))) {
		*ret_remembered = true;
		return *text == 'k' ? 0 : -EIO;
	}
	r = accel_probe("kvm", ACCEL_PROBE_MS);
	/* Best effort: without the note the next run probes again. */
	if (path && r != -ENOENT)
		(void)atomic_file_write(path, r == 0 ? "kvm\n" : "tcg\n", 4, 0600, NULL);
	return r;
}

int accel_choose(const char *wish, enum accel *ret, const char **ret_why, struct err *err)
{
	bool remembered = false;
	int r;

	if (wish && strcmp(wish, "auto") && strcmp(wish, "kvm") && strcmp(wish, "tcg"))
		return err_set(err, -EINVAL, "unknown accelerator '%s': auto, kvm or tcg", wish);
	*ret_why = NULL;
	*ret = ACCEL_TCG;
	if (wish && !strcmp(wish, "tcg"))
		return 0;
	if (access("/dev/kvm", R_OK | W_OK) < 0) {
		if (wish && !strcmp(wish, "kvm"))
			return err_errno(err, -errno, "cannot use /dev/kvm");
		*ret_why = errno == EACCES ? "no permission on /dev/kvm" : "no /dev/kvm";
		return 0;
	}
	r = remembered_probe(&remembered);
	if (r == 0)
		*ret = ACCEL_KVM;
	else if (wish && !strcmp(wish, "kvm"))
		return err_set(err, r, "%s; use --accel=tcg",
			       remembered ? "KVM did not run a guest when last tried"
					  : reason(r));
	else if (!remembered)
		*ret_why = reason(r);
	return 0;
}

const char *accel_name(enum accel accel)
{
	return accel == ACCEL_KVM ? "kvm" : "tcg";
}
