/* Is the firmware's set of ACPI tables one with a certain table? */
#ifndef BOOTLOADER_EFI_ACPI_H
#define BOOTLOADER_EFI_ACPI_H

#include <stdbool.h>

/* True when the XSDT names a table with the four characters @signature. */
bool acpi_has_table(const char *signature);

#endif
