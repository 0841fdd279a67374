/*
 * KVM or emulation, decided by running a guest.
 *
 * /dev/kvm may be there, open and even create a machine, and yet never run one
 * instruction (nested virtualisation that is half switched on). So a real guest
 * of a few instructions is run with a deadline; only when it says its word is
 * KVM used. The verdict is remembered until the next boot of the host.
 */
#ifndef QEMU_ACCEL_H
#define QEMU_ACCEL_H

struct err;

enum accel { ACCEL_TCG, ACCEL_KVM };

#define ACCEL_PROBE_MS 2000

/*
 * Decide for @wish: "auto" (or NULL), "kvm", "tcg". With "kvm" a failing probe
 * is an error. *@ret_why says in a few words why auto chose emulation now, or is
 * NULL (static text) when KVM works or the verdict is remembered. 0 or a
 * negative errno.
 */
int accel_choose(const char *wish, enum accel *ret, const char **ret_why, struct err *err);

/*
 * Run the probe guest under @accel ("kvm" or "tcg") and wait for it up to
 * @deadline_ms. 0 when it ran to its end, -ETIMEDOUT, -EIO when QEMU gave up,
 * -ENOENT when there is no QEMU.
 */
int accel_probe(const char *accel, unsigned deadline_ms);

/* "kvm" or "tcg". */
const char *accel_name(enum accel accel);

#endif
