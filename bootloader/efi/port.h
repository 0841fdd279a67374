/*
 * Registers no protocol of the firmware reaches: x86 I/O ports, and memory at a
 * fixed physical address (UEFI maps all of it one to one).
 */
#ifndef BOOTLOADER_EFI_PORT_H
#define BOOTLOADER_EFI_PORT_H

#include <stdint.h>

/* One 16-bit I/O port; x86 only. */
uint16_t port_in16(uint16_t port);
void port_out16(uint16_t port, uint16_t v);

/* One 32-bit register at the physical address @at. */
uint32_t register_read32(uint64_t at);
void register_write32(uint64_t at, uint32_t v);

#endif
