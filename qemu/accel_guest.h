/*
 * The guest that accel_probe() runs: the last 512 bytes of a 64 KiB ROM.
 */
#ifndef QEMU_ACCEL_GUEST_H
#define QEMU_ACCEL_GUEST_H

#define ACCEL_GUEST_BYTES 512
#define ACCEL_GUEST_EXIT_PORT 0xf4
#define ACCEL_GUEST_SAYS 42 /* written to the exit port when everything worked */

extern const unsigned char accel_guest[ACCEL_GUEST_BYTES];

#endif
