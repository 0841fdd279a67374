/*
 * The serial port's words, boot by boot, as text files: boot-1.log, boot-2.log ...
 *
 * serial.log holds the raw bytes of all boots. Here every line stands without
 * control sequences behind its time since the boot's power on, in the file of the
 * boot that said it:
 *
 *	   3.602  kiln: selector 0.1.0
 */
#ifndef QEMU_BOOTLOG_H
#define QEMU_BOOTLOG_H

#include <stddef.h>

#include "lib/base/buf.h"
#include "qemu/serial.h"
#include "qemu/timeline.h"

struct err;

/* Longest file; the middle of a longer one is left out, which a line says. */
#define BOOTLOG_BYTES_MAX (1u << 20)

/*
 * What comes so soon after a reset was said before it: no machine starts this fast,
 * but its last words and the news of its reset come on different sockets.
 */
#define BOOTLOG_LAST_WORDS_MS 50

/* The file's name within its directory: "boot-@number.log". Owned; NULL when out of memory. */
char *bootlog_name(unsigned number);

/* The text of boot @idx of @t, appended to @out. */
void bootlog_text(const struct serial *s, const struct timeline *t, unsigned idx,
		  struct buf *out);

/*
 * Write one file into @dir for each boot that @t kept; those of an earlier run are removed. 0
 * or a negative errno.
 */
int bootlog_write(const char *dir, const struct serial *s, const struct timeline *t,
		  struct err *err);

#endif
