/* Random numbers so early that the kernel may have none yet. */
#ifndef BOOTLOADER_INITRAMFS_RANDOM_H
#define BOOTLOADER_INITRAMFS_RANDOM_H

#include <stddef.h>

/* How long the kernel's generator is waited for. It makes its own noise, so a second is usual. */
#define RANDOM_WAIT_S 10

/*
 * Wait until the kernel's generator is ready, or RANDOM_WAIT_S. mke2fs asks for random UUIDs
 * without waiting, then sleeps a second over each refusal: waiting here once is much shorter, as
 * the wait itself makes the kernel collect.
 */
void random_wait(void);

/* Fill @data; waits as random_wait() does. 0, -EAGAIN when the generator is not ready. */
int random_bytes(void *data, size_t len);

#endif
