/*
 * One PCI function through the firmware: its configuration space and its first
 * memory BAR. The firmware's own access is used, as its timers and ours must not
 * meet at the configuration ports. A failed read gives all ones, as the bus does.
 */
#ifndef BOOTLOADER_EFI_PCI_H
#define BOOTLOADER_EFI_PCI_H

#include <stdint.h>

#include "bootloader/efi/uefi.h"

/* Configuration space, at byte @offset. */
uint8_t pci_config8(EFI_PCI_IO *pci, uint32_t offset);
uint16_t pci_config16(EFI_PCI_IO *pci, uint32_t offset);
uint32_t pci_config32(EFI_PCI_IO *pci, uint32_t offset);
void pci_config_write8(EFI_PCI_IO *pci, uint32_t offset, uint8_t v);
void pci_config_write16(EFI_PCI_IO *pci, uint32_t offset, uint16_t v);

/* Memory of BAR 0, at byte @offset. */
uint16_t pci_bar0_16(EFI_PCI_IO *pci, uint64_t offset);
void pci_bar0_write16(EFI_PCI_IO *pci, uint64_t offset, uint16_t v);
void pci_bar0_write32(EFI_PCI_IO *pci, uint64_t offset, uint32_t v);

#endif
