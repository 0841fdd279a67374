/*
 * What a caged command may still ask of the kernel. See cage.h.
 *
 * Two purposes in one filter: the tree is thrown away when the build dies, so
 * waiting for the disk is waste, and a maintainer script run by the real root
 * must not reach the machine (modules, keys, tracing, open by handle).
 */
#include "builder/rootfs/cage.h"

#include <errno.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/cleanup.h"

/* Owners, modes and ids of files in the tree; nothing that reaches further. */
static const int kept_caps[] = {
	CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID,	  CAP_KILL,
	CAP_SETGID, CAP_SETUID,	      CAP_SETFCAP, CAP_SYS_CHROOT, CAP_AUDIT_WRITE,
};

static const int does_nothing[] = {
	SCMP_SYS(fsync),  SCMP_SYS(fdatasync),	      SCMP_SYS(sync),
	SCMP_SYS(syncfs), SCMP_SYS(sync_file_range), SCMP_SYS(msync),
};

static const int not_yours[] = {
	SCMP_SYS(add_key),	   SCMP_SYS(keyctl),	      SCMP_SYS(request_key),
	SCMP_SYS(bpf),		   SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd),
	SCMP_SYS(kexec_load),	   SCMP_SYS(kexec_file_load), SCMP_SYS(init_module),
	SCMP_SYS(finit_module),	   SCMP_SYS(delete_module),   SCMP_SYS(open_by_handle_at),
	SCMP_SYS(mount),	   SCMP_SYS(umount2),	      SCMP_SYS(pivot_root),
	SCMP_SYS(unshare),	   SCMP_SYS(setns),	      SCMP_SYS(swapon),
	SCMP_SYS(swapoff),	   SCMP_SYS(reboot),	      SCMP_SYS(settimeofday),
	SCMP_SYS(clock_settime),   SCMP_SYS(adjtimex),	      SCMP_SYS(io_uring_setup),
	SCMP_SYS(ptrace),	   SCMP_SYS(process_vm_writev),
};

static int load_filter(void)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
	int r = 0;

	if (!f)
		return -ENOMEM;
	/* The other ways into the same kernel get the same answers. */
	seccomp_arch_add(f, SCMP_ARCH_X86);
	seccomp_arch_add(f, SCMP_ARCH_X32);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(does_nothing); i++)
		r = seccomp_rule_add(f, SCMP_ACT_ERRNO(0), does_nothing[i], 0);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(not_yours); i++)
		r = seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), not_yours[i], 0);
	if (r == 0)
		r = seccomp_load(f);
	seccomp_release(f);
	return r;
}

static bool is_kept(int cap)
{
	for (size_t i = 0; i < ARRAY_SIZE(kept_caps); i++)
		if (kept_caps[i] == cap)
			return true;
	return false;
}

static int drop_caps(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };

	for (int cap = 0; cap < 64 && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (!is_kept(cap) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return -errno;
	if (syscall(SYS_capget, &head, data) < 0)
		return -errno;
	for (unsigned i = 0; i < 2; i++) {
		uint32_t keep = 0;

		for (size_t k = 0; k < ARRAY_SIZE(kept_caps); k++)
			if ((unsigned)kept_caps[k] / 32 == i)
				keep |= 1u << (kept_caps[k] % 32);
		data[i].effective &= keep;
		data[i].permitted &= keep;
		data[i].inheritable = 0;
	}
	return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}

int cage_lock_down(void)
{
	int r = drop_caps();

	if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = -errno;
	return r < 0 ? r : load_filter();
}
