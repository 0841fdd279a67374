/* See guest.h. */
#include "qemu/guest/guest.h"

#include "lib/core/pe.h"
#include "lib/core/platform.h"

#define CHUNK 64

static void print(EFI_SYSTEM_TABLE *table, const char *text, size_t len)
{
	CHAR16 wide[CHUNK + 1];

	while (len) {
		size_t n = 0;

		for (; n < CHUNK && n < len; n++)
			wide[n] = (CHAR16)(unsigned char)text[n];
		wide[n] = 0;
		table->con_out->output_string(table->con_out, wide);
		text += n;
		len -= n;
	}
}

/* The section lies where its header says, as the image is in memory and not in a file. */
static void print_cmdline(EFI_SYSTEM_TABLE *table, EFI_HANDLE image)
{
	EFI_GUID guid = EFI_GUID_LOADED_IMAGE;
	struct pe_section cmdline;
	EFI_LOADED_IMAGE *loaded;
	void *found = NULL;
	struct pe pe;

	if (EFI_ERROR(table->boot->handle_protocol(image, &guid, &found)))
		return;
	loaded = found;
	if (!pe_parse(loaded->image_base, loaded->image_size, UINT64_MAX, &pe) &&
	    !pe_section_find(&pe, ".cmdline", &cmdline))
		print(table, (const char *)loaded->image_base + cmdline.virtual_address,
		      cmdline.virtual_bytes);
}

void guest_say(EFI_SYSTEM_TABLE *table, EFI_HANDLE image, const char *what)
{
	print(table, "guest: ", 7);
	print(table, what, strlen(what));
	print(table, ": ", 2);
	print_cmdline(table, image);
	print(table, "\r\n", 2);
}
