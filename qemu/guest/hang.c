/*
 * A kernel that hangs before its first line: the firmware's services and its watchdog
 * are gone, interrupts are off, and nothing is done any more.
 */
#include "qemu/guest/guest.h"

#define MAP_BYTES 65536u

static void stop(void)
{
#if defined(__x86_64__)
	__asm__ volatile("cli; hlt");
#else
	__asm__ volatile("msr daifset, #15; wfi");
#endif
}

EFI_STATUS EFIAPI efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	static uint8_t map[MAP_BYTES];
	size_t size = sizeof(map), key = 0, descriptor_size;
	uint32_t version;

	guest_say(table, image, "hang");
	/* If the first call changed the map itself, its key is stale and the second one right. */
	for (unsigned int i = 0; i < 2; i++) {
		size = sizeof(map);
		if (EFI_ERROR(table->boot->get_memory_map(&size, map, &key, &descriptor_size,
							  &version)))
			return EFI_NOT_FOUND;
		if (!EFI_ERROR(table->boot->exit_boot_services(image, key)))
			break;
	}
	for (;;)
		stop();
}
