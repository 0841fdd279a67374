/*
 * One scenario being played: what play.c's loop and the steps share. Steps of
 * the running machine are in play_machine.c, of its disk in play_disk.c.
 */
#ifndef QEMU_PLAYER_H
#define QEMU_PLAYER_H

#include <stdint.h>

#include "qemu/play.h"
#include "qemu/scenario.h"
#include "qemu/vm.h"

struct player {
	const struct scenario *s;
	const struct play_options *options;
	struct vm vm;
	struct record record; /* what the machine wrote down of its boots so far */
	struct serial_mark mark; /* what was expected last ended here */
	unsigned resets; /* resets that were expected, or seen before */
	unsigned boot_resets; /* resets seen when it was switched on last */
	uint64_t deadline_ms;
	unsigned port; /* of the guest's sshd; 0 while not connected since the power went on */
	unsigned port_resets; /* of the machine, when it was connected */
	/* Of the recorded write stream: the disk as it was when it began, and the log. Owned. */
	char *base, *write_log;
};

/* A step of each kind: 0, or a negative errno with what did not hold. */
typedef int player_step_fn(struct player *p, const struct step *st, struct err *err);

player_step_fn play_boot, play_expect_serial, play_refuse_serial, play_expect_slot,
	play_expect_confirmed, play_expect_fallback, play_expect_reset, play_expect_off,
	play_expect_uki, play_run, play_send, play_reboot, play_power_off, play_power_cut,
	play_reset;

player_step_fn play_expect_state, play_expect_reason, play_expect_log, play_install,
	play_refuse_install, play_clone, play_corrupt, play_read_error, play_read_ok, play_drop,
	play_shrink, play_wipe, play_fill, play_put, play_use_second, play_check_crashes;

/* Put @len bytes of what somebody said behind the message in @err, the end of it if it is long. */
void play_append_output(const char *text, size_t len, struct err *err);

/* When a wait of @timeout_ms from now ends. */
uint64_t play_until(const struct player *p, uint64_t timeout_ms);

#endif
