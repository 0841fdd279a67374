/*
 * Tiny programs that run in a guest in place of what should: an /init that does
 * nothing but exit, a kernel that stops for ever.
 */
#ifndef QEMU_GUESTCODE_H
#define QEMU_GUESTCODE_H

#include <stddef.h>

struct err;

/* A static x86-64 ELF program: exit(1). */
extern const unsigned char guestcode_exits[];
extern const size_t guestcode_exits_len;

/*
 * Read the EFI program that leaves the firmware and then stops. 0 with an owned *ret, or a
 * negative errno.
 */
int guestcode_hang(char **ret, size_t *ret_len, struct err *err);

#endif
