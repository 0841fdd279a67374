/* See fake_firmware.h. */
#include "tests/unit/stub/fake_firmware.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/core/bytes.h"
#include "lib/core/crc32.h"

struct fake_firmware fake;

static bool fails(void)
{
	return ++fake.n_calls == fake.fail_at;
}

static void narrow(const CHAR16 *from, char *to, size_t size)
{
	size_t n = 0;

	for (; from[n] && n + 1 < size; n++)
		to[n] = (char)from[n];
	to[n] = 0;
}

/* ---- handles ---------------------------------------------------------------------- */

static bool same_guid(const EFI_GUID *a, const EFI_GUID *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static void *find(EFI_HANDLE handle, const EFI_GUID *guid)
{
	for (unsigned i = 0; i < FAKE_PROTOCOLS_MAX; i++)
		if (fake.protocol[i].handle && (!handle || fake.protocol[i].handle == handle) &&
		    same_guid(&fake.protocol[i].guid, guid))
			return fake.protocol[i].interface;
	return NULL;
}

EFI_HANDLE fake_install(EFI_HANDLE handle, EFI_GUID guid, void *interface)
{
	static char names[4096];
	static unsigned next;

	for (unsigned i = 0; i < FAKE_PROTOCOLS_MAX; i++) {
		if (fake.protocol[i].handle)
			continue;
		fake.protocol[i].handle = handle ? handle : &names[next++ % sizeof(names)];
		fake.protocol[i].guid = guid;
		fake.protocol[i].interface = interface;
		return fake.protocol[i].handle;
	}
	abort();
}

static EFI_STATUS EFIAPI install(EFI_HANDLE *handle, const EFI_GUID *guid, uint32_t type,
				 void *interface)
{
	if (type != EFI_NATIVE_INTERFACE || (*handle && find(*handle, guid)))
		return EFI_INVALID_PARAMETER;
	if (fails())
		return EFI_OUT_OF_RESOURCES;
	*handle = fake_install(*handle, *guid, interface);
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI uninstall(EFI_HANDLE handle, const EFI_GUID *guid, void *interface)
{
	for (unsigned i = 0; i < FAKE_PROTOCOLS_MAX; i++)
		if (fake.protocol[i].handle == handle && same_guid(&fake.protocol[i].guid, guid) &&
		    fake.protocol[i].interface == interface) {
			fake.protocol[i].handle = NULL;
			return EFI_SUCCESS;
		}
	return EFI_NOT_FOUND;
}

static EFI_STATUS EFIAPI handle_protocol(EFI_HANDLE handle, const EFI_GUID *guid, void **interface)
{
	*interface = handle ? find(handle, guid) : NULL;
	return *interface ? EFI_SUCCESS : EFI_UNSUPPORTED;
}

static EFI_STATUS EFIAPI locate_protocol(const EFI_GUID *guid, void *registration, void **interface)
{
	*interface = registration ? NULL : find(NULL, guid);
	return *interface ? EFI_SUCCESS : EFI_NOT_FOUND;
}

/* Only whole paths of one node match, which is what is looked for here. */
static EFI_STATUS EFIAPI locate_device_path(const EFI_GUID *guid, const EFI_DEVICE_PATH **path,
					    EFI_HANDLE *handle)
{
	EFI_GUID device_path = EFI_GUID_DEVICE_PATH;
	size_t len = le16_load((*path)->length);

	for (unsigned i = 0; i < FAKE_PROTOCOLS_MAX; i++) {
		const void *other;

		if (!fake.protocol[i].handle || !same_guid(&fake.protocol[i].guid, guid))
			continue;
		other = find(fake.protocol[i].handle, &device_path);
		if (!other || memcmp(other, *path, len) != 0)
			continue;
		*handle = fake.protocol[i].handle;
		*path = (const void *)((const uint8_t *)*path + len);
		return EFI_SUCCESS;
	}
	return EFI_NOT_FOUND;
}

unsigned fake_count_protocols(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < FAKE_PROTOCOLS_MAX; i++)
		n += fake.protocol[i].handle != NULL;
	return n;
}

/* ---- memory ----------------------------------------------------------------------- */

static EFI_STATUS EFIAPI allocate_pages(uint32_t how, uint32_t type, size_t pages, uint64_t *address)
{
	void *p;

	if (how != EFI_ALLOCATE_ANY_PAGES || !pages)
		return EFI_INVALID_PARAMETER;
	if (fails())
		return EFI_OUT_OF_RESOURCES;
	p = mmap(NULL, pages * EFI_PAGE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		abort();
	memset(p, 0xaf, pages * EFI_PAGE_BYTES);
	for (unsigned i = 0; i < FAKE_ALLOCATIONS_MAX; i++) {
		if (fake.allocation[i].address)
			continue;
		fake.allocation[i].address = p;
		fake.allocation[i].pages = pages;
		fake.allocation[i].type = type;
		*address = (uint64_t)(uintptr_t)p;
		return EFI_SUCCESS;
	}
	abort();
}

static EFI_STATUS EFIAPI free_pages(uint64_t address, size_t pages)
{
	for (unsigned i = 0; i < FAKE_ALLOCATIONS_MAX; i++)
		if (fake.allocation[i].address == (void *)(uintptr_t)address &&
		    fake.allocation[i].pages == pages) {
			munmap(fake.allocation[i].address, pages * EFI_PAGE_BYTES);
			fake.allocation[i].address = NULL;
			return EFI_SUCCESS;
		}
	return EFI_NOT_FOUND;
}

size_t fake_count_pages(void)
{
	size_t n = 0;

	for (unsigned i = 0; i < FAKE_ALLOCATIONS_MAX; i++)
		n += fake.allocation[i].address ? fake.allocation[i].pages : 0;
	return n;
}

/* The first question for rights says which pages are looked after from then on. */
static EFI_STATUS EFIAPI get_rights(EFI_MEMORY_ATTRIBUTE *self, uint64_t address, uint64_t len,
				    uint64_t *attributes)
{
	if (self != &fake.attribute || address % EFI_PAGE_BYTES || len % EFI_PAGE_BYTES ||
	    len / EFI_PAGE_BYTES > FAKE_RIGHTS_PAGES_MAX)
		return EFI_INVALID_PARAMETER;
	if (fails())
		return EFI_OUT_OF_RESOURCES;
	fake.rights_base = address;
	*attributes = fake.rights_initial;
	for (unsigned i = 0; i < FAKE_RIGHTS_PAGES_MAX; i++)
		fake.rights[i] = fake.rights_initial;
	return EFI_SUCCESS;
}

static EFI_STATUS change_rights(uint64_t address, uint64_t len, uint64_t set, uint64_t clear)
{
	uint64_t first = (address - fake.rights_base) / EFI_PAGE_BYTES;

	if (address % EFI_PAGE_BYTES || !len || len % EFI_PAGE_BYTES ||
	    first + len / EFI_PAGE_BYTES > FAKE_RIGHTS_PAGES_MAX)
		return EFI_INVALID_PARAMETER;
	if (fails())
		return EFI_OUT_OF_RESOURCES;
	for (uint64_t i = 0; i < len / EFI_PAGE_BYTES; i++)
		fake.rights[first + i] = (fake.rights[first + i] | set) & ~clear;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI set_rights(EFI_MEMORY_ATTRIBUTE *self, uint64_t address, uint64_t len,
				    uint64_t attributes)
{
	return self == &fake.attribute ? change_rights(address, len, attributes, 0)
				       : EFI_INVALID_PARAMETER;
}

static EFI_STATUS EFIAPI clear_rights(EFI_MEMORY_ATTRIBUTE *self, uint64_t address, uint64_t len,
				      uint64_t attributes)
{
	return self == &fake.attribute ? change_rights(address, len, 0, attributes)
				       : EFI_INVALID_PARAMETER;
}

/* ---- the rest --------------------------------------------------------------------- */

static EFI_STATUS EFIAPI stall(size_t microseconds)
{
	(void)microseconds;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI exit_program(EFI_HANDLE image, EFI_STATUS status, size_t size, CHAR16 *data)
{
	(void)data;
	if (size)
		abort();
	fake.exited = image;
	fake.exit_status = status;
	longjmp(fake.after_exit, 1);
}

static EFI_STATUS EFIAPI output(EFI_TEXT_OUTPUT *self, const CHAR16 *text)
{
	(void)self;
	for (; *text; text++)
		if (*text != '\r' && fake.said_len + 1 < FAKE_CONSOLE_MAX)
			fake.said[fake.said_len++] = (char)*text;
	fake.said[fake.said_len] = 0;
	return EFI_SUCCESS;
}

static struct fake_variable *find_variable(const char *name, const EFI_GUID *vendor)
{
	for (unsigned i = 0; i < fake.n_variables; i++)
		if (!strcmp(fake.variable[i].name, name) &&
		    same_guid(&fake.variable[i].vendor, vendor))
			return &fake.variable[i];
	return NULL;
}

static EFI_STATUS remove_variable(const char *name, const EFI_GUID *vendor)
{
	struct fake_variable *v = find_variable(name, vendor);

	if (!v)
		return EFI_NOT_FOUND;
	if (fake.variables_locked)
		return EFI_WRITE_PROTECTED;
	v->name[0] = 0;
	return EFI_SUCCESS;
}

void fake_set_variable(EFI_GUID vendor, const char *name, const char *value)
{
	struct fake_variable *v = &fake.variable[fake.n_variables++];

	strncpy(v->name, name, sizeof(v->name) - 1);
	v->vendor = vendor;
	v->len = strlen(value);
	memcpy(v->value, value, v->len);
}

static EFI_STATUS EFIAPI set_variable(const CHAR16 *name, const EFI_GUID *vendor,
				      uint32_t attributes, size_t size, const void *data)
{
	EFI_GUID loader = EFI_GUID_LOADER;
	struct fake_variable *v = &fake.variable[fake.n_variables];
	char text[64];

	narrow(name, text, sizeof(text));
	if (!size && !attributes)
		return remove_variable(text, vendor);
	if (!same_guid(vendor, &loader) || size > sizeof(v->value) || fake_variable(text) ||
	    fake.n_variables == FAKE_VARIABLES_MAX)
		abort();
	memcpy(v->name, text, sizeof(text));
	v->vendor = *vendor;
	memcpy(v->value, data, size);
	v->len = size;
	v->attributes = attributes;
	fake.n_variables++;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI get_variable(const CHAR16 *name, const EFI_GUID *vendor,
				      uint32_t *attributes, size_t *size, void *data)
{
	char text[64];

	(void)attributes;
	(void)data;
	narrow(name, text, sizeof(text));
	if (!find_variable(text, vendor))
		return EFI_NOT_FOUND;
	if (*size)
		abort();
	return EFI_BUFFER_TOO_SMALL;
}

const struct fake_variable *fake_variable(const char *name)
{
	for (unsigned i = 0; i < fake.n_variables; i++)
		if (!strcmp(fake.variable[i].name, name))
			return &fake.variable[i];
	return NULL;
}

const char *fake_variable_text(const char *name)
{
	static char text[128];
	const struct fake_variable *v = fake_variable(name);

	if (!v || v->len < 2 || v->value[v->len - 2] || v->value[v->len - 1])
		return NULL;
	narrow((const CHAR16 *)(const void *)v->value, text, sizeof(text));
	return text;
}

static EFI_STATUS EFIAPI tcg_capability(EFI_TCG2 *self, EFI_TCG2_CAPABILITY *capability)
{
	if (self != &fake.tcg || capability->size != sizeof(*capability))
		return EFI_INVALID_PARAMETER;
	capability->tpm_present = fake.tpm_present;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI tcg_extend(EFI_TCG2 *self, uint64_t flags, uint64_t data, uint64_t len,
				    const void *event)
{
	const uint8_t *e = event;
	struct fake_event *to = &fake.event[fake.n_events];
	uint32_t size = le32_load(e);

	if (self != &fake.tcg || flags || fake.n_events == FAKE_EVENTS_MAX ||
	    le32_load(e + 4) != 14 || le16_load(e + 8) != 1 || size < 18 || size > 18 + 32)
		return EFI_INVALID_PARAMETER;
	if (fails())
		return EFI_OUT_OF_RESOURCES;
	to->pcr = le32_load(e + 10);
	to->type = le32_load(e + 14);
	memcpy(to->text, e + 18, size - 18);
	to->len = len;
	memcpy(to->data, (const void *)(uintptr_t)data, len < 64 ? len : 64);
	fake.n_events++;
	return EFI_SUCCESS;
}

bool fake_table_is_sound(void)
{
	EFI_BOOT_SERVICES copy = fake.boot;

	copy.header.crc32 = 0;
	return fake.boot.exit == exit_program &&
	       fake.boot.header.crc32 == crc32_add(0, &copy, copy.header.header_size);
}

void fake_init(bool tpm, bool rights)
{
	memset(&fake, 0, sizeof(fake));
	fake.boot = (EFI_BOOT_SERVICES){
		.header.header_size = sizeof(fake.boot),
		.allocate_pages = allocate_pages,
		.free_pages = free_pages,
		.install_protocol_interface = install,
		.uninstall_protocol_interface = uninstall,
		.handle_protocol = handle_protocol,
		.locate_device_path = locate_device_path,
		.locate_protocol = locate_protocol,
		.exit = exit_program,
		.stall = stall,
	};
	fake.boot.header.crc32 = crc32_add(0, &fake.boot, sizeof(fake.boot));
	fake.runtime.get_variable = get_variable;
	fake.runtime.set_variable = set_variable;
	fake.console.output_string = output;
	fake.table.header.revision = 2 << 16 | 70;
	fake.table.firmware_vendor = (CHAR16 *)(uintptr_t)u"Fake \x00fc";
	fake.table.firmware_revision = 1 << 16 | 3;
	fake.table.con_out = &fake.console;
	fake.table.runtime = &fake.runtime;
	fake.table.boot = &fake.boot;
	fake.tcg.get_capability = tcg_capability;
	fake.tcg.hash_log_extend_event = tcg_extend;
	fake.tpm_present = tpm;
	fake.attribute = (EFI_MEMORY_ATTRIBUTE){ get_rights, set_rights, clear_rights };
	fake_install(NULL, EFI_GUID_TCG2, &fake.tcg);
	if (rights)
		fake_install(NULL, EFI_GUID_MEMORY_ATTRIBUTE, &fake.attribute);
}
