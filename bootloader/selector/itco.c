/*
 * The TCO timer of Intel's I/O controller hubs, as ICH6 to the 9 series have it
 * (iTCO version 2; documents 316972, 324645 and others, chapter "TCO Registers").
 * It lies in the ports behind the ACPI ones of the LPC bridge, 00:1f.0. It counts down
 * twice: the first end would raise an SMI, the second resets the machine, unless the
 * strap NO_REBOOT forbids it.
 *
 * Later chipsets keep NO_REBOOT where only their own firmware knows; there it is the
 * kernel's driver that arms, from early init on.
 */
#include "bootloader/selector/watchdog_driver.h"

#if defined(__x86_64__)

#include "bootloader/efi/acpi.h"
#include "bootloader/efi/pci.h"
#include "bootloader/efi/port.h"

#define INTEL 0x8086u

enum {
	/* In the LPC bridge's configuration space. */
	LPC_O_PM_BASE = 0x40,
	LPC_O_PM_CONTROL = 0x44,
	LPC_O_RCBA = 0xf0,

	/* From the ACPI ports, and from the root complex registers. */
	PM_O_TCO = 0x60,
	RCBA_O_GCS = 0x3410,

	/* From the TCO ports. */
	TCO_O_RELOAD = 0x00,
	TCO_O_STATUS1 = 0x04,
	TCO_O_STATUS2 = 0x06,
	TCO_O_CONTROL1 = 0x08,
	TCO_O_TIMER = 0x12,
};

#define PM_BASE_ADDRESS 0xff80u
#define PM_CONTROL_ENABLED 0x80u
#define RCBA_ENABLED 0x1u
#define RCBA_ADDRESS 0xffffc000u
#define GCS_NO_REBOOT 0x20u
#define STATUS1_TIMED_OUT 0x0008u
#define STATUS2_TIMED_OUT_TWICE 0x0002u
#define STATUS2_SINCE_BOOT 0x0004u
#define CONTROL1_HALTED 0x0800u
#define TIMER_TICKS 0x03ffu /* of 0.6 s */
#define TIMER_TICKS_MIN 4u

/* LPC bridges with a TCO timer of version 2, by device id. */
static const struct {
	uint16_t first, last;
} bridges[] = {
	{ 0x2640, 0x2642 }, { 0x2670, 0x267f }, { 0x27b0, 0x27bd }, { 0x2810, 0x2815 },
	{ 0x2912, 0x2919 }, { 0x3a14, 0x3a1a }, { 0x3b00, 0x3b16 }, { 0x1c41, 0x1c5f },
	{ 0x1d40, 0x1d41 }, { 0x1e40, 0x1e5f }, { 0x8c40, 0x8c5f }, { 0x8cc1, 0x8cc6 },
	{ 0x8d40, 0x8d5f }, { 0x9c40, 0x9c47 }, { 0x9cc1, 0x9cc9 },
};

static bool is_bridge(uint32_t id)
{
	uint16_t device = (uint16_t)(id >> 16);

	if ((id & 0xffff) != INTEL)
		return false;
	for (unsigned int i = 0; i < sizeof(bridges) / sizeof(bridges[0]); i++)
		if (device >= bridges[i].first && device <= bridges[i].last)
			return true;
	return false;
}

static uint16_t tco_in(const struct watchdog_device *d, uint16_t offset)
{
	return port_in16((uint16_t)(d->base + offset));
}

static void tco_out(const struct watchdog_device *d, uint16_t offset, uint16_t v)
{
	port_out16((uint16_t)(d->base + offset), v);
}

static bool itco_found(struct watchdog_device *d, uint32_t id)
{
	uint32_t pm, rcba;

	if (!is_bridge(id) || !(pci_config8(d->pci, LPC_O_PM_CONTROL) & PM_CONTROL_ENABLED))
		return false;
	pm = pci_config32(d->pci, LPC_O_PM_BASE) & PM_BASE_ADDRESS;
	rcba = pci_config32(d->pci, LPC_O_RCBA);
	if (!pm || !(rcba & RCBA_ENABLED))
		return false;
	d->base = pm + PM_O_TCO;
	d->control = (rcba & RCBA_ADDRESS) + RCBA_O_GCS;
	return true;
}

static bool itco_caused_reset(const struct watchdog_device *d)
{
	uint16_t v = tco_in(d, TCO_O_STATUS2);

	return v != UINT16_MAX && v & STATUS2_TIMED_OUT_TWICE;
}

/* The bits are cleared by writing ones. */
static void itco_forget_reset(const struct watchdog_device *d)
{
	tco_out(d, TCO_O_STATUS1, STATUS1_TIMED_OUT);
	tco_out(d, TCO_O_STATUS2, STATUS2_TIMED_OUT_TWICE);
	tco_out(d, TCO_O_STATUS2, STATUS2_SINCE_BOOT);
}

static bool itco_disarm(const struct watchdog_device *d)
{
	tco_out(d, TCO_O_CONTROL1, tco_in(d, TCO_O_CONTROL1) | CONTROL1_HALTED);
	return tco_in(d, TCO_O_CONTROL1) & CONTROL1_HALTED;
}

static bool allow_reboot(const struct watchdog_device *d)
{
	register_write32(d->control, register_read32(d->control) & ~GCS_NO_REBOOT);
	return !(register_read32(d->control) & GCS_NO_REBOOT);
}

/*
 * Where ACPI describes a watchdog (WDAT), Linux gives the timer to that description's driver
 * and never to its own: then nobody would feed it.
 */
static const char *itco_arm(const struct watchdog_device *d, unsigned int seconds)
{
	unsigned int ticks = seconds * 10 / 12; /* half the time, in steps of 0.6 s */

	if (acpi_has_table("WDAT"))
		return "ACPI has it (WDAT)";
	if (ticks < TIMER_TICKS_MIN)
		ticks = TIMER_TICKS_MIN;
	if (ticks > TIMER_TICKS)
		ticks = TIMER_TICKS;
	if (!itco_disarm(d))
		return "it cannot be halted";
	if (!allow_reboot(d))
		return "NO_REBOOT is strapped";
	itco_forget_reset(d);
	tco_out(d, TCO_O_TIMER, (uint16_t)((tco_in(d, TCO_O_TIMER) & ~TIMER_TICKS) | ticks));
	tco_out(d, TCO_O_RELOAD, 1);
	tco_out(d, TCO_O_CONTROL1, tco_in(d, TCO_O_CONTROL1) & (uint16_t)~CONTROL1_HALTED);
	if (tco_in(d, TCO_O_CONTROL1) & CONTROL1_HALTED)
		return "it does not start";
	return NULL;
}

const struct watchdog_driver watchdog_itco = {
	.found = itco_found,
	.caused_reset = itco_caused_reset,
	.forget_reset = itco_forget_reset,
	.arm = itco_arm,
	.disarm = itco_disarm,
};

#else

static bool itco_found(struct watchdog_device *d, uint32_t id)
{
	(void)d;
	(void)id;
	return false;
}

/* No machine of this architecture has one. */
const struct watchdog_driver watchdog_itco = { .found = itco_found };

#endif
