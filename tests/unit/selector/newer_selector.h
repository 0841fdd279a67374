/*
 * Newer selectors of the machine in firmware_fixture.h. One that works is this very
 * selector again, with variables of its own: a second process, forked before the first
 * efi_main() ran, takes the machine over as it is then.
 */
#ifndef TESTS_UNIT_SELECTOR_NEWER_SELECTOR_H
#define TESTS_UNIT_SELECTOR_NEWER_SELECTOR_H

#include "bootloader/selector/chain.h"

#define AREA_AT(area) (STATE_AT + BS_SELECTOR_OFFSET(area))
#define NEWER_BYTES 5000u
#define NEWER_HEAD "newer selector "

static bool newer_runs; /* this process is one */
static unsigned int newer_area; /* of the one loaded last */
static const struct chain_mark *newer_mark;
static EFI_LOADED_IMAGE newer_image; /* from no device, until somebody lends it one */
static int newer_wakes[2]; /* a pipe */
static pid_t newer_twin;

/* What a selector inherits with the machine: shared, to be taken over. */
static struct newer_inheritance {
	uint8_t cache[DISK_BYTES];
	struct chain_mark mark;
	EFI_HANDLE device;
	uint64_t fw_watchdog_s;
	uint8_t esb_lock, esb_unlocked;
	uint16_t esb_config, tco[16];
	uint32_t esb_stage[2], gcs;
} *newer_inherits;

static EFI_STATUS EFIAPI newer_install_mark(EFI_HANDLE *h, const EFI_GUID *guid, uint32_t type,
					    void *interface)
{
	EFI_GUID wanted = EFI_GUID_KILN_CHAIN;

	if (*h != &handles.newer || memcmp(guid, &wanted, sizeof(wanted)) || type)
		say_broken("the mark is on the newer selector's own handle");
	if (m->no_mark)
		return EFI_OUT_OF_RESOURCES;
	newer_mark = interface;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI newer_uninstall_mark(EFI_HANDLE h, const EFI_GUID *guid, void *interface)
{
	(void)guid;
	if (h != &handles.newer || interface != newer_mark)
		say_broken("the mark that was installed is taken away");
	newer_mark = NULL;
	return EFI_SUCCESS;
}

static bool is_newer(const void *source, size_t size)
{
	return size == NEWER_BYTES && !memcmp(source, NEWER_HEAD, sizeof(NEWER_HEAD) - 1);
}

/* The bytes of one name the area they belong to, and are the same to the end. */
static EFI_STATUS newer_load(const uint8_t *source, EFI_HANDLE *ret)
{
	if (newer_runs)
		say_broken("a newer selector chains no further");
	for (size_t i = sizeof(NEWER_HEAD) - 1; i < NEWER_BYTES; i++)
		if (source[i] != source[NEWER_BYTES - 1])
			say_broken("what is loaded is whole");
	newer_area = source[NEWER_BYTES - 1] == '1';
	newer_image = (EFI_LOADED_IMAGE){ 0 };
	if (m->newer_load_status[newer_area] == EFI_SUCCESS ||
	    m->newer_load_status[newer_area] == EFI_SECURITY_VIOLATION)
		*ret = &handles.newer;
	return m->newer_load_status[newer_area];
}

static bool newer_start_is_durable(unsigned int area);

/* The twin goes on with the machine as it is; the end of it is the end of the boot. */
static _Noreturn void newer_take_over(void)
{
	struct newer_inheritance *i = newer_inherits;
	int status;

	memcpy(i->cache, cache, sizeof(cache));
	i->mark = *newer_mark;
	i->device = newer_image.device;
	i->fw_watchdog_s = fw_watchdog_now_s;
	i->esb_lock = esb_lock;
	i->esb_unlocked = esb_unlocked;
	i->esb_config = esb_config;
	memcpy(i->tco, tco, sizeof(tco));
	memcpy(i->esb_stage, esb_stage, sizeof(esb_stage));
	i->gcs = gcs;
	if (write(newer_wakes[1], "", 1) != 1 || waitpid(newer_twin, &status, 0) != newer_twin)
		say_broken("the second process runs");
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

static EFI_STATUS newer_start(void)
{
	m->newer_starts[newer_area]++;
	m->newer_guarded = hw_armed();
	m->fw_watchdog_s = fw_watchdog_now_s;
	if (!newer_start_is_durable(newer_area))
		say_broken("a start of a newer selector is durable before it");
	if (!newer_mark || newer_mark->revision != CHAIN_REVISION || newer_mark->area != newer_area)
		say_broken("a newer selector is marked");
	switch (m->newer[newer_area]) {
	case NEWER_WORKS:
		newer_take_over();
	case NEWER_HANGS:
		end(fw_watchdog_now_s ? ENDED_RESET : ENDED_RETURNED);
	case NEWER_LOSES_STATE_AND_RETURNS:
		memset(cache + STATE_AT, 0xff, BS_SELECTOR_OFFSET(0));
		break;
	default:
		break;
	}
	return EFI_SUCCESS;
}

/* Forked before anything ran; wakes when a newer selector starts, and ends with its parent. */
static void newer_prepare(EFI_SYSTEM_TABLE *table)
{
	struct newer_inheritance *i;
	char byte;

	newer_inherits = mmap(NULL, sizeof(*newer_inherits), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (newer_inherits == MAP_FAILED || pipe(newer_wakes))
		abort();
	newer_twin = fork();
	if (newer_twin)
		return;
	close(newer_wakes[1]);
	if (read(newer_wakes[0], &byte, 1) != 1)
		_exit(0);
	i = newer_inherits;
	memcpy(cache, i->cache, sizeof(cache));
	newer_mark = &i->mark;
	newer_image.device = i->device;
	fw_watchdog_now_s = i->fw_watchdog_s;
	esb_lock = i->esb_lock;
	esb_unlocked = i->esb_unlocked;
	esb_config = i->esb_config;
	memcpy(tco, i->tco, sizeof(tco));
	memcpy(esb_stage, i->esb_stage, sizeof(esb_stage));
	gcs = i->gcs;
	newer_runs = true;
	efi_main(&handles.newer, table);
	_exit(ENDED_RETURNED);
}

#endif
