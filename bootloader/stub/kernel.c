/* See kernel.h. */
#include "bootloader/stub/kernel.h"

#include "bootloader/efi/firmware.h"
#include "bootloader/stub/initrd.h"
#include "bootloader/stub/rights.h"
#include "lib/core/bytes.h"
#include "lib/core/crc32.h"
#include "lib/core/pe_load.h"
#include "lib/core/platform.h"

#if defined(__x86_64__)
#define OUR_MACHINE PE_MACHINE_X64
#else
#define OUR_MACHINE PE_MACHINE_ARM64
#endif

#define EFI_SUBSYSTEM_APPLICATION 10

typedef EFI_STATUS(EFIAPI *EFI_ENTRY)(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

/* The one kernel of this boot. Static: exit_hook() gets no context from the firmware. */
static struct {
	struct pe pe;
	uint64_t pages; /* first address of what was allocated; 0: nothing */
	size_t n_pages;
	uint8_t *image; /* within the pages, aligned */
	struct rights rights;
	EFI_HANDLE handle, parent;
	EFI_LOADED_IMAGE loaded;
	CHAR16 options[UKI_CMDLINE_MAX + 1];
	EFI_EXIT firmware_exit; /* NULL: not hooked */
} kernel;

static EFI_STATUS refuse(const char *why)
{
	say("stub: .linux: %s", why);
	return EFI_LOAD_ERROR;
}

/* What was written as data is about to be fetched as instructions. */
static void sync_caches(const uint8_t *p, size_t len)
{
#if defined(__aarch64__)
	uint64_t type;
	size_t data_line, code_line;
	uintptr_t at, end = (uintptr_t)p + len;

	__asm__ volatile("mrs %0, ctr_el0" : "=r"(type));
	data_line = (size_t)4 << (type >> 16 & 15);
	code_line = (size_t)4 << (type & 15);
	for (at = (uintptr_t)p & ~(data_line - 1); at < end; at += data_line)
		__asm__ volatile("dc cvau, %0" : : "r"(at) : "memory");
	__asm__ volatile("dsb ish" : : : "memory");
	for (at = (uintptr_t)p & ~(code_line - 1); at < end; at += code_line)
		__asm__ volatile("ic ivau, %0" : : "r"(at) : "memory");
	__asm__ volatile("dsb ish; isb" : : : "memory");
#else
	(void)p;
	(void)len;
#endif
}

static EFI_STATUS parse(const uint8_t *data, uint32_t bytes)
{
	int r = pe_parse(data, bytes, bytes, &kernel.pe);

	if (!r)
		r = pe_load_check(&kernel.pe);
	if (r)
		return refuse(pe_error_text(r));
	if (kernel.pe.machine != OUR_MACHINE || kernel.pe.subsystem != EFI_SUBSYSTEM_APPLICATION)
		return refuse("it is for another machine");
	return EFI_SUCCESS;
}

static EFI_STATUS load(const uint8_t *data, uint32_t bytes)
{
	uint32_t alignment;
	EFI_STATUS status = parse(data, bytes);
	int r;

	if (EFI_ERROR(status))
		return status;
	alignment = pe_load_alignment(&kernel.pe);
	kernel.n_pages = ((size_t)kernel.pe.size_of_image + EFI_PAGE_BYTES - 1) / EFI_PAGE_BYTES +
			 (alignment - EFI_PAGE_BYTES) / EFI_PAGE_BYTES;
	status = fw->boot->allocate_pages(EFI_ALLOCATE_ANY_PAGES, EFI_LOADER_CODE, kernel.n_pages,
					  &kernel.pages);
	if (EFI_ERROR(status)) {
		kernel.pages = 0;
		say("stub: no memory for the kernel: %s", fw_status_text(status));
		return status;
	}
	kernel.image = (uint8_t *)(uintptr_t)((kernel.pages + alignment - 1) / alignment *
					      alignment);
	r = pe_load(&kernel.pe, kernel.image, (uint64_t)(uintptr_t)kernel.image);
	if (r)
		return refuse(pe_error_text(r));
	sync_caches(kernel.image, kernel.pe.size_of_image);
	rights_give(&kernel.rights, &kernel.pe, kernel.image);
	return EFI_SUCCESS;
}

/*
 * No device and no path: a kernel looks for files beside it only where these are, and there is
 * nothing it should find.
 */
static EFI_STATUS register_image(const struct uki_parts *parts)
{
	const uint8_t *line = parts->part[UKI_CMDLINE].data;
	uint32_t n = parts->part[UKI_CMDLINE].bytes;
	EFI_GUID guid = EFI_GUID_LOADED_IMAGE;
	EFI_STATUS status;

	for (uint32_t i = 0; i < n; i++)
		kernel.options[i] = line[i];
	kernel.options[n] = 0;
	kernel.loaded = (EFI_LOADED_IMAGE){
		.revision = EFI_LOADED_IMAGE_REVISION,
		.parent = kernel.parent,
		.system_table = fw,
		.load_options = kernel.options,
		.load_options_size = (n + 1) * (uint32_t)sizeof(CHAR16),
		.image_base = kernel.image,
		.image_size = kernel.pe.size_of_image,
		.image_code_type = EFI_LOADER_CODE,
		.image_data_type = EFI_LOADER_DATA,
	};
	kernel.handle = NULL;
	status = fw->boot->install_protocol_interface(&kernel.handle, &guid, EFI_NATIVE_INTERFACE,
						      &kernel.loaded);
	if (EFI_ERROR(status)) {
		kernel.handle = NULL;
		say("stub: the kernel cannot be registered: %s", fw_status_text(status));
	}
	return status;
}

static void set_exit(EFI_EXIT to)
{
	EFI_TABLE_HEADER *header = &fw->boot->header;

	fw->boot->exit = to;
	header->crc32 = 0;
	header->crc32 = crc32_add(0, header, header->header_size);
}

static void undo(void)
{
	EFI_GUID guid = EFI_GUID_LOADED_IMAGE;

	if (kernel.firmware_exit)
		set_exit(kernel.firmware_exit);
	kernel.firmware_exit = NULL;
	initrd_withdraw();
	if (kernel.handle)
		fw->boot->uninstall_protocol_interface(kernel.handle, &guid, &kernel.loaded);
	kernel.handle = NULL;
	if (kernel.pages) {
		rights_take_back(&kernel.rights);
		fw->boot->free_pages(kernel.pages, kernel.n_pages);
	}
	kernel.pages = 0;
}

/*
 * The firmware did not start the kernel and must not be asked to end it: what it knows is our own
 * program, which ends in the kernel's stead.
 */
static EFI_STATUS EFIAPI exit_hook(EFI_HANDLE image, EFI_STATUS status, size_t size, CHAR16 *data)
{
	EFI_EXIT firmware_exit = kernel.firmware_exit;

	if (!kernel.handle || image != kernel.handle)
		return firmware_exit(image, status, size, data);
	say("stub: the kernel gave up: %s", fw_status_text(status));
	undo();
	return firmware_exit(kernel.parent, status, 0, NULL);
}

static EFI_STATUS enter(void)
{
	EFI_ENTRY entry = (EFI_ENTRY)(uintptr_t)(kernel.image + kernel.pe.entry);
	EFI_STATUS status;

	kernel.firmware_exit = fw->boot->exit;
	set_exit(exit_hook);
	status = entry(kernel.handle, fw);
	say("stub: the kernel came back: %s", fw_status_text(status));
	return status;
}

EFI_STATUS kernel_start(EFI_HANDLE parent, const struct uki_parts *parts)
{
	EFI_STATUS status;

	kernel.parent = parent;
	status = load(parts->part[UKI_LINUX].data, parts->part[UKI_LINUX].bytes);
	if (!EFI_ERROR(status))
		status = register_image(parts);
	if (!EFI_ERROR(status))
		status = initrd_offer(parts->part[UKI_INITRD].data, parts->part[UKI_INITRD].bytes);
	if (!EFI_ERROR(status))
		status = enter();
	undo();
	return status;
}
