#include "bootloader/efi/pci.h"

static uint32_t config(EFI_PCI_IO *pci, uint32_t width, uint32_t offset)
{
	uint32_t v = 0;

	return EFI_ERROR(pci->pci_read(pci, width, offset, 1, &v)) ? UINT32_MAX : v;
}

uint8_t pci_config8(EFI_PCI_IO *pci, uint32_t offset)
{
	return (uint8_t)config(pci, EFI_PCI_8, offset);
}

uint16_t pci_config16(EFI_PCI_IO *pci, uint32_t offset)
{
	return (uint16_t)config(pci, EFI_PCI_16, offset);
}

uint32_t pci_config32(EFI_PCI_IO *pci, uint32_t offset)
{
	return config(pci, EFI_PCI_32, offset);
}

void pci_config_write8(EFI_PCI_IO *pci, uint32_t offset, uint8_t v)
{
	pci->pci_write(pci, EFI_PCI_8, offset, 1, &v);
}

void pci_config_write16(EFI_PCI_IO *pci, uint32_t offset, uint16_t v)
{
	pci->pci_write(pci, EFI_PCI_16, offset, 1, &v);
}

uint16_t pci_bar0_16(EFI_PCI_IO *pci, uint64_t offset)
{
	uint16_t v = 0;

	return EFI_ERROR(pci->mem_read(pci, EFI_PCI_16, 0, offset, 1, &v)) ? UINT16_MAX : v;
}

void pci_bar0_write16(EFI_PCI_IO *pci, uint64_t offset, uint16_t v)
{
	pci->mem_write(pci, EFI_PCI_16, 0, offset, 1, &v);
}

void pci_bar0_write32(EFI_PCI_IO *pci, uint64_t offset, uint32_t v)
{
	pci->mem_write(pci, EFI_PCI_32, 0, offset, 1, &v);
}
