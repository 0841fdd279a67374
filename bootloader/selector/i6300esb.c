/*
 * The watchdog of Intel's 6300ESB, which QEMU and other virtual machines offer as a
 * PCI function of its own (document 300641-004, chapter 16). It counts two stages one
 * after the other; the end of the second one resets the machine.
 */
#include "bootloader/selector/watchdog_driver.h"

#include "bootloader/efi/pci.h"

#define ESB_ID 0x25ab8086u

enum {
	/* In configuration space. */
	PCI_O_COMMAND = 0x04,
	PCI_O_BAR0 = 0x10,
	ESB_O_CONFIG = 0x60,
	ESB_O_LOCK = 0x68,

	/* In BAR 0. */
	ESB_O_STAGE1 = 0x00,
	ESB_O_STAGE2 = 0x04,
	ESB_O_RELOAD = 0x0c,
};

#define COMMAND_MEMORY 0x0002u
#define BAR_ADDRESS 0xfffffff0u
#define CONFIG_RESET_1KHZ 0x0003u /* reset at the end, steps of a millisecond, no interrupt */
#define LOCK_LOCKED 0x01u
#define LOCK_ENABLED 0x02u
#define RELOAD_NOW 0x0100u
#define RELOAD_TIMED_OUT 0x0200u /* write one to clear */
#define SECONDS_MAX 2046u

/* Each write to a register wants this before it. */
static void unlock(const struct watchdog_device *d)
{
	pci_bar0_write16(d->pci, ESB_O_RELOAD, 0x80);
	pci_bar0_write16(d->pci, ESB_O_RELOAD, 0x86);
}

static void reload(const struct watchdog_device *d, uint16_t what)
{
	unlock(d);
	pci_bar0_write16(d->pci, ESB_O_RELOAD, what);
}

static bool esb_found(struct watchdog_device *d, uint32_t id)
{
	uint16_t command;

	if (id != ESB_ID || !(pci_config32(d->pci, PCI_O_BAR0) & BAR_ADDRESS))
		return false;
	command = pci_config16(d->pci, PCI_O_COMMAND);
	pci_config_write16(d->pci, PCI_O_COMMAND, command | COMMAND_MEMORY);
	return true;
}

static bool esb_caused_reset(const struct watchdog_device *d)
{
	uint16_t v = pci_bar0_16(d->pci, ESB_O_RELOAD);

	return v != UINT16_MAX && v & RELOAD_TIMED_OUT;
}

static void esb_forget_reset(const struct watchdog_device *d)
{
	reload(d, RELOAD_TIMED_OUT);
}

static bool esb_disarm(const struct watchdog_device *d)
{
	reload(d, RELOAD_NOW);
	pci_config_write8(d->pci, ESB_O_LOCK, 0);
	return !(pci_config8(d->pci, ESB_O_LOCK) & LOCK_ENABLED);
}

/* It is not locked: the kernel must be able to stop it, and so must we if the UKI comes back. */
static const char *esb_arm(const struct watchdog_device *d, unsigned int seconds)
{
	uint32_t stage;

	if (pci_config8(d->pci, ESB_O_LOCK) & LOCK_LOCKED)
		return "it is locked";
	if (seconds > SECONDS_MAX)
		seconds = SECONDS_MAX;
	stage = seconds << 9; /* half the time, in steps of 1/1024 s */
	pci_config_write16(d->pci, ESB_O_CONFIG, CONFIG_RESET_1KHZ);
	pci_config_write8(d->pci, ESB_O_LOCK, 0);
	unlock(d);
	pci_bar0_write32(d->pci, ESB_O_STAGE1, stage);
	unlock(d);
	pci_bar0_write32(d->pci, ESB_O_STAGE2, stage);
	reload(d, RELOAD_NOW);
	pci_config_write8(d->pci, ESB_O_LOCK, LOCK_ENABLED);
	if (!(pci_config8(d->pci, ESB_O_LOCK) & LOCK_ENABLED))
		return "it does not start";
	return NULL;
}

const struct watchdog_driver watchdog_i6300esb = {
	.found = esb_found,
	.caused_reset = esb_caused_reset,
	.forget_reset = esb_forget_reset,
	.arm = esb_arm,
	.disarm = esb_disarm,
};
