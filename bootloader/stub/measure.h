/*
 * Measured boot: what the UKI consists of, extended into PCR 11 of the TPM, so
 * that secrets can be bound to exactly this image, and its value computed when
 * the image is built (systemd-measure(1)).
 */
#ifndef BOOTLOADER_STUB_MEASURE_H
#define BOOTLOADER_STUB_MEASURE_H

#include "lib/core/uki_parts.h"

/*
 * Measure all parts as UAPI.5 has it, and say so to the system in StubPcrKernelImage. Without a
 * TPM nothing happens. A TPM that fails is told on the console and no reason not to boot: the
 * value of PCR 11 is then not the expected one.
 */
void measure_parts(const struct uki_parts *parts);

#endif
