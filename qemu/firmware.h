/*
 * Which UEFI firmware a machine starts with.
 */
#ifndef QEMU_FIRMWARE_H
#define QEMU_FIRMWARE_H

#include <stdbool.h>

struct err;

struct firmware {
	char *code; /* owned; read-only flash */
	char *vars; /* owned; template of the variable store, to be copied for each run */
	bool smm; /* a Secure Boot build that hangs without system management mode */
};

/*
 * Choose @path (may be NULL), else $KILN_OVMF, else the first of the places
 * where distributions put OVMF. The variable store is the file beside it with
 * VARS for CODE. 0 or a negative errno; -ENOENT says what to install.
 */
int firmware_find(const char *path, struct firmware *ret, struct err *err);
void firmware_done(struct firmware *f);

#endif
