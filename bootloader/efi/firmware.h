/*
 * The firmware as the rest of a UEFI program sees it: one global table pointer,
 * lines on the console, a clock, memory, the ways out.
 *
 * There is no state here besides this pointer; nothing here returns an
 * EFI_STATUS, so that only files including uefi.h know what one is.
 */
#ifndef BOOTLOADER_EFI_FIRMWARE_H
#define BOOTLOADER_EFI_FIRMWARE_H

#include <stddef.h>
#include <stdint.h>

#include "bootloader/efi/uefi.h"

/* Longest line say() prints, in characters; longer ones are cut. */
#define SAY_MAX 240

/* Set once by efi_main() before anything else here is called. */
extern EFI_SYSTEM_TABLE *fw;

/* Remember the system table and calibrate the clock. */
void fw_init(EFI_SYSTEM_TABLE *table);

/*
 * Print "kiln: " and one line on the UEFI console. Knows %s (ASCII), %u (uint64_t, always
 * cast) and %x (uint64_t), nothing else; other bytes than printable ASCII become '?'. A line that
 * the console did not take whole is said again.
 */
void say(const char *fmt, ...);

/* The same formatter into @out of @size bytes with a NUL; cut when too long. */
void text_format(char *out, size_t size, const char *fmt, ...);

/* Microseconds since the CPU's counter started, about power-on; 0 when it cannot be told. */
uint64_t fw_now_us(void);

/* Wait @ms milliseconds. */
void fw_pause_ms(uint64_t ms);

/*
 * @len bytes, page-aligned as every IoAlign is satisfied by; NULL when there are none. Freed
 * by fw_free() with the same @len.
 */
void *fw_alloc(uint64_t len);
void fw_free(void *p, uint64_t len);

/* Handles that have a protocol. */
struct fw_handles {
	EFI_HANDLE *handle;
	size_t n, bytes;
};

/* Every handle with @protocol; none when there is no memory. Released by fw_handles_free(). */
struct fw_handles fw_handles_find(const EFI_GUID *protocol);
void fw_handles_free(struct fw_handles *h);

/* The interface of @protocol on @handle, or NULL. */
void *fw_protocol(EFI_HANDLE handle, const EFI_GUID *protocol);

/*
 * Set a volatile variable that the running system can read, also where a lasting one of that
 * name stands in its place. @len 0 deletes it. A firmware that refuses is let be: these are hints.
 */
void fw_set_variable(const EFI_GUID *vendor, const CHAR16 *name, const void *value, size_t len);

/*
 * Reset the machine as if the power had been cycled; does not return. A firmware that refuses is
 * asked again, in every way there is.
 */
_Noreturn void fw_reset(void);

/* Arm the firmware's watchdog: the machine is reset @seconds later; 0 disarms. */
void fw_watchdog(uint64_t seconds);

/* A short word for an EFI_STATUS error. */
const char *fw_status_text(EFI_STATUS status);

#endif
