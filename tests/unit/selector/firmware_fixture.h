/*
 * A machine around the real selector: firmware tables, a disk with a cache that forgets
 * what was not flushed, a clock, two UKIs. Each power-on runs efi_main() in a process of
 * its own, as its variables live only as long as a boot; what the boot did is read
 * from shared memory afterwards.
 *
 * The rules that hold in every boot are checked here, at the moment a kernel starts:
 * what was counted is durable, nothing but the selector's own disk was touched, and
 * the keyboard was never looked at (it lies in memory that cannot be read). Newer
 * selectors are in newer_selector.h.
 */
#ifndef TESTS_UNIT_SELECTOR_FIRMWARE_FIXTURE_H
#define TESTS_UNIT_SELECTOR_FIRMWARE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "bootloader/efi/firmware.h"
#include "lib/core/gpt.h"
#include "tests/unit/builder/uki_fixture.h"
#include "tests/unit/selector/newer_selector.h"

#define SECTOR 512u
#define BOOT_AT(slot) ((3u + (slot)) * MIB)
#define NEVER UINT32_MAX

/* ---- inside a boot -------------------------------------------------------------------- */

static unsigned int loaded_slot;

static EFI_STATUS EFIAPI output_string(EFI_TEXT_OUTPUT *self, const CHAR16 *text)
{
	(void)self;
	m->lines++;
	if (m->console_stalls) {
		m->console_stalls--;
		m->log[m->log_len++] = (char)*text;
		return EFI_LOAD_ERROR;
	}
	for (; *text && m->log_len + 1 < sizeof(m->log); text++) {
		if ((*text < ' ' && *text != '\r' && *text != '\n') || *text > '~')
			say_broken("only printable characters go to the console");
		if (*text != '\r')
			m->log[m->log_len++] = (char)*text;
	}
	return EFI_SUCCESS;
}

/* -- disk -- */

static void tick(bool *ret_cut)
{
	*ret_cut = m->operations++ == m->cut_at;
	if (*ret_cut && !m->cut_after)
		end(ENDED_CUT);
}

static bool range_unreadable(uint64_t at, size_t size)
{
	for (unsigned int slot = 0; slot < BS_SLOTS; slot++)
		if (m->unreadable[slot] && at + size > BOOT_AT(slot) && at < BOOT_AT(slot + 1))
			return true;
	for (unsigned int area = 0; area < BS_SELECTORS; area++)
		if (m->newer_unreadable[area] && at == AREA_AT(area))
			return true;
	if (!m->state_unreadable || at + size <= STATE_AT || at >= STATE_AT + MIB)
		return false;
	m->state_unreadable -= m->state_unreadable != NEVER;
	return true;
}

static EFI_STATUS EFIAPI read_blocks(EFI_BLOCK_IO *self, uint32_t id, EFI_LBA lba, size_t size,
				     void *buffer)
{
	uint64_t at = lba * SECTOR;

	(void)self;
	if (id != 7 || size % SECTOR || at + size > DISK_BYTES || (uintptr_t)buffer % SECTOR)
		say_broken("reads are whole, aligned and inside the disk");
	else if (range_unreadable(at, size))
		return EFI_ERROR_BIT | 7;
	else
		memcpy(buffer, cache + at, size);
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI write_blocks(EFI_BLOCK_IO *self, uint32_t id, EFI_LBA lba, size_t size,
				      const void *buffer)
{
	uint64_t at = lba * SECTOR;
	bool cut;

	(void)self;
	if (id != 7 || size % SECTOR || at < STATE_AT || at + size > AREA_AT(0))
		say_broken("only the boot state is written");
	if (m->write_status) {
		EFI_STATUS status = m->write_status;

		if (m->writes_failing && !--m->writes_failing)
			m->write_status = EFI_SUCCESS;
		return status;
	}
	tick(&cut);
	if (!m->writes_vanish)
		memcpy(cache + at, buffer, size);
	if (cut) { /* half of it is on the disk */
		memcpy(m->disk + at, buffer, size / 2);
		end(ENDED_CUT);
	}
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI flush_blocks(EFI_BLOCK_IO *self)
{
	bool cut;

	(void)self;
	tick(&cut);
	memcpy(m->disk, cache, DISK_BYTES);
	if (cut)
		end(ENDED_CUT);
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI refuse_read(EFI_BLOCK_IO *self, uint32_t id, EFI_LBA lba, size_t size,
				     void *buffer)
{
	(void)self, (void)id, (void)lba, (void)size, (void)buffer;
	say_broken("only the selector's own disk is read");
	return EFI_ERROR_BIT | 7;
}

static EFI_STATUS EFIAPI refuse_write(EFI_BLOCK_IO *self, uint32_t id, EFI_LBA lba, size_t size,
				      const void *buffer)
{
	(void)self, (void)id, (void)lba, (void)size, (void)buffer;
	say_broken("only the selector's own disk is written");
	return EFI_SUCCESS;
}

/* -- handles and protocols -- */

static EFI_BLOCK_IO_MEDIA media = { .media_id = 7, .present = 1, .block_size = SECTOR,
				    .last_block = DISK_BYTES / SECTOR - 1 };
static EFI_BLOCK_IO_MEDIA part_media = { .media_id = 7, .present = 1, .logical_partition = 1,
					 .block_size = SECTOR };
static EFI_BLOCK_IO disk_io = { .media = &media, .read_blocks = read_blocks,
				.write_blocks = write_blocks, .flush_blocks = flush_blocks };
static EFI_BLOCK_IO part_io = { .media = &part_media, .read_blocks = refuse_read,
				.write_blocks = refuse_write, .flush_blocks = flush_blocks };
static EFI_BLOCK_IO decoy_io = { .media = &media, .read_blocks = refuse_read,
				 .write_blocks = refuse_write, .flush_blocks = flush_blocks };
static EFI_LOADED_IMAGE loaded_image = { .device = &handles.esp };

/* A controller, a partition of its disk, the end; the decoy differs in the controller. */
#define END_NODE 0x7f, 0xff, 4, 0
#define CONTROLLER(n) 1, 1, 6, 0, (n), 2
static const uint8_t disk_path[] = { CONTROLLER(1), END_NODE };
static const uint8_t decoy_path[] = { CONTROLLER(9), END_NODE };
static const uint8_t esp_path[] = { CONTROLLER(1), 4, 1, 42, 0, [6 + 24] = 0xaa, [6 + 40] = 2, 2,
				    END_NODE };

static bool same_guid(const EFI_GUID *a, EFI_GUID b)
{
	return !memcmp(a, &b, sizeof(b));
}

static EFI_STATUS EFIAPI handle_protocol(EFI_HANDLE h, const EFI_GUID *guid, void **ret)
{
	const void *found = NULL;

	if (same_guid(guid, EFI_GUID_LOADED_IMAGE))
		found = h == &handles.image	? &loaded_image
			: h == &handles.newer ? &newer_image
					      : NULL;
	else if (same_guid(guid, EFI_GUID_KILN_CHAIN))
		found = h == &handles.newer ? newer_mark : NULL;
	else if (same_guid(guid, EFI_GUID_DEVICE_PATH))
		found = h == &handles.esp     ? esp_path
			: h == &handles.disk  ? disk_path
			: h == &handles.decoy ? decoy_path
					      : NULL;
	else if (same_guid(guid, EFI_GUID_BLOCK_IO))
		found = h == &handles.esp     ? &part_io
			: h == &handles.disk  ? &disk_io
			: h == &handles.decoy ? &decoy_io
					      : NULL;
	else if (same_guid(guid, EFI_GUID_PCI_IO))
		found = h == &handles.esb ? &esb_io : h == &handles.lpc ? &lpc_io : NULL;
	*ret = (void *)(uintptr_t)found;
	return found ? EFI_SUCCESS : EFI_ERROR_BIT | 3;
}

static EFI_STATUS EFIAPI locate_handle(uint32_t how, const EFI_GUID *guid, void *key, size_t *size,
				       EFI_HANDLE *out)
{
	EFI_HANDLE found[4];
	size_t n = 0;

	(void)how, (void)key;
	if (same_guid(guid, EFI_GUID_BLOCK_IO)) {
		found[n++] = &handles.decoy;
		found[n++] = &handles.esp;
		found[n++] = &handles.disk;
	} else if (same_guid(guid, EFI_GUID_PCI_IO)) {
		if (m->has_lpc)
			found[n++] = &handles.lpc;
		if (m->has_esb)
			found[n++] = &handles.esb;
	}
	if (!n)
		return EFI_NOT_FOUND;
	if (*size < n * sizeof(EFI_HANDLE)) {
		*size = n * sizeof(EFI_HANDLE);
		return EFI_BUFFER_TOO_SMALL;
	}
	memcpy(out, found, n * sizeof(EFI_HANDLE));
	*size = n * sizeof(EFI_HANDLE);
	return EFI_SUCCESS;
}

/* -- memory, time, variables, images -- */

static EFI_STATUS EFIAPI allocate_pages(uint32_t how, uint32_t kind, size_t pages, uint64_t *at)
{
	void *p;

	(void)how, (void)kind;
	if (m->no_memory && pages > 64)
		return EFI_ERROR_BIT | 9;
	p = mmap(NULL, pages * EFI_PAGE_BYTES, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*at = (uint64_t)(uintptr_t)p;
	return p == MAP_FAILED ? EFI_ERROR_BIT | 9 : EFI_SUCCESS;
}

static EFI_STATUS EFIAPI free_pages(uint64_t at, size_t pages)
{
	munmap((void *)(uintptr_t)at, pages * EFI_PAGE_BYTES);
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI stall(size_t us)
{
	m->clock_us += us;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI set_watchdog_timer(size_t seconds, uint64_t code, size_t size,
					    const CHAR16 *data)
{
	(void)code, (void)size, (void)data;
	fw_watchdog_now_s = seconds;
	return EFI_SUCCESS;
}

static void note_variable(char out[32], size_t size, const void *data)
{
	snprintf(out, 32, "%.*s", (int)size, (const char *)data);
}

static EFI_STATUS EFIAPI set_variable(const CHAR16 *name, const EFI_GUID *vendor, uint32_t attrs,
				      size_t size, const void *data)
{
	static const CHAR16 part[] = u"LoaderDevicePartUUID", armed[] = u"WatchdogArmed",
			    reset[] = u"WatchdogReset";

	(void)vendor;
	if (attrs != 6 && (attrs || size))
		say_broken("variables are volatile");
	if (!memcmp(name, part, sizeof(part))) {
		if (size && m->lasting_variable)
			return EFI_ERROR_BIT | 2;
		if (!size)
			m->lasting_variable = false;
		m->variable_replaced = size != 0;
	}
	if (!memcmp(name, armed, sizeof(armed)))
		note_variable(m->armed_variable, size, data);
	if (!memcmp(name, reset, sizeof(reset)))
		note_variable(m->reset_variable, size, data);
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI get_variable(const CHAR16 *name, const EFI_GUID *vendor, uint32_t *attrs,
				      size_t *size, void *data)
{
	(void)name, (void)vendor, (void)attrs, (void)size, (void)data;
	return EFI_NOT_FOUND;
}

static void EFIAPI reset_system(uint32_t type, EFI_STATUS status, size_t size, void *data)
{
	(void)type, (void)status, (void)size, (void)data;
	m->fw_watchdog_s = fw_watchdog_now_s;
	end(ENDED_RESET);
}

/* The UKIs of this fixture name their slot in the first bytes of their one section. */
static EFI_STATUS EFIAPI load_image(uint8_t policy, EFI_HANDLE parent, const void *path,
				    void *source, size_t size, EFI_HANDLE *ret)
{
	const char *cmdline = (const char *)source + FIXTURE_HEADERS;

	(void)policy;
	if (parent != (newer_runs ? &handles.newer : &handles.image) || path)
		say_broken("programs are loaded from memory, without a device path");
	if (is_newer(source, size))
		return newer_load(source, ret);
	if (size != FIXTURE_PE_BYTES || memcmp(cmdline, "slot=", 5))
		say_broken("what is loaded is a whole UKI");
	loaded_slot = cmdline[5] == 'b';
	*ret = &handles.uki;
	return m->load_status[loaded_slot];
}

static EFI_STATUS EFIAPI unload_image(EFI_HANDLE image)
{
	(void)image;
	return EFI_SUCCESS;
}

static bool start_is_durable(unsigned int slot);

static EFI_STATUS EFIAPI start_image(EFI_HANDLE image, size_t *size, CHAR16 **data)
{
	(void)size, (void)data;
	if (image == &handles.newer)
		return newer_start();
	if (!newer_runs && newer_mark)
		say_broken("no mark is left behind");
	m->booted_by_newer = newer_runs;
	m->starts++;
	m->started = loaded_slot;
	m->counted = start_is_durable(loaded_slot);
	m->fw_watchdog_s = fw_watchdog_now_s;
	m->hw_armed = hw_armed();
	m->esb_stage = esb_stage[0] == esb_stage[1] ? esb_stage[0] : 0;
	m->tco_ticks = tco[9] & 0x3ff;
	if (memcmp(cache, m->disk, DISK_BYTES))
		say_broken("nothing is left in the disk's cache when a kernel starts");
	if (m->behaviour[loaded_slot] == STAYS)
		end(ENDED_RUNNING);
	if (m->behaviour[loaded_slot] == RESETS)
		end(ENDED_RESET);
	return EFI_NOT_FOUND;
}

/* -- power -- */

static uint8_t wdat_table[] = "WDAT", xsdt[44] = "XSDT", rsdp[36] = "RSD PTR ";
static EFI_CONFIGURATION_TABLE tables[] = { { .table = rsdp } };
static EFI_TEXT_OUTPUT con_out = { .output_string = output_string };
static EFI_RUNTIME_SERVICES runtime = { .get_variable = get_variable,
					.set_variable = set_variable,
					.reset_system = reset_system };
static EFI_BOOT_SERVICES boot = {
	.allocate_pages = allocate_pages, .free_pages = free_pages,
	.handle_protocol = handle_protocol, .locate_handle = locate_handle,
	.load_image = load_image, .start_image = start_image, .unload_image = unload_image,
	.install_protocol_interface = newer_install_mark,
	.uninstall_protocol_interface = newer_uninstall_mark,
	.stall = stall, .set_watchdog_timer = set_watchdog_timer,
};

static _Noreturn void run_firmware(void)
{
	static EFI_SYSTEM_TABLE system = { .con_out = &con_out, .runtime = &runtime,
					   .boot = &boot, .n_configuration_tables = 1,
					   .configuration_tables = tables };

	/* Whoever looks at the keyboard dies. */
	system.con_in = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	tables[0].vendor = EFI_GUID_ACPI_20;
	rsdp[15] = 2;
	le64_store(rsdp + 24, (uint64_t)(uintptr_t)xsdt);
	le32_store(xsdt + 4, m->wdat ? 44 : 36);
	le64_store(xsdt + 36, (uint64_t)(uintptr_t)wdat_table);
	memcpy(cache, m->disk, DISK_BYTES);
	media.read_only = m->read_only;
	esb_lock = m->esb_locked;
	tco[4] = 0x800; /* halted */
	tco[3] = m->tco_timed_out ? 2 : 0;
	gcs = 0x20;
	newer_prepare(&system);
	efi_main(&handles.image, &system);
	end(ENDED_RETURNED);
}

/* Switch on, and wait how it ends. The log is of this boot alone. */
static enum ending power_on(void)
{
	int status;
	pid_t pid;

	m->log_len = 0;
	memset(m->log, 0, sizeof(m->log));
	m->operations = m->starts = 0;
	memset(m->newer_starts, 0, sizeof(m->newer_starts));
	m->clock_us = 0;
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		run_firmware();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status))
		fail_msg("the selector died of signal %d:\n%s", WTERMSIG(status), m->log);
	if (WEXITSTATUS(status) == ENDED_BROKE_A_RULE)
		fail_msg("%s", m->log);
	return (enum ending)WEXITSTATUS(status);
}

static bool said(const char *text)
{
	return strstr(m->log, text) != NULL;
}

/* ---- its disk ---------------------------------------------------------------------------- */

static int disk_read(void *ctx, uint64_t offset, void *data, size_t len)
{
	memcpy(data, m->disk + (uintptr_t)ctx + offset, len);
	return 0;
}

static int disk_write(void *ctx, uint64_t offset, const void *data, size_t len)
{
	memcpy(m->disk + (uintptr_t)ctx + offset, data, len);
	return 0;
}

static int disk_flush(void *ctx)
{
	(void)ctx;
	return 0;
}

static const struct disk_ops whole_ops = { NULL, disk_read, disk_write, disk_flush };
static const struct disk_ops state_ops = { (void *)(uintptr_t)STATE_AT, disk_read, disk_write,
					   disk_flush };

/* The boot state on the disk; false when there is none. */
static bool state_now(struct bs *ret)
{
	static struct bs_disk disk;

	return bs_load(&disk, &state_ops, ret) == BS_OK;
}

static void state_put(struct bs *bs)
{
	static struct bs_disk disk;
	struct bs old;

	bs_load(&disk, &state_ops, &old);
	assert_int_equal(bs_store(&disk, bs), BS_OK);
}

static bool start_is_durable(unsigned int slot)
{
	struct bs bs;

	return state_now(&bs) && bs.current == slot && bs.ring[0].slot == slot &&
	       bs.ring[0].number == bs.boots && bs.boots && bs.ring[0].stage >= BS_STAGE_LOADED;
}

bool newer_start_is_durable(unsigned int area)
{
	struct bs bs;

	return state_now(&bs) && bs.selectors.through == area && bs.selectors.area[area].unconfirmed &&
	       bs.selectors.stage == BS_STAGE_NONE;
}

/* Put the UKI of @slot with @words on its command line where it belongs. */
static struct slotdesc put_uki(unsigned int slot, const char *words)
{
	uint8_t *uki = m->disk + BOOT_AT(slot), *section = uki + 0x58 + 240;
	struct slotdesc d = { .uki_bytes = FIXTURE_PE_BYTES, .epoch = 5, .name = "demo",
			      .version = "1" };
	int n;

	fixture_pe(uki);
	memset(uki + FIXTURE_HEADERS, 0, 0x200);
	memcpy(section, ".cmdline", 8);
	n = snprintf((char *)uki + FIXTURE_HEADERS, 0x200, "slot=%c %s", slot ? 'b' : 'a', words);
	le32_store(section + 8, (uint32_t)n);
	sha256_bytes(uki, FIXTURE_PE_BYTES, d.uki_sha256);
	memset(d.root_hash, slot ? 0xbb : 0xaa, sizeof(d.root_hash));
	slotdesc_encode(&d, m->disk + BOOT_AT(slot + 1) - SLOTDESC_BYTES);
	return d;
}

/*
 * A machine that runs slot a, confirmed, with an update in slot b that has @tries tries (0:
 * slot b is confirmed, too).
 */
static int new_machine(unsigned int tries)
{
	static const char *const names[] = { GPT_NAME_ESP, GPT_NAME_BOOT_STATE, "boot-a",
					     "boot-b" };
	static struct gpt gpt;
	static uint8_t scratch[GPT_HEAD_BYTES(SECTOR)];
	static struct bs_disk disk;
	const struct guid id = { { 1 } };
	struct bs bs;

	if (!m)
		m = mmap(NULL, sizeof(*m), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			 0);
	memset(m, 0, sizeof(*m));
	m->cut_at = NEVER;
	assert_int_equal(gpt_init(&gpt, SECTOR, DISK_BYTES / SECTOR, &id), GPT_OK);
	for (unsigned int i = 0; i < 4; i++) {
		struct gpt_partition p = { .idx = i, .unique = { { 2, (uint8_t)i } } };

		p.type = i ? gpt_type_linux : gpt_type_esp;
		p.first_lba = (i + 1) * MIB / SECTOR;
		p.last_lba = (i + 2) * MIB / SECTOR - 1;
		strcpy(p.name, names[i]);
		assert_int_equal(gpt_set_partition(&gpt, &p), GPT_OK);
	}
	assert_int_equal(gpt_write(&gpt, &whole_ops, scratch), 0);
	bs_rebuild(NULL, NULL, &bs);
	bs.rebuilt = false;
	for (unsigned int slot = 0; slot < BS_SLOTS; slot++) {
		bool good = slot == 0 || !tries;

		bs.slot[slot] = (struct bs_slot){
			.status = BS_READY, .priority = slot ? 2 : 1, .good = good,
			.tries_left = good ? 0 : (uint8_t)tries, .tries_max = 3,
			.image = put_uki(slot, ""),
		};
	}
	assert_int_equal(bs_create(&disk, &state_ops, &bs), BS_OK);
	return 0;
}

#endif
