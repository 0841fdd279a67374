#include "bootloader/initramfs/guard.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bootloader/initramfs/console.h"
#include "bootloader/initramfs/watchdog.h"
#include "lib/base/err.h"

#define FIRST_S 60

/* All that the two processes share: until when the guard is content. */
static _Atomic uint64_t *deadline_ms;
static pid_t guard;

/*
 * reboot() at once: whatever early init waits for, a sync would wait for as well. What there was
 * to record, the selector records: this boot was counted and has said nothing more.
 */
static _Noreturn void watch(const struct watchdog *w)
{
	while (console_now_ms() < atomic_load(deadline_ms)) {
		watchdog_feed(w);
		usleep(GUARD_TICK_MS * 1000);
	}
	console_line("guard: this step takes too long: reboot");
	reboot(RB_AUTOBOOT);
	/* Then the watchdog does it, which is not fed any more. */
	for (;;)
		pause();
}

int guard_start(const struct watchdog *w, struct err *err)
{
	void *page;

	/* What can reboot a machine is never started on one that has booted. */
	if (getpid() != 1)
		return err_set(err, -EPERM, "guard: only the first program has one");
	page = mmap(NULL, sizeof(*deadline_ms), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		    -1, 0);
	if (page == MAP_FAILED)
		return err_errno(err, -errno, "guard");
	deadline_ms = page;
	guard_allow(FIRST_S);
	guard = fork();
	if (guard < 0)
		return err_errno(err, -errno, "guard");
	if (guard == 0)
		watch(w);
	return 0;
}

void guard_allow(unsigned int seconds)
{
	if (deadline_ms)
		atomic_store(deadline_ms, console_now_ms() + seconds * UINT64_C(1000));
}

void guard_stop(void)
{
	if (guard <= 0)
		return;
	kill(guard, SIGKILL);
	while (waitpid(guard, NULL, 0) < 0 && errno == EINTR)
		;
	guard = 0;
}
