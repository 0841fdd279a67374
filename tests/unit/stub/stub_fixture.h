/*
 * A UKI whose kernel is part of the test: a PE file whose code jumps to fake_kernel(), which does
 * what Linux does and notes what it saw.
 */
#ifndef TESTS_UNIT_STUB_FIXTURE_H
#define TESTS_UNIT_STUB_FIXTURE_H

#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/core/pe_fixture.h"
#include "tests/unit/stub/fake_firmware.h"

EFI_STATUS EFIAPI efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

#define OUR_MACHINE (sizeof(trampoline) == 12 ? PE_MACHINE_X64 : PE_MACHINE_ARM64)
#define KERNEL_STATUS (EFI_ERROR_BIT | 27)

enum {
	UKI_BYTES = 0x10000,
	LINUX_MAX = 0x2000,
	KERNEL_BYTES = 0x5000,
	AT_CMDLINE = 0x2000,
	AT_INITRD = 0x3000,
	AT_OSREL = 0x4000,
	AT_SBAT = 0x5000,
	AT_LINUX = 0x6000,
};

/* mov rax, address; jmp rax -- or ldr x16, 8; br x16; address. */
#if defined(__x86_64__)
static uint8_t trampoline[12] = { 0x48, 0xb8, [10] = 0xff, 0xe0 };
#define TRAMPOLINE_ADDRESS 2
#else
static uint8_t trampoline[16] = { 0x50, 0x00, 0x00, 0x58, 0x00, 0x02, 0x1f, 0xd6 };
#define TRAMPOLINE_ADDRESS 8
#endif

static uint8_t uki[UKI_BYTES] __attribute__((aligned(4096)));
static uint8_t linux_file[LINUX_MAX];
static char cmdline[2048], initrd_data[0x200];
static EFI_LOADED_IMAGE own;
static EFI_HANDLE own_handle;

/* What the kernel saw, and how it shall end. */
static struct {
	unsigned n_started;
	EFI_HANDLE handle;
	bool calls_exit;
	EFI_HANDLE exits_as; /* NULL: as itself */
	char options[2100];
	size_t options_bytes;
	uint8_t initrd[0x400];
	size_t initrd_bytes;
	EFI_LOADED_IMAGE loaded;
	uint64_t rights[8];
	bool zeroed;
} seen;

/* As Linux's drivers/firmware/efi/libstub does. */
static inline void fetch_initrd(EFI_SYSTEM_TABLE *table)
{
	static const uint8_t path[24] = { 4,	3,    20,   0,	  0x27, 0xe4, 0x68, 0x55,
					  0xfc, 0x68, 0x3d, 0x4f, 0xac, 0x74, 0xca, 0x55,
					  0x52, 0x31, 0xcc, 0x68, 0x7f, 0xff, 4,    0 };
	EFI_GUID load_file2 = EFI_GUID_LOAD_FILE2;
	const EFI_DEVICE_PATH *at = (const void *)path;
	EFI_HANDLE handle = NULL;
	EFI_LOAD_FILE2 *loader;
	size_t size = 0;
	void *found;

	if (EFI_ERROR(table->boot->locate_device_path(&load_file2, &at, &handle)) ||
	    EFI_ERROR(table->boot->handle_protocol(handle, &load_file2, &found)))
		return;
	loader = found;
	assert_true(loader->load_file(loader, at, 0, &size, NULL) == EFI_BUFFER_TOO_SMALL);
	assert_true(loader->load_file(loader, at, 1, &size, seen.initrd) == EFI_UNSUPPORTED);
	assert_true(loader->load_file(loader, NULL, 0, &size, seen.initrd) ==
		    EFI_INVALID_PARAMETER);
	assert_true(size <= sizeof(seen.initrd));
	size--;
	assert_true(loader->load_file(loader, at, 0, &size, seen.initrd) == EFI_BUFFER_TOO_SMALL);
	assert_int_equal(loader->load_file(loader, at, 0, &size, seen.initrd), EFI_SUCCESS);
	seen.initrd_bytes = size;
}

static inline EFI_STATUS EFIAPI fake_kernel(EFI_HANDLE handle, EFI_SYSTEM_TABLE *table)
{
	EFI_GUID guid = EFI_GUID_LOADED_IMAGE;
	const CHAR16 *options;
	const uint8_t *bss;
	void *found = NULL;

	assert_ptr_equal(table, &fake.table);
	assert_int_equal(table->boot->handle_protocol(handle, &guid, &found), EFI_SUCCESS);
	seen.n_started++;
	seen.handle = handle;
	seen.loaded = *(EFI_LOADED_IMAGE *)found;
	options = seen.loaded.load_options;
	seen.options_bytes = seen.loaded.load_options_size;
	for (size_t i = 0; i < seen.options_bytes / 2; i++)
		seen.options[i] = (char)options[i];
	bss = (const uint8_t *)seen.loaded.image_base + 0x3000;
	seen.zeroed = bytes_are_zero(bss, 0x1000);
	memcpy(seen.rights, fake.rights, sizeof(seen.rights));
	fetch_initrd(table);
	if (seen.calls_exit)
		table->boot->exit(seen.exits_as ? seen.exits_as : handle, KERNEL_STATUS, 0, NULL);
	return KERNEL_STATUS;
}

static inline void make_kernel(void)
{
	static const struct fixture_section sections[] = {
		{ ".text", 0x1000, sizeof(trampoline), 0x200, FIXTURE_CODE, trampoline },
		{ ".data", 0x2000, 0x2000, 0x200, FIXTURE_DATA, NULL },
		{ ".const", 0x4000, 0x10, 0x200, FIXTURE_CONST, NULL },
	};

	le64_store(trampoline + TRAMPOLINE_ADDRESS, (uint64_t)(uintptr_t)fake_kernel);
	fixture_pe(linux_file, sections, 3, KERNEL_BYTES, 0x1000);
	le16_store(linux_file + FIXTURE_PE_AT + 4, OUR_MACHINE);
}

static inline void make_uki(void)
{
	static const struct fixture_section sections[] = {
		{ ".text", 0x1000, 0x10, 0x200, FIXTURE_CODE, NULL },
		{ ".cmdline", AT_CMDLINE, 0, 0x200, FIXTURE_CONST, NULL },
		{ ".initrd", AT_INITRD, 0x1ff, 0x200, FIXTURE_CONST, NULL },
		{ ".osrel", AT_OSREL, 5, 0x200, FIXTURE_CONST, NULL },
		{ ".sbat", AT_SBAT, 6, 0x200, FIXTURE_CONST, NULL },
		{ ".linux", AT_LINUX, LINUX_MAX, 0x200, FIXTURE_CONST, NULL },
	};

	memset(uki, 0xee, sizeof(uki));
	fixture_pe(uki, sections, 6, UKI_BYTES, 0x1000);
	le32_store(fixture_section_header(uki, 1) + 8, (uint32_t)strlen(cmdline));
	memcpy(uki + AT_CMDLINE, cmdline, strlen(cmdline));
	for (size_t i = 0; i < 0x1ff; i++)
		initrd_data[i] = (char)(i * 7);
	memcpy(uki + AT_INITRD, initrd_data, 0x1ff);
	memcpy(uki + AT_OSREL, "ID=x\n", 5);
	memcpy(uki + AT_SBAT, "sbat,1", 6);
	memcpy(uki + AT_LINUX, linux_file, LINUX_MAX);
}

/* A sound UKI, loaded from nowhere, on a firmware with a TPM and memory rights. */
static inline int setup(void **state)
{
	(void)state;
	memset(&seen, 0, sizeof(seen));
	strcpy(cmdline, "ro quiet kiln.image=x");
	make_kernel();
	make_uki();
	fake_init(true, true);
	own = (EFI_LOADED_IMAGE){ .image_base = uki, .image_size = sizeof(uki) };
	own_handle = fake_install(NULL, EFI_GUID_LOADED_IMAGE, &own);
	return 0;
}

static inline bool said(const char *text)
{
	return strstr(fake.said, text) != NULL;
}

/* The stub's answer; or, when it was ended by exit(), what it exited with. */
static inline EFI_STATUS run(void)
{
	unsigned protocols = fake_count_protocols();
	volatile EFI_STATUS status = 0;

	if (setjmp(fake.after_exit))
		status = fake.exit_status;
	else
		status = efi_main(own_handle, &fake.table);
	/* However it ended: nothing of ours is left. */
	assert_int_equal(fake_count_protocols(), protocols);
	assert_int_equal(fake_count_pages(), 0);
	assert_true(fake_table_is_sound());
	return status;
}

#endif
