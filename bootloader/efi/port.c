#include "bootloader/efi/port.h"

#if defined(__x86_64__)
uint16_t port_in16(uint16_t port)
{
	uint16_t v;

	__asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

void port_out16(uint16_t port, uint16_t v)
{
	__asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port));
}
#endif

uint32_t register_read32(uint64_t at)
{
	return *(const volatile uint32_t *)(uintptr_t)at;
}

void register_write32(uint64_t at, uint32_t v)
{
	*(volatile uint32_t *)(uintptr_t)at = v;
}
