/*
 * The machine under the selector's tests: what a test sets, what a boot leaves, and
 * registers of two watchdogs as their documents describe them.
 */
#ifndef TESTS_UNIT_SELECTOR_HARDWARE_H
#define TESTS_UNIT_SELECTOR_HARDWARE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bootloader/efi/port.h"
#include "bootloader/efi/uefi.h"
#include "lib/core/bootstate.h"
#include "lib/core/bytes.h"
#include "lib/core/watchdog.h"

#define MIB (1024u * 1024u)
#define DISK_BYTES (8u * MIB)
#define STATE_AT (2u * MIB) /* the boot-state partition */

/* How a boot ended; efi_main() itself never returns. */
enum ending { ENDED_RUNNING = 10, ENDED_RESET, ENDED_CUT, ENDED_RETURNED, ENDED_BROKE_A_RULE };

/* What a UKI does when it is started. */
enum behaviour { STAYS, RESETS, RETURNS };

/* What a newer selector does when it is started: it is this one's twin, or it is broken. */
enum newer { NEWER_WORKS, NEWER_HANGS, NEWER_RETURNS, NEWER_LOSES_STATE_AND_RETURNS };

struct machine {
	/* The test sets these. */
	enum newer newer[BS_SELECTORS];
	EFI_STATUS newer_load_status[BS_SELECTORS];
	bool newer_unreadable[BS_SELECTORS];
	bool no_mark; /* no protocol can be installed */
	enum behaviour behaviour[BS_SLOTS];
	EFI_STATUS load_status[BS_SLOTS];
	bool unreadable[BS_SLOTS]; /* reads in its boot partition fail */
	uint32_t state_unreadable; /* so many reads of the boot state fail */
	EFI_STATUS write_status; /* of every write */
	uint32_t writes_failing; /* ... of so many of them, if not 0 */
	bool read_only; /* the disk says so */
	bool writes_vanish; /* they are said to have worked */
	bool no_memory; /* for anything as large as a UKI */
	uint32_t cut_at; /* power fails at this write or flush, counted from 0 */
	bool cut_after; /* ... which has landed by then */
	bool has_esb, esb_locked, has_lpc, lpc_strapped, wdat;
	bool esb_timed_out, tco_timed_out; /* the last reset was theirs */
	unsigned int console_stalls; /* so many lines end after a character */
	bool lasting_variable; /* somebody has left a lasting LoaderDevicePartUUID */

	/* The boot fills these in. */
	unsigned int newer_starts[BS_SELECTORS];
	unsigned int newer_guarded; /* as hw_armed, when a newer selector started */
	bool booted_by_newer; /* the slot was started by one */
	uint8_t disk[DISK_BYTES]; /* what survives a power cut */
	char log[65536];
	size_t log_len;
	unsigned int lines; /* that were to go to the console */
	uint32_t operations; /* writes and flushes */
	unsigned int starts; /* in this boot */
	unsigned int started; /* the slot started last */
	bool counted; /* its start was on the disk by then */
	uint64_t fw_watchdog_s; /* at the last start or reset */
	uint64_t clock_us;
	unsigned int hw_armed; /* at the last start: bits 1 << enum watchdog_kind */
	uint32_t esb_stage, tco_ticks;
	bool variable_replaced;
	char armed_variable[32], reset_variable[32];
};

static struct machine *m;

static void say_broken(const char *rule)
{
	m->log_len += (size_t)snprintf(m->log + m->log_len, sizeof(m->log) - m->log_len,
				       "BROKEN: %s\n", rule);
}

static _Noreturn void end(enum ending how)
{
	_exit(strstr(m->log, "BROKEN") ? ENDED_BROKE_A_RULE : (int)how);
}

/* Handles are the addresses of these. */
static struct {
	char image, esp, disk, decoy, esb, lpc, newer, uki;
} handles;

static uint8_t cache[DISK_BYTES]; /* what the disk answers */
static uint64_t fw_watchdog_now_s;

/* Registers of the two watchdogs. */
static uint8_t esb_lock, esb_unlocked;
static uint16_t esb_config;
static uint32_t esb_stage[2];
static uint16_t tco[16];
static uint32_t gcs;

static unsigned int hw_armed(void)
{
	return (esb_lock & 2 ? 1u << WATCHDOG_I6300ESB : 0) |
	       (m->has_lpc && !(tco[4] & 0x800) && !(gcs & 0x20) ? 1u << WATCHDOG_ITCO : 0);
}

static EFI_STATUS EFIAPI esb_config_read(EFI_PCI_IO *self, uint32_t width, uint32_t offset,
					 size_t count, void *buffer)
{
	uint32_t v = offset == 0 ? 0x25ab8086 : offset == 0x10 ? 0xfebd1000 : 0;

	(void)self, (void)count;
	if (offset == 0x68)
		v = esb_lock;
	memcpy(buffer, &v, 1u << width);
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI esb_config_write(EFI_PCI_IO *self, uint32_t width, uint32_t offset,
					  size_t count, void *buffer)
{
	uint8_t *b = buffer;

	(void)self, (void)width, (void)count;
	if (offset == 0x68 && !(esb_lock & 1))
		esb_lock = b[0];
	if (offset == 0x60)
		esb_config = le16_load(b);
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI esb_mem_read(EFI_PCI_IO *self, uint32_t width, uint8_t bar,
				      uint64_t offset, size_t count, void *buffer)
{
	uint16_t v = offset == 0x0c && m->esb_timed_out ? 0x200 : 0;

	(void)self, (void)bar, (void)count;
	memcpy(buffer, &v, 1u << width);
	return EFI_SUCCESS;
}

/* A register takes a value only right after 0x80 and 0x86 were written to the last one. */
static EFI_STATUS EFIAPI esb_mem_write(EFI_PCI_IO *self, uint32_t width, uint8_t bar,
				       uint64_t offset, size_t count, void *buffer)
{
	uint32_t v = width == EFI_PCI_32 ? le32_load(buffer) : le16_load(buffer);

	(void)self, (void)bar, (void)count;
	if (offset == 0x0c && (v == 0x80 || (v == 0x86 && esb_unlocked == 1))) {
		esb_unlocked = v == 0x80 ? 1 : 2;
		return EFI_SUCCESS;
	}
	if (esb_unlocked == 2 && offset < 8)
		esb_stage[offset / 4] = v;
	if (esb_unlocked == 2 && offset == 0x0c && v & 0x200)
		m->esb_timed_out = false;
	esb_unlocked = 0;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI lpc_config_read(EFI_PCI_IO *self, uint32_t width, uint32_t offset,
					 size_t count, void *buffer)
{
	uint32_t v = offset == 0	? 0x29188086
		     : offset == 0x40	? 0x601
		     : offset == 0x44	? 0x80
		     : offset == 0xf0	? 0xfed1c001
					: 0;

	(void)self, (void)count;
	memcpy(buffer, &v, 1u << width);
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI lpc_config_write(EFI_PCI_IO *self, uint32_t width, uint32_t offset,
					  size_t count, void *buffer)
{
	(void)self, (void)width, (void)offset, (void)count, (void)buffer;
	say_broken("the LPC bridge keeps its configuration");
	return EFI_SUCCESS;
}

uint16_t port_in16(uint16_t port)
{
	if (port < 0x660 || port >= 0x680 || port % 2)
		say_broken("only the TCO ports are read");
	return tco[(port - 0x660) / 2 % 16];
}

void port_out16(uint16_t port, uint16_t v)
{
	unsigned int i = (port - 0x660u) / 2 % 16;

	if (port < 0x660 || port >= 0x680 || port % 2)
		say_broken("only the TCO ports are written");
	if (i == 2 || i == 3) /* status: ones clear */
		v = tco[i] & (uint16_t)~v;
	tco[i] = v;
}

uint32_t register_read32(uint64_t at)
{
	if (at != 0xfed1c000 + 0x3410)
		say_broken("only GCS is read");
	return gcs;
}

void register_write32(uint64_t at, uint32_t v)
{
	if (at != 0xfed1c000 + 0x3410)
		say_broken("only GCS is written");
	gcs = m->lpc_strapped ? v | 0x20 : v;
}

static EFI_PCI_IO esb_io = { .pci_read = esb_config_read, .pci_write = esb_config_write,
			     .mem_read = esb_mem_read, .mem_write = esb_mem_write };
static EFI_PCI_IO lpc_io = { .pci_read = lpc_config_read, .pci_write = lpc_config_write };

#endif
