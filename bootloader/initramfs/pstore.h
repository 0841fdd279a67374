/*
 * What a kernel that died left in pstore, put together: the kernel saves the end of
 * its log in parts, newest first, each a record of its own with a head line
 * `Panic#1 Part2`. Where the records lie is the firmware's business; nobody
 * protects them, so their text is evidence about the past and decides nothing else.
 */
#ifndef BOOTLOADER_INITRAMFS_PSTORE_H
#define BOOTLOADER_INITRAMFS_PSTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/core/bootstate.h"

#define PSTORE_RECORDS_MAX 64u /* looked at; a dump of the kernel's usual 10 KiB has up to 12 */
#define PSTORE_RECORD_BYTES_MAX 65536u
#define PSTORE_PARTS_MAX 99u
/* Parts of one dump are written within so many seconds. */
#define PSTORE_DUMP_S 10

/* One record as it was read. */
struct pstore_record {
	int64_t time_s; /* when the kernel wrote it, by its clock */
	const char *data; /* not owned */
	size_t len;
};

enum pstore_kind {
	PSTORE_OTHER, /* not a dump of a kernel log, or not to be understood */
	PSTORE_OOPS, /* something broke, and the kernel went on */
	PSTORE_PANIC,
};

/* The head line of a record. */
struct pstore_head {
	enum pstore_kind kind;
	uint32_t count; /* the how-manieth dump since that kernel's start; from 1 */
	uint32_t part; /* 1 is the newest end of the log */
	size_t head_bytes; /* where the log starts behind it */
};

/* Is @name, of a file in pstore, a dump of a kernel log in plain text? */
bool pstore_is_dump(const char *name);

/* Parse a record's head line. False when it has none. */
bool pstore_head_parse(const char *data, size_t len, struct pstore_head *ret);

/*
 * Put the newest dump together, oldest line first: of a panic if there is one among the @n
 * @records, else of an oops. Writes up to @size bytes to @out and the length to *@ret_len; when
 * there is more, the older end is left out. PSTORE_OTHER when there is no dump.
 */
enum pstore_kind pstore_newest(const struct pstore_record *records, size_t n, char *out,
			       size_t size, size_t *ret_len);

/* What the panic in @text was about: VERITY, MEMORY, a reason early init left there, or PANIC. */
enum bs_reason pstore_reason(const char *text, size_t len);

#endif
