/*
 * The selector: decide which slot boots, and start it.
 *
 * A boot is counted and stored before its kernel runs; only then can a kernel
 * that hangs, panics or resets be told from one that works. Any error leads to
 * the other slot in the same boot, and with nothing left to a cold reset after
 * a pause: there is no prompt, no menu, no configuration file, and no way back
 * into the firmware, whose shell would obey anyone at the console.
 *
 * Once deployed this program is never written again. If a newer one lies in the boot-state
 * partition, it is started in place of all this (chain.h), and in doubt it is not.
 *
 * All rules are lib/core/bootstate's; this file only obeys them.
 */
#include "bootloader/selector/bli.h"
#include "bootloader/selector/chain.h"
#include "bootloader/efi/firmware.h"
#include "bootloader/selector/owndisk.h"
#include "bootloader/selector/slot.h"
#include "bootloader/selector/watchdog.h"
#include "lib/core/bootstate.h"
#include "lib/core/gpt.h"
#include "lib/core/watchdog.h"

#define WATCHDOG_S 120 /* the firmware's, over reading one slot and over the UKI's stub */
#define PAUSE_FIRST_S 5
#define PAUSE_DOUBLINGS_MAX 4
#define READ_RETRIES 5
#define READ_RETRY_MS 1000

/* Generation numbers that Secure Boot revocation (SBAT) compares; shim reads them. */
__attribute__((used, section(".sbat"))) static const char sbat[] =
	"sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\n"
	"kiln.selector,1,kiln,kiln," KILN_VERSION ",https://uapi-group.org/\n";

/* The one boot this program is about. Static: too large for a firmware's stack. */
static struct owndisk disk;
static struct owndisk_range state_range;
static struct disk_ops disk_state_ops;
static struct bs_disk state_disk;
static struct gpt gpt;
static struct bs bs, bs_before;
static bool storable;
static const struct chain_mark *mark; /* NULL: this is the selector on the ESP */

/* Boots in a row that ended badly, for the back-off. */
static unsigned int failures_in_a_row(void)
{
	unsigned int n = 0;

	while (n < BS_RING_MAX && bs.ring[n].number && bs.ring[n].reason)
		n++;
	return n;
}

static _Noreturn void give_up(const char *why)
{
	unsigned int doublings = failures_in_a_row();
	uint64_t pause_s;

	if (doublings > PAUSE_DOUBLINGS_MAX)
		doublings = PAUSE_DOUBLINGS_MAX;
	pause_s = PAUSE_FIRST_S << doublings;
	say("%s: reset in %u s", why, pause_s);
	/* Should the firmware not come back from the pause or the reset, its watchdog will. */
	fw_watchdog(pause_s + WATCHDOG_S);
	watchdog_disarm();
	fw_pause_ms(pause_s * 1000);
	fw_reset();
}

/* Nothing is known any more: believe what the slots say of themselves, each sealed. */
static void rebuild(const struct slot_place *place)
{
	static struct slotdesc described[BS_SLOTS];
	const struct slotdesc *known[BS_SLOTS] = { 0 };

	for (unsigned int slot = 0; slot < BS_SLOTS; slot++)
		if (slot_describe(place, slot, &described[slot]))
			known[slot] = &described[slot];
	bs_rebuild(known[0], known[1], &bs);
	say("boot state: rebuilt: slot a %s, slot b %s", known[0] ? known[0]->version : "empty",
	    known[1] ? known[1]->version : "empty");
}

static bool state_readable(void)
{
	static uint8_t record[BS_RECORD_BYTES];

	for (unsigned int copy = 0; copy < BS_COPIES; copy++)
		if (disk_state_ops.read(&state_range, BS_COPY_OFFSET(copy), record, sizeof(record)))
			return false;
	return true;
}

/*
 * What the disk cannot read at once is not lost yet. What it cannot read at all is best written
 * anew: that is how a disk gets rid of a bad sector.
 */
static int load_patiently(void)
{
	int r = bs_load(&state_disk, &disk_state_ops, &bs);

	for (unsigned int i = 0; i < READ_RETRIES && r == BS_E_LOST && !state_readable(); i++) {
		fw_pause_ms(READ_RETRY_MS);
		r = bs_load(&state_disk, &disk_state_ops, &bs);
	}
	return r;
}

static void load_state(const struct slot_place *place)
{
	struct gpt_partition p;
	int r;

	if (gpt_find_name(&gpt, GPT_NAME_BOOT_STATE, &p) ||
	    gpt_size_bytes(&gpt, &p) < BS_PARTITION_BYTES) {
		say("boot state: no partition");
		rebuild(place);
		return;
	}
	state_range.disk = &disk;
	state_range.offset_bytes = gpt_offset_bytes(&gpt, &p);
	state_range.size_bytes = BS_PARTITION_BYTES;
	disk_state_ops = owndisk_ops(&state_range);
	r = load_patiently();
	storable = r != BS_E_NEWER;
	if (!r)
		return;
	say("boot state: %s", bs_error_text(r));
	rebuild(place);
}

static void say_selectors_passed_over(void)
{
	for (unsigned int area = 0; area < BS_SELECTORS; area++) {
		const struct bs_selector *s = &bs.selectors.area[area];

		if (s->reason && !bs_selector_holds(&bs, area, &s->image))
			say("newer selector %s: passed over: %s", s->image.version,
			    bs_selector_reason_text(s->reason));
	}
}

/* Count a start of the selector in @area; false: it cannot be put on record, so it must not be. */
static bool count_selector(unsigned int area)
{
	const struct bs_selector *s = &bs.selectors.area[area];
	int r;

	bs_before = bs;
	r = bs_selector_count_start(&bs, area);
	if (!r)
		r = bs_store(&state_disk, &bs);
	if (r) {
		bs = bs_before;
		say("newer selector %s: passed over: %s", s->image.version, bs_error_text(r));
		return false;
	}
	if (s->status == BS_SELECTOR_GOOD)
		say("newer selector %s: good, boot %u since the last confirm", s->image.version,
		    (uint64_t)s->unconfirmed);
	else
		say("newer selector %s: trying (%u tries left)", s->image.version,
		    (uint64_t)s->tries_left);
	return true;
}

/*
 * Start a newer selector, if there is one; a state that had to be rebuilt knows of none. Returns
 * when this one has to go on by itself.
 */
static void chain(const struct slot_place *place, unsigned int caused_reset)
{
	const struct chain_place from = { .self = place->selector, .state = &disk_state_ops };
	unsigned int failed = 0, area;

	if (bs_selector_to_blame(&bs)) {
		watchdog_forget();
		caused_reset = 0;
	}
	bs_selector_close(&bs);
	say_selectors_passed_over();
	while (bs_selector_choose(&bs, failed, &area) && count_selector(area)) {
		struct chain_mark m = { .revision = CHAIN_REVISION, .area = area,
					.caused_reset = caused_reset };
		struct bs_selector_image image = bs.selectors.area[area].image;
		enum bs_selector_reason reason;
		EFI_HANDLE loaded;

		fw_watchdog(WATCHDOG_S);
		reason = chain_load(&from, area, &image, &loaded);
		if (!reason) {
			m.watchdogs = watchdog_guard();
			reason = chain_start(&from, loaded, &m);
			watchdog_disarm();
			load_state(place); /* it may have stored something, too */
		}
		say("newer selector %s: %s", image.version, bs_selector_reason_text(reason));
		if (!bs_selector_failed(&bs, area, reason) && storable)
			bs_store(&state_disk, &bs);
		failed |= 1u << area;
	}
}

/*
 * Choose a slot and put the start on record. A start that cannot be put on record is no
 * trial: it could repeat for ever.
 */
static unsigned int choose(unsigned int failed)
{
	unsigned int slot = 0;
	int r;

	if (storable) {
		bs_before = bs;
		if (bs_choose(&bs, failed, 0, &slot))
			give_up("no slot can be started");
		r = bs_count_start(&bs, slot);
		if (!r)
			r = bs_store(&state_disk, &bs);
		if (!r)
			return slot;
		say("boot state: not stored: %s", bs_error_text(r));
		bs = bs_before;
		storable = false;
	}
	if (bs_choose(&bs, failed, BS_CHOOSE_UNCOUNTED, &slot))
		give_up("no slot may be started uncounted");
	return slot;
}

static void store_stage(enum bs_stage stage)
{
	if (storable && !bs_set_stage(&bs, stage))
		bs_store(&state_disk, &bs);
}

/* What the disk or memory refused today may go well tomorrow; wrong content will not. */
static void store_failure(unsigned int slot, enum bs_reason reason)
{
	bool passing = reason == BS_REASON_UKI_READ || reason == BS_REASON_MEMORY;

	if (!storable)
		return;
	if (passing)
		bs_mark_failed(&bs, slot, reason);
	else
		bs_mark_bad(&bs, slot, reason);
	bs_store(&state_disk, &bs);
}

/* Why a slot that could have been chosen was not; that it is second in line goes without saying. */
static void say_passed_over(unsigned int slot)
{
	const struct bs_slot *s = &bs.slot[slot];
	const char *why = NULL;

	if (s->status == BS_WRITING)
		why = "an update of it was not finished";
	else if (s->status == BS_BAD)
		why = bs_reason_text(s->reason);
	else if (s->status == BS_READY && s->image.epoch < bs.floor)
		why = bs_reason_text(BS_REASON_BELOW_FLOOR);
	else if (s->status == BS_READY && !bs_slot_bootable(&bs, slot))
		why = s->good ? "its last boots were not confirmed" :
				bs_reason_text(BS_REASON_TRIES_EXHAUSTED);
	if (why)
		say("slot %s: passed over: %s", bs_slot_name(slot), why);
}

static void say_choice(unsigned int slot, unsigned int failed)
{
	const struct bs_slot *s = &bs.slot[slot];

	for (unsigned int other = 0; other < BS_SLOTS; other++)
		if (other != slot && !(failed & 1u << other))
			say_passed_over(other);
	if (!storable)
		say("slot %s: trying, not counted", bs_slot_name(slot));
	else if (bs_before.oneshot == slot)
		say("slot %s: chosen for this boot only", bs_slot_name(slot));
	else if (s->good)
		say("slot %s: good, boot %u since the last confirm", bs_slot_name(slot),
		    (uint64_t)s->unconfirmed);
	else
		say("slot %s: trying (%u tries left)", bs_slot_name(slot), (uint64_t)s->tries_left);
}

/* What early init found that this image cannot feed, whatever its command line says. */
static unsigned int barred_watchdogs(unsigned int slot)
{
	static uint8_t note[WATCHDOG_NOTE_BYTES];

	if (!disk_state_ops.read || disk_state_ops.read(&state_range, WATCHDOG_NOTE_OFFSET(slot),
							note, sizeof(note)))
		return 0;
	return watchdog_note_decode(note, bs.slot[slot].image.root_hash);
}

static void boot_slot(const struct slot_place *place, unsigned int slot)
{
	const struct slotdesc *image = &bs.slot[slot].image;
	struct slot_loaded loaded;
	enum bs_reason reason;

	fw_watchdog(WATCHDOG_S);
	if (mark)
		watchdog_guard();
	reason = slot_load(place, slot, image, &loaded);
	if (!reason) {
		store_stage(BS_STAGE_LOADED);
		say("slot %s: starting %s %s", bs_slot_name(slot), image->name, image->version);
		bli_selected(slot);
		watchdog_arm(loaded.watchdogs, barred_watchdogs(slot));
		fw_watchdog(WATCHDOG_S);
		reason = slot_start(slot, loaded.image);
		watchdog_disarm();
	}
	store_failure(slot, reason);
}

EFI_STATUS EFIAPI efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS EFIAPI efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	struct slot_place place = { .disk = &disk, .gpt = &gpt, .selector = image };
	struct owndisk_range whole = { .disk = &disk };
	struct disk_ops ops;
	const char *why = "";
	unsigned int failed = 0, caused_reset;
	uint64_t init_us;
	int r;

	fw_init(table);
	init_us = fw_now_us();
	fw_watchdog(WATCHDOG_S);
	mark = chain_mark_of(image);
	say("selector " KILN_VERSION "%s", mark ? ", started by the one on the ESP" : "");
	say("Secure Boot %s", bli_secure_boot() ? "on" : "off: UKIs are checked by hash only");
	caused_reset = watchdog_find(mark ? mark->caused_reset : 0, mark ? mark->watchdogs : 0);
	if (owndisk_find(image, &disk, &why))
		give_up(why);
	whole.size_bytes = disk.size_bytes;
	ops = owndisk_ops(&whole);
	r = gpt_read(&ops, disk.sector_bytes, disk.size_bytes / disk.sector_bytes, &gpt);
	if (r)
		give_up(r > 0 ? gpt_error_text(r) : "the partition table cannot be read");
	if (gpt.from_backup)
		say("partition table: backup used: %s", gpt_error_text(gpt.primary_error));
	load_state(&place);
	if (!mark)
		chain(&place, caused_reset);
	bli_announce(init_us, &disk.esp, &bs);
	for (;;) {
		unsigned int slot = choose(failed);

		say_choice(slot, failed);
		boot_slot(&place, slot);
		failed |= 1u << slot;
	}
}
