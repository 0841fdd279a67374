#include "bootloader/initramfs/watchdog.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bootloader/initramfs/boot.h"
#include "bootloader/initramfs/console.h"
#include "bootloader/initramfs/efivar.h"
#include "bootloader/initramfs/guard.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/core/bytes.h"

/* Modules are loaded and disks are waited for in less; later the guard feeds each second. */
#define TIMEOUT_S 60
#define DRIVER_WAIT_MS 5000
#define DRIVER_POLL_MS 100
#define IDENTITY_MAX 64
#define NUMBER_MAX 255u
#define SYSTEMD BOOT_SYSROOT "/usr/lib/systemd/systemd"
#define DROP_IN_DIR "/run/systemd/system.conf.d"
#define DROP_IN DROP_IN_DIR "/50-kiln-watchdog.conf"
#define KILN_VENDOR "6b696c6e-0003-4b4e-8000-73656c656374"

/* What Linux calls the ones the selector knows. */
static const char *const identities[WATCHDOG_KINDS] = {
	[WATCHDOG_I6300ESB] = "i6300ESB timer",
	[WATCHDOG_ITCO] = "iTCO_wdt",
};

static enum watchdog_kind kind_of(const char *identity)
{
	unsigned int kind = 0;

	while (kind < WATCHDOG_KINDS && strcmp(identities[kind], identity))
		kind++;
	return (enum watchdog_kind)kind;
}

/* The name of watchdog @entry in @class; false when it cannot be told. */
static bool read_identity(const char *class, const char *entry, char *ret)
{
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];
	ssize_t n;

	if (snprintf(path, sizeof(path), "%s/%s/identity", class, entry) >= (int)sizeof(path))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, ret, IDENTITY_MAX - 1);
	if (n <= 0)
		return false;
	ret[n] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	return true;
}

static void look_at(const char *class, const char *entry, struct watchdog_found *f)
{
	char identity[IDENTITY_MAX];
	enum watchdog_kind kind = WATCHDOG_KINDS;
	uint64_t number;

	if (strncmp(entry, "watchdog", 8) ||
	    !u64_parse(entry + 8, strlen(entry + 8), &number) || number > NUMBER_MAX)
		return;
	if (!read_identity(class, entry, identity))
		f->unnamed = true;
	else
		kind = kind_of(identity);
	if (kind < WATCHDOG_KINDS)
		f->kinds |= 1u << kind;
	if (!f->any || kind < f->kind || (kind == f->kind && number < f->best)) {
		f->best = (unsigned int)number;
		f->kind = kind;
	}
	f->any = true;
}

void watchdog_look(const char *class, struct watchdog_found *ret)
{
	_cleanup_closedir_ DIR *dir = opendir(class);
	struct dirent *e;

	*ret = (struct watchdog_found){ .kind = WATCHDOG_KINDS };
	while (dir && (e = readdir(dir)))
		look_at(class, e->d_name, ret);
}

void watchdog_take(struct watchdog *w, bool any_kind)
{
	struct watchdog_found f;
	int timeout = TIMEOUT_S, status = 0;
	char path[32];

	if (w->fd >= 0)
		return;
	watchdog_look(WATCHDOG_CLASS, &f);
	if (!f.any || (f.kind == WATCHDOG_KINDS && !any_kind))
		return;
	snprintf(path, sizeof(path), "/dev/watchdog%u", f.best);
	w->fd = open(path, O_WRONLY | O_CLOEXEC);
	if (w->fd < 0)
		return;
	w->number = f.best;
	w->kind = f.kind;
	if (ioctl(w->fd, WDIOC_SETTIMEOUT, &timeout))
		console_line("watchdog: %s keeps its own timeout", path);
	if (!ioctl(w->fd, WDIOC_GETBOOTSTATUS, &status) && status & WDIOF_CARDRESET)
		w->caused_reset = true;
}

void watchdog_feed(const struct watchdog *w)
{
	if (w->fd >= 0)
		ioctl(w->fd, WDIOC_KEEPALIVE, 0);
}

/* What the selector says: WatchdogArmed, WatchdogReset. WATCHDOG_KINDS when it says nothing. */
static enum watchdog_kind selector_says(const char *what)
{
	char name[64], text[WATCHDOG_TEXT_SIZE];
	int n;

	snprintf(name, sizeof(name), "%s-" KILN_VENDOR, what);
	n = efivar_read(name, text, sizeof(text));
	return n > 0 ? watchdog_kind_of(text, (size_t)n) : WATCHDOG_KINDS;
}

/* Has the armed @kind a driver, or may it have one? Drivers may take a moment to find devices. */
static bool is_fed(enum watchdog_kind kind)
{
	struct watchdog_found f;

	for (unsigned int i = 0; i < DRIVER_WAIT_MS / DRIVER_POLL_MS; i++) {
		watchdog_look(WATCHDOG_CLASS, &f);
		if (f.kinds & 1u << kind || f.unnamed)
			return true;
		usleep(DRIVER_POLL_MS * 1000);
	}
	return false;
}

/*
 * Armed by the selector, and no driver here took it: it will reset the machine whatever we do.
 * Better now, with a note by which the selector leaves it alone for this image.
 */
static int nobody_feeds(struct boot *b, enum watchdog_kind kind, struct err *err)
{
	static uint8_t note[WATCHDOG_NOTE_BYTES];
	struct disk_ops *ops = &b->record.ops;
	int r = -EROFS;

	watchdog_note_encode(1u << kind, b->params.verity.root_hash, note);
	if (b->record.open && ops->write)
		r = ops->write(ops->ctx, WATCHDOG_NOTE_OFFSET(b->slot), note, sizeof(note)) ?:
		    ops->flush(ops->ctx);
	if (r)
		return err_errno(err, r, "%s runs, no driver took it, and that cannot be noted",
				 watchdog_name(kind));
	return err_set(err, -ENODEV, "%s runs and no driver took it: noted, it is not armed again "
		       "for this image", watchdog_name(kind));
}

int step_watchdog(struct boot *b, struct err *err)
{
	enum watchdog_kind armed = selector_says("WatchdogArmed");

	if (armed < WATCHDOG_KINDS && !is_fed(armed))
		return nobody_feeds(b, armed, err);
	watchdog_take(&b->watchdog, true);
	if (selector_says("WatchdogReset") < WATCHDOG_KINDS)
		b->watchdog.caused_reset = true;
	if (b->watchdog.fd < 0)
		console_line("watchdog: none");
	else
		console_line("watchdog: /dev/watchdog%u, %s", b->watchdog.number,
			     b->watchdog.kind < WATCHDOG_KINDS ? watchdog_name(b->watchdog.kind) :
								 "of another kind");
	if (b->watchdog.caused_reset)
		console_line("watchdog: it caused the last reset");
	return guard_start(&b->watchdog, err);
}

static bool tell_systemd(unsigned int number)
{
	_cleanup_close_ int fd = -1;
	char text[160];
	int n = snprintf(text, sizeof(text),
			 "# Early init has armed the watchdog.\n[Manager]\n"
			 "WatchdogDevice=/dev/watchdog%u\nRuntimeWatchdogSec=30s\n", number);

	if (access(SYSTEMD, X_OK))
		return false;
	mkdir("/run/systemd", 0755);
	mkdir(DROP_IN_DIR, 0755);
	fd = open(DROP_IN, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	return fd >= 0 && !io_write_all(fd, text, (size_t)n);
}

void watchdog_hand_on(struct watchdog *w)
{
	guard_stop();
	if (w->fd < 0)
		return;
	watchdog_feed(w);
	if (tell_systemd(w->number)) {
		/* The kernel remarks on it as soon as the descriptor closes. */
		console_line("watchdog: left running for systemd");
		return;
	}
	/* An init that would never feed it: stop it, as closing alone does not. */
	if (write(w->fd, "V", 1) != 1)
		console_line("watchdog: cannot be stopped");
	close(w->fd);
	w->fd = -1;
}
