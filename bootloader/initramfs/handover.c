/*
 * The last things before the real root takes over: what it may want to know of
 * this boot, in /run/kiln, and the switch itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bootloader/initramfs/boot.h"
#include "bootloader/initramfs/root.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"


static int tell(const char *name, const char *text, size_t len, struct err *err)
{
	_cleanup_close_ int fd = -1;
	char path[64];
	int r;

	snprintf(path, sizeof(path), BOOT_RUN "/%s", name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0444);
	if (fd < 0)
		return err_errno(err, -errno, "%s", path);
	r = io_write_all(fd, text, len);
	return r ? err_errno(err, r, "%s", path) : 0;
}

static int tell_line(const char *name, const char *text, struct err *err)
{
	_cleanup_buf_ struct buf line = BUF_INIT;

	buf_addf(&line, "%s\n", text);
	return buf_ok(&line) ? tell(name, line.data, line.len, err) : err_oom(err);
}

/* `STEP MS` lines: when each step was finished, since the kernel's start. */
static int tell_timeline(const struct boot *b, struct err *err)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	for (unsigned int i = 0; i < b->n_marks; i++)
		buf_addf(&text, "%s %llu\n", b->marks[i].step,
			 (unsigned long long)b->marks[i].end_ms);
	return buf_ok(&text) ? tell("timeline", text.data, text.len, err) : err_oom(err);
}

/* There only when something is degraded. */
static int tell_degraded(const struct boot *b, struct err *err)
{
	const struct degraded *d = &b->degraded;

	return d->len ? tell("degraded", d->text, d->len, err) : 0;
}

int step_handover(struct boot *b, struct err *err)
{
	char disk[64], state[64], node[RAWDISK_NAME_MAX];
	struct gpt_partition p;
	int r;

	r = rawdisk_partition(&b->disk, GPT_NAME_BOOT_STATE, &p, node, err);
	if (r)
		return r;
	snprintf(disk, sizeof(disk), "/dev/%s", b->disk.name);
	snprintf(state, sizeof(state), "/dev/%s", node);
	if (mkdir(BOOT_RUN, 0755) && errno != EEXIST)
		return err_errno(err, -errno, BOOT_RUN);
	r = tell_line("slot", bs_slot_name(b->slot), err);
	r = r ?: tell_line("disk", disk, err);
	r = r ?: tell_line("boot-state", state, err);
	r = r ?: tell_line("image", b->params.image, err);
	r = r ?: tell_line("version", b->params.version, err);
	r = r ?: tell_line("roothash", b->params.roothash, err);
	r = r ?: tell_degraded(b, err);
	r = r ?: tell_timeline(b, err);
	if (r == -ENOSPC)
		boot_blame(b, BS_REASON_MEMORY, MAY_PASS, r);
	if (r)
		return r;
	record_stage(&b->record, BS_STAGE_ROOT);
	watchdog_hand_on(&b->watchdog);
	return 0;
}

/* /proc, /sys, /dev and /run are bound into the root already; the first places go. */
int switch_root(struct boot *b, struct err *err)
{
	static const char *const early[] = { "/run", "/sys", "/dev", "/proc" };
	static const char *const debris[] = { "/lib", "/usr", "/keys", "/modules.list", "/init" };
	static char *const argv[] = { (char *)ROOT_INIT, NULL };
	static char *const env[] = { "TERM=linux", NULL };
	struct verdict v;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(early); i++)
		umount2(early[i], MNT_DETACH);
	/* The first root cannot be unmounted: give its memory back by hand. */
	for (size_t i = 0; i < ARRAY_SIZE(debris); i++)
		path_remove_tree(debris[i]);
	if (chdir(BOOT_SYSROOT) || mount(BOOT_SYSROOT, "/", NULL, MS_MOVE, NULL) || chroot(".") ||
	    chdir("/"))
		return err_errno(err, -errno, "move the root");
	execve(ROOT_INIT, argv, env);
	r = -errno;
	v = verdict_of_init(r);
	return boot_blame(b, v.reason, v.hopeless,
			  err_errno(err, r, ROOT_INIT " cannot be started"));
}
