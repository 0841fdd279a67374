/*
 * A block device as a vtable: a file or device, a piece of memory, a window
 * (partition) of another one, or a recorder for crash tests.
 *
 * Every write that matters for surviving a power cut goes through here, so that
 * the crash harness sees it. All calls return 0 or a negative errno, move all
 * the bytes or fail, and refuse ranges outside the device (-ENXIO).
 */
#ifndef LIB_BASE_BLK_H
#define LIB_BASE_BLK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/core/disk.h"

struct blk;
struct err;

/* What a kind of device implements; ranges are checked before they get here. */
struct blk_class {
	int (*read)(struct blk *b, uint64_t offset_bytes, void *data, size_t len);
	int (*write)(struct blk *b, uint64_t offset_bytes, const void *data, size_t len);
	int (*flush)(struct blk *b);
	void (*free)(struct blk *b); /* frees @b itself */
	/* Make a range read as zeroes without moving them; NULL, -EOPNOTSUPP: it cannot. */
	int (*zero)(struct blk *b, uint64_t offset_bytes, uint64_t len);
};

/* The common part; a kind of device embeds it as its first member. */
struct blk {
	const struct blk_class *class;
	uint64_t size_bytes;
	uint32_t sector_bytes; /* logical: 512 or 4096 */
	bool read_only; /* writes give -EROFS */
	bool concurrent; /* several threads may be in its calls at once */
};

/* Open @path (a file or block device, O_CLOEXEC); @writable: for writing too. */
int blk_open(const char *path, bool writable, struct blk **ret, struct err *err);

/*
 * The same around the page cache, so that what is read after a flush comes from the
 * medium; where the file system has no O_DIRECT, its cache is dropped at each flush.
 * Reads may be of any alignment, writes are whole blocks of 4096 bytes. Memory that is
 * aligned to 4096 bytes saves a copy.
 */
int blk_open_direct(const char *path, bool writable, struct blk **ret, struct err *err);

/* Use @fd, which the device owns from now on (also on failure). */
int blk_from_fd(int fd, bool writable, struct blk **ret, struct err *err);

/* A zeroed device in memory. -ENOMEM. */
int blk_new_memory(uint64_t size_bytes, struct blk **ret);

/* The bytes of a memory device; NULL for another kind. Owned by the device. */
uint8_t *blk_memory(struct blk *b);

/*
 * [offset, offset + len) of @parent as a device of its own. @parent must live
 * longer and is not owned. -ENXIO when it lies outside.
 */
int blk_new_window(struct blk *parent, uint64_t offset_bytes, uint64_t len, struct blk **ret);

/* NULL-safe; returns NULL. Does not flush. */
struct blk *blk_free(struct blk *b);
static inline void blk_freep(struct blk **b)
{
	*b = blk_free(*b);
}
#define _cleanup_blk_ __attribute__((cleanup(blk_freep)))

/*
 * All @len bytes at @offset_bytes, of any alignment, or a negative errno: -ENXIO
 * outside the device, -EROFS for a write to what is read only. A write is durable
 * only after blk_flush().
 */
int blk_read(struct blk *b, uint64_t offset_bytes, void *data, size_t len);
int blk_write(struct blk *b, uint64_t offset_bytes, const void *data, size_t len);
/*
 * Make @len bytes at @offset_bytes read as zeroes: a hole in a file, the device's own
 * way where it has one, else written. As blk_write().
 */
int blk_zero(struct blk *b, uint64_t offset_bytes, uint64_t len);
/* Return only when everything written before is durable (fdatasync). */
int blk_flush(struct blk *b);

/* The callbacks lib/core wants; @b must outlive them. */
struct disk_ops blk_disk_ops(struct blk *b);

#endif
