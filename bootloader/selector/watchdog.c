#include "bootloader/selector/watchdog.h"

#include "bootloader/efi/firmware.h"
#include "bootloader/efi/pci.h"
#include "bootloader/selector/watchdog_driver.h"
#include "lib/core/platform.h"
#include "lib/core/watchdog.h"

#define WHY_MAX 160

static const struct watchdog_driver *const drivers[WATCHDOG_KINDS] = {
	[WATCHDOG_I6300ESB] = &watchdog_i6300esb,
	[WATCHDOG_ITCO] = &watchdog_itco,
};

static struct watchdog_device devices[WATCHDOG_KINDS];
static enum watchdog_kind armed = WATCHDOG_KINDS;

/* For early init, as text without a NUL; an empty one takes an old one away. */
static void tell(const CHAR16 *name, const char *text)
{
	EFI_GUID vendor = EFI_GUID_KILN;

	fw_set_variable(&vendor, name, text, strlen(text));
}

static void look_at(EFI_PCI_IO *pci)
{
	uint32_t id = pci_config32(pci, 0);

	for (unsigned int kind = 0; kind < WATCHDOG_KINDS; kind++) {
		struct watchdog_device d = { .pci = pci };

		if (!devices[kind].pci && drivers[kind]->found(&d, id))
			devices[kind] = d;
	}
}

unsigned int watchdog_find(unsigned int caused_reset, unsigned int running)
{
	EFI_GUID guid = EFI_GUID_PCI_IO;
	struct fw_handles all = fw_handles_find(&guid);
	const char *reset_by = "";

	for (size_t i = 0; i < all.n; i++) {
		EFI_PCI_IO *pci = fw_protocol(all.handle[i], &guid);

		if (pci)
			look_at(pci);
	}
	fw_handles_free(&all);
	for (unsigned int kind = 0; kind < WATCHDOG_KINDS; kind++) {
		if (!devices[kind].pci)
			continue;
		if (running & 1u << kind)
			armed = kind;
		if (drivers[kind]->caused_reset(&devices[kind]))
			caused_reset |= 1u << kind;
		if (!(caused_reset & 1u << kind))
			continue;
		reset_by = watchdog_name(kind);
		say("watchdog: %s caused the last reset", reset_by);
	}
	tell(u"WatchdogReset", reset_by);
	return caused_reset;
}

unsigned int watchdog_guard(void)
{
	for (unsigned int kind = 0; kind < WATCHDOG_KINDS; kind++) {
		if (!devices[kind].pci || drivers[kind]->arm(&devices[kind], WATCHDOG_KERNEL_S))
			continue;
		armed = kind;
		return 1u << kind;
	}
	return 0;
}

/*
 * A reset that was told of is forgotten, or it would be told of again after the next one. A
 * kernel with the driver reads it there for itself, and forgets it.
 */
static void forget_resets(unsigned int wanted)
{
	for (unsigned int kind = 0; kind < WATCHDOG_KINDS; kind++)
		if (devices[kind].pci && !(wanted & 1u << kind) &&
		    drivers[kind]->caused_reset(&devices[kind]))
			drivers[kind]->forget_reset(&devices[kind]);
}

void watchdog_forget(void)
{
	forget_resets(0);
	tell(u"WatchdogReset", "");
}

/* NULL when @kind runs now, else why it does not. */
static const char *try_kind(enum watchdog_kind kind, unsigned int barred)
{
	if (!devices[kind].pci)
		return "not in this machine";
	if (barred & 1u << kind)
		return "this image could not feed it";
	return drivers[kind]->arm(&devices[kind], WATCHDOG_KERNEL_S);
}

void watchdog_arm(unsigned int wanted, unsigned int barred)
{
	char why[WHY_MAX] = "", longer[WHY_MAX];

	watchdog_disarm();
	forget_resets(wanted);
	for (unsigned int kind = 0; kind < WATCHDOG_KINDS; kind++) {
		const char *problem;

		if (!(wanted & 1u << kind))
			continue;
		problem = try_kind(kind, barred);
		if (!problem) {
			armed = kind;
			break;
		}
		text_format(longer, sizeof(longer), "%s%s%s: %s", why, *why ? "; " : "",
			    watchdog_name(kind), problem);
		memcpy(why, longer, sizeof(why));
	}
	tell(u"WatchdogArmed", armed < WATCHDOG_KINDS ? watchdog_name(armed) : "");
	if (armed < WATCHDOG_KINDS)
		say("watchdog: %s armed, %u s", watchdog_name(armed), (uint64_t)WATCHDOG_KERNEL_S);
	else
		say("watchdog: not armed: %s", *why ? why : "the image cannot feed any");
}

void watchdog_disarm(void)
{
	if (armed == WATCHDOG_KINDS)
		return;
	say("watchdog: %s %s", watchdog_name(armed),
	    drivers[armed]->disarm(&devices[armed]) ? "disarmed" : "CANNOT BE DISARMED");
	armed = WATCHDOG_KINDS;
}
