/*
 * The parts of a running UKI: the sections of UAPI.5 that the stub starts, in
 * the image the firmware has laid out in memory, each there exactly once.
 *
 * kiln's stub takes kernel, initramfs and command line from here and from
 * nowhere else. A section that would change what runs and that it does not
 * know to obey is refused, not ignored.
 */
#ifndef LIB_CORE_UKI_PARTS_H
#define LIB_CORE_UKI_PARTS_H

#include <stddef.h>
#include <stdint.h>

/* Longest command line: kernels take 2048 bytes with the NUL, and cut silently. */
#define UKI_CMDLINE_MAX 2047

enum uki_error {
	UKI_OK = 0,
	UKI_E_IMAGE, /* the image's headers or sections make no sense */
	UKI_E_MISSING, /* a section that must be there is not */
	UKI_E_TWICE, /* a section is there more than once */
	UKI_E_EMPTY, /* a section that must be there has no bytes */
	UKI_E_UNKNOWN, /* a section that changes what runs, and that is not obeyed here */
	UKI_E_CMDLINE, /* the command line has other bytes than printable ASCII, or too many */
};

/* The parts in UAPI.5's canonical order, in which they are measured into PCR 11. */
enum uki_part {
	UKI_LINUX,
	UKI_OSREL,
	UKI_CMDLINE,
	UKI_INITRD,
	UKI_UNAME,
	UKI_SBAT,
	UKI_PCRPKEY,
	UKI_PARTS,
};

/* Their names, with a NUL: ".linux", ... */
extern const char *const uki_part_name[UKI_PARTS];

/* Refers to the image; data is NULL for a part that is not there. */
struct uki_parts {
	struct {
		const uint8_t *data;
		uint32_t bytes;
	} part[UKI_PARTS];
};

/*
 * Find the parts of the UKI laid out in the @len bytes at @image. .linux, .initrd and .cmdline
 * must be there, the others may. An enum uki_error; @ret is written only on UKI_OK. On failure
 * *@ret_section names the section it is about, or is "" for the image as a whole.
 */
int uki_parts_find(const void *image, uint64_t len, struct uki_parts *ret,
		   const char **ret_section);

/* A short sentence for an enum uki_error. */
const char *uki_error_text(int error);

#endif
