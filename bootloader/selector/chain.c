#include "bootloader/selector/chain.h"

#include "bootloader/efi/firmware.h"
#include "lib/core/platform.h"
#include "lib/core/sha256.h"

const struct chain_mark *chain_mark_of(EFI_HANDLE image)
{
	EFI_GUID guid = EFI_GUID_KILN_CHAIN;
	const struct chain_mark *mark = fw_protocol(image, &guid);

	return mark && mark->revision >= CHAIN_REVISION ? mark : NULL;
}

/* From memory, as a slot's UKI, and for the same reason: what was hashed is what runs. */
static enum bs_selector_reason load_bytes(const struct chain_place *place, void *bytes,
					  const struct bs_selector_image *image, EFI_HANDLE *ret)
{
	EFI_HANDLE loaded = NULL;
	EFI_STATUS status = fw->boot->load_image(0, place->self, NULL, bytes, image->bytes,
						 &loaded);

	if (!EFI_ERROR(status)) {
		*ret = loaded;
		return BS_SELECTOR_OK;
	}
	if (status == EFI_SECURITY_VIOLATION && loaded)
		fw->boot->unload_image(loaded);
	return status == EFI_OUT_OF_RESOURCES ? BS_SELECTOR_MEMORY : BS_SELECTOR_REFUSED;
}

enum bs_selector_reason chain_load(const struct chain_place *place, unsigned int area,
				   const struct bs_selector_image *image, EFI_HANDLE *ret)
{
	enum bs_selector_reason reason;
	uint8_t digest[SHA256_BYTES];
	uint8_t *bytes = fw_alloc(BS_SELECTOR_MAX_BYTES);

	if (!bytes)
		return BS_SELECTOR_MEMORY;
	if (place->state->read(place->state->ctx, BS_SELECTOR_OFFSET(area), bytes,
			       BS_SELECTOR_MAX_BYTES)) {
		reason = BS_SELECTOR_READ;
	} else {
		sha256_bytes(bytes, image->bytes, digest);
		reason = memcmp(digest, image->sha256, sizeof(digest)) ?
				 BS_SELECTOR_HASH : load_bytes(place, bytes, image, ret);
	}
	fw_free(bytes, BS_SELECTOR_MAX_BYTES);
	return reason;
}

/* Loaded from memory it came from no device; it looks for its disk where we found ours. */
static bool lend_device(EFI_HANDLE self, EFI_HANDLE image)
{
	EFI_GUID guid = EFI_GUID_LOADED_IMAGE;
	EFI_LOADED_IMAGE *ours = fw_protocol(self, &guid), *theirs = fw_protocol(image, &guid);

	if (!ours || !theirs)
		return false;
	theirs->device = ours->device;
	return true;
}

enum bs_selector_reason chain_start(const struct chain_place *place, EFI_HANDLE image,
				    struct chain_mark *mark)
{
	EFI_GUID guid = EFI_GUID_KILN_CHAIN;

	if (!lend_device(place->self, image) ||
	    EFI_ERROR(fw->boot->install_protocol_interface(&image, &guid, EFI_NATIVE_INTERFACE,
							   mark))) {
		fw->boot->unload_image(image);
		return BS_SELECTOR_MEMORY;
	}
	fw->boot->start_image(image, NULL, NULL);
	/* The firmware has unloaded it, unless it refused the start; its handle is ours to end. */
	fw->boot->uninstall_protocol_interface(image, &guid, mark);
	return BS_SELECTOR_RETURNED;
}
