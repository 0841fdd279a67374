/*
 * See privileges.h. The filter lists what is refused, not what is allowed: libcurl,
 * OpenSSL and the name services of two releases of Debian live behind it, and which
 * calls these need is theirs to change. What is left to somebody who took over this
 * process is a connection to the network and the bytes it hands its parent.
 */
#include "fetch/privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#error "name this architecture for the filter"
#endif

#define X32_BIT 0x40000000u
#define FILES_MAX 64 /* open at a time */
#define LOW(n) offsetof(struct seccomp_data, args[n]) /* little-endian: the lower half */

#define LOAD(at) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (at))
#define LOAD_CALL LOAD(offsetof(struct seccomp_data, nr))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, (what))
#define REFUSE(error) RETURN(SECCOMP_RET_ERRNO | (error))
#define IF_EQUAL(value, then_skip, else_skip) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (then_skip), (else_skip))
#define NEVER(call) IF_EQUAL(__NR_##call, 0, 1), REFUSE(EPERM)
/* Opened for reading only: the flags are argument @n. */
#define ONLY_READ(call, n)                                                                   \
	IF_EQUAL(__NR_##call, 0, 4), LOAD(LOW(n)),                                           \
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_ACCMODE | O_CREAT | O_TRUNC, 0, 1),   \
		REFUSE(EACCES), LOAD_CALL

static struct sock_filter filter[] = {
	LOAD(offsetof(struct seccomp_data, arch)),
	IF_EQUAL(ARCH, 1, 0),
	RETURN(SECCOMP_RET_KILL_PROCESS),
	LOAD_CALL,
	BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1),
	RETURN(SECCOMP_RET_KILL_PROCESS),
	NEVER(execve), NEVER(execveat), NEVER(ptrace),
	NEVER(process_vm_readv), NEVER(process_vm_writev), NEVER(pidfd_getfd),
	NEVER(mount), NEVER(umount2), NEVER(unshare), NEVER(setns), NEVER(chroot),
	NEVER(bpf), NEVER(perf_event_open), NEVER(userfaultfd), NEVER(io_uring_setup),
	NEVER(add_key), NEVER(request_key), NEVER(keyctl), NEVER(open_by_handle_at),
	NEVER(init_module), NEVER(finit_module), NEVER(kexec_load),
	NEVER(truncate), NEVER(unlinkat), NEVER(renameat2), NEVER(linkat), NEVER(symlinkat),
	NEVER(mkdirat), NEVER(mknodat), NEVER(fchmodat), NEVER(fchownat),
	IF_EQUAL(__NR_openat2, 0, 1), REFUSE(ENOSYS), /* its flags lie in memory */
	ONLY_READ(openat, 2),
#ifdef __NR_open
	NEVER(creat), NEVER(unlink), NEVER(rename), NEVER(link), NEVER(symlink), NEVER(mkdir),
	NEVER(rmdir), NEVER(mknod), NEVER(chmod), NEVER(chown), NEVER(lchown), NEVER(renameat),
	ONLY_READ(open, 1),
#endif
	IF_EQUAL(__NR_socket, 0, 6),
	LOAD(LOW(0)),
	IF_EQUAL(AF_UNIX, 4, 0),
	IF_EQUAL(AF_INET, 3, 0),
	IF_EQUAL(AF_INET6, 2, 0),
	IF_EQUAL(AF_NETLINK, 1, 0), /* which addresses this machine has */
	REFUSE(EAFNOSUPPORT),
	RETURN(SECCOMP_RET_ALLOW),
};

static int become_nobody(struct err *err)
{
	const gid_t group = PRIVILEGES_NOBODY;
	const uid_t user = PRIVILEGES_NOBODY;

	if (geteuid() != 0 && getuid() != 0)
		return 0;
	if (setgroups(0, NULL) || setresgid(group, group, group) || setresuid(user, user, user))
		return err_errno(err, -errno, "cannot become nobody");
	/* Believed only when there is no way back. */
	if (setuid(0) == 0 || setgid(0) == 0)
		return err_set(err, -EPERM, "cannot become nobody: root can be had back");
	return 0;
}

int privileges_drop(struct err *err)
{
	struct sock_fprog program = { .len = ARRAY_SIZE(filter), .filter = filter };
	struct rlimit none = { 0, 0 }, files = { FILES_MAX, FILES_MAX };
	int r;

	if (close_range(STDERR_FILENO + 1, ~0u, 0) || chdir("/"))
		return err_errno(err, -errno, "cannot give up what is open");
	if (setrlimit(RLIMIT_CORE, &none) || setrlimit(RLIMIT_NOFILE, &files))
		return err_errno(err, -errno, "cannot set limits");
	r = become_nobody(err);
	if (r)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0))
		return err_errno(err, -errno, "cannot give up privileges");
	return 0;
}
