#include "bootloader/selector/slot.h"

#include "bootloader/efi/firmware.h"
#include "lib/core/pe.h"
#include "lib/core/platform.h"
#include "lib/core/sha256.h"
#include "lib/core/watchdog.h"

#if defined(__x86_64__)
#define OUR_MACHINE PE_MACHINE_X64
#else
#define OUR_MACHINE PE_MACHINE_ARM64
#endif

#define EFI_SUBSYSTEM_APPLICATION 10

bool slot_describe(const struct slot_place *place, unsigned int slot, struct slotdesc *ret)
{
	static uint8_t block[SLOTDESC_BYTES];
	struct owndisk_range range = { .disk = place->disk };
	struct gpt_partition p;
	struct disk_ops ops;

	if (gpt_find_name(place->gpt, gpt_name_boot[slot], &p))
		return false;
	range.offset_bytes = gpt_offset_bytes(place->gpt, &p);
	range.size_bytes = gpt_size_bytes(place->gpt, &p);
	if (range.size_bytes < SLOTDESC_BYTES)
		return false;
	ops = owndisk_ops(&range);
	if (ops.read(ops.ctx, range.size_bytes - SLOTDESC_BYTES, block, sizeof(block)))
		return false;
	return !slotdesc_decode(block, range.size_bytes, ret);
}

static enum bs_reason refuse(unsigned int slot, enum bs_reason reason, const char *why)
{
	say("slot %s: %s", bs_slot_name(slot), why);
	return reason;
}

static enum bs_reason check_uki(unsigned int slot, const struct slotdesc *image, const uint8_t *uki)
{
	uint8_t digest[SHA256_BYTES];
	struct pe pe;
	int r;

	sha256_bytes(uki, (size_t)image->uki_bytes, digest);
	if (memcmp(digest, image->uki_sha256, sizeof(digest)))
		return refuse(slot, BS_REASON_UKI_HASH, "UKI hash mismatch");
	r = pe_parse(uki, image->uki_bytes, image->uki_bytes, &pe);
	if (r)
		return refuse(slot, BS_REASON_UKI_REFUSED, pe_error_text(r));
	if (pe.machine != OUR_MACHINE || pe.subsystem != EFI_SUBSYSTEM_APPLICATION)
		return refuse(slot, BS_REASON_UKI_REFUSED, "UKI is for another machine");
	return BS_REASON_NONE;
}

/*
 * Told from the very bytes that were hashed. A UKI without a readable command line can feed
 * nothing.
 */
static unsigned int watchdogs_of(const struct slotdesc *image, const uint8_t *uki)
{
	struct pe_section cmdline;
	unsigned int set = 0;
	struct pe pe;

	if (!pe_parse(uki, image->uki_bytes, image->uki_bytes, &pe) &&
	    !pe_section_find(&pe, ".cmdline", &cmdline))
		watchdog_from_cmdline((const char *)uki + cmdline.offset, cmdline.bytes, &set);
	return set;
}

/*
 * The device path is NULL and LoadOptions stay empty on purpose: our stub looks at neither, but
 * another one would read unsigned files from beside the UKI, or take options for a command line.
 */
static enum bs_reason load_image(const struct slot_place *place, unsigned int slot, void *uki,
				 uint64_t len, EFI_HANDLE *ret_image)
{
	EFI_HANDLE image = NULL;
	EFI_STATUS status;

	status = fw->boot->load_image(0, place->selector, NULL, uki, (size_t)len, &image);
	if (!EFI_ERROR(status)) {
		*ret_image = image;
		return BS_REASON_NONE;
	}
	if (status == EFI_SECURITY_VIOLATION && image)
		fw->boot->unload_image(image);
	say("slot %s: UKI refused by the firmware: %s", bs_slot_name(slot), fw_status_text(status));
	return BS_REASON_UKI_REFUSED;
}

enum bs_reason slot_load(const struct slot_place *place, unsigned int slot,
			 const struct slotdesc *image, struct slot_loaded *ret)
{
	struct slot_loaded loaded = { 0 };
	uint64_t room = image->uki_bytes + GPT_SECTOR_BYTES_MAX;
	struct gpt_partition p;
	enum bs_reason reason;
	uint8_t *uki;

	if (gpt_find_name(place->gpt, gpt_name_boot[slot], &p))
		return refuse(slot, BS_REASON_NO_PARTITION, "no boot partition");
	if (!image->uki_bytes || image->uki_bytes > SLOT_UKI_MAX_BYTES ||
	    image->uki_bytes > gpt_size_bytes(place->gpt, &p))
		return refuse(slot, BS_REASON_UKI_SIZE, "UKI size makes no sense");
	uki = fw_alloc(room);
	if (!uki)
		return refuse(slot, BS_REASON_MEMORY, "not enough memory for the UKI");
	if (owndisk_read_large(place->disk, gpt_offset_bytes(place->gpt, &p), uki,
			       image->uki_bytes))
		reason = refuse(slot, BS_REASON_UKI_READ, "UKI cannot be read");
	else
		reason = check_uki(slot, image, uki);
	if (!reason)
		reason = load_image(place, slot, uki, image->uki_bytes, &loaded.image);
	if (!reason) {
		loaded.watchdogs = watchdogs_of(image, uki);
		*ret = loaded;
	}
	fw_free(uki, room);
	return reason;
}

enum bs_reason slot_start(unsigned int slot, EFI_HANDLE image)
{
	EFI_STATUS status = fw->boot->start_image(image, NULL, NULL);

	say("slot %s: UKI came back: %s", bs_slot_name(slot), fw_status_text(status));
	return BS_REASON_UKI_RETURNED;
}
