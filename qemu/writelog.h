/*
 * The write stream of a guest, as QEMU's blklogwrites driver recorded it: every
 * write, flush and discard of the disk in the order they were done.
 *
 * Killing QEMU loses nothing, since what the guest wrote sits in the host's page
 * cache: a missing flush cannot be found that way. From the stream any disk can
 * be made that a power cut might have left behind.
 *
 * Format: Linux Documentation/admin-guide/device-mapper/log-writes.rst, QEMU
 * block/blklogwrites.c. Numbers are little-endian.
 */
#ifndef QEMU_WRITELOG_H
#define QEMU_WRITELOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct blk;
struct err;

#define WRITELOG_ENTRIES_MAX (1u << 22)

enum writelog_kind { WRITELOG_WRITE, WRITELOG_FLUSH, WRITELOG_DISCARD };

struct writelog_entry {
	enum writelog_kind kind;
	bool fua; /* a write that is durable when it is done */
	uint64_t offset_bytes, len; /* on the disk; 0 for a flush */
	uint64_t data_at; /* of a write: where its bytes stand in the log */
};

struct writelog {
	int fd; /* of the log; owned */
	struct writelog_entry *entry; /* owned */
	size_t n;
};

/* Read the log @path. 0; -EBADMSG when it is none or is cut short; or another negative errno. */
int writelog_open(const char *path, struct writelog *ret, struct err *err);
void writelog_done(struct writelog *log);

/* Read @len bytes from byte @from of the write @e on. 0 or a negative errno. */
int writelog_read(const struct writelog *log, const struct writelog_entry *e, uint64_t from,
		  void *data, size_t len);

/* Do the first @len bytes of the write @e again, on @disk. 0 or a negative errno. */
int writelog_replay(const struct writelog *log, const struct writelog_entry *e, uint64_t len,
		    struct blk *disk);

#endif
