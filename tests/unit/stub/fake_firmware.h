/*
 * A UEFI firmware that is an ordinary program: a handle database, pages, variables, a console, a
 * TPM and memory rights, each as far as bootloader/stub uses it. Whatever it hands out is counted,
 * so that a test can ask whether all came back, and any call can be made to fail.
 */
#ifndef TESTS_UNIT_STUB_FAKE_FIRMWARE_H
#define TESTS_UNIT_STUB_FAKE_FIRMWARE_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>

#include "bootloader/efi/uefi.h"

enum {
	FAKE_PROTOCOLS_MAX = 32,
	FAKE_ALLOCATIONS_MAX = 8,
	FAKE_VARIABLES_MAX = 16,
	FAKE_EVENTS_MAX = 32,
	FAKE_CONSOLE_MAX = 8192,
	FAKE_RIGHTS_PAGES_MAX = 64,
};

struct fake_variable {
	char name[64]; /* as ASCII; "" once removed */
	EFI_GUID vendor;
	uint8_t value[256];
	size_t len;
	uint32_t attributes;
};

/* One extension of a PCR; the data are copied, up to its size. */
struct fake_event {
	uint32_t pcr, type;
	char text[32];
	uint64_t len;
	uint8_t data[64];
};

struct fake_firmware {
	EFI_SYSTEM_TABLE table;
	EFI_BOOT_SERVICES boot;
	EFI_RUNTIME_SERVICES runtime;
	EFI_TEXT_OUTPUT console;
	struct {
		EFI_HANDLE handle; /* NULL: free */
		EFI_GUID guid;
		void *interface;
	} protocol[FAKE_PROTOCOLS_MAX];
	struct {
		void *address; /* NULL: free */
		size_t pages;
		uint32_t type;
	} allocation[FAKE_ALLOCATIONS_MAX];
	struct fake_variable variable[FAKE_VARIABLES_MAX];
	unsigned n_variables;
	bool variables_locked; /* what is there cannot be removed */
	char said[FAKE_CONSOLE_MAX];
	size_t said_len;
	EFI_TCG2 tcg;
	bool tpm_present;
	struct fake_event event[FAKE_EVENTS_MAX];
	unsigned n_events;
	EFI_MEMORY_ATTRIBUTE attribute;
	uint64_t rights[FAKE_RIGHTS_PAGES_MAX]; /* of the pages from rights_base on */
	uint64_t rights_base, rights_initial;
	jmp_buf after_exit; /* where exit() goes */
	EFI_HANDLE exited; /* whom exit() was called for */
	EFI_STATUS exit_status;
	/*
	 * The call that fails with EFI_OUT_OF_RESOURCES, counted over allocations, installations,
	 * extensions of PCRs and changes of rights; 0: none.
	 */
	unsigned fail_at, n_calls;
};

extern struct fake_firmware fake;

/* A new firmware with a console, a SHA-less TPM (when @tpm) and memory rights (when @rights). */
void fake_init(bool tpm, bool rights);

/* Put @interface on @handle (NULL: a new one, returned). */
EFI_HANDLE fake_install(EFI_HANDLE handle, EFI_GUID guid, void *interface);

/* How many protocols are installed, pages handed out. */
unsigned fake_count_protocols(void);
size_t fake_count_pages(void);

/* Set a variable before the boot, as whoever was here earlier. */
void fake_set_variable(EFI_GUID vendor, const char *name, const char *value);

/* The variable @name, or NULL; its text value as ASCII. */
const struct fake_variable *fake_variable(const char *name);
const char *fake_variable_text(const char *name);

/* True when the boot services table has the checksum it says, and its own Exit(). */
bool fake_table_is_sound(void);

#endif
