/* See writelog.h. */
#include "qemu/writelog.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/blk.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/core/bytes.h"

#define MAGIC UINT64_C(0x6a736677736872)
#define VERSION 1
#define SUPER_BYTES 28
#define HEAD_BYTES 32
#define UNIT_BYTES 512 /* sectors are counted in these, whatever the log's own sector size */

enum { FLAG_FLUSH = 1, FLAG_FUA = 2, FLAG_DISCARD = 4, FLAG_MARK = 8 };

/* From the start of the superblock. */
enum { SUPER_O_MAGIC = 0, SUPER_O_VERSION = 8, SUPER_O_ENTRIES = 16, SUPER_O_SECTOR = 24 };

/* From the start of an entry, which takes a sector of the log and its data behind it. */
enum { ENTRY_O_SECTOR = 0, ENTRY_O_SECTORS = 8, ENTRY_O_FLAGS = 16, ENTRY_O_DATA = 24 };

static uint64_t round_up(uint64_t v, uint64_t to)
{
	return (v + to - 1) / to * to;
}

static int read_super(int fd, uint64_t *ret_n, uint64_t *ret_sector, struct err *err)
{
	uint8_t super[SUPER_BYTES];
	uint64_t n;
	uint32_t sector;
	int r = io_pread_all(fd, super, sizeof(super), 0);

	if (r < 0)
		return err_set(err, -EBADMSG, "no write log: it is too short");
	n = le64_load(super + SUPER_O_ENTRIES);
	sector = le32_load(super + SUPER_O_SECTOR);
	if (le64_load(super + SUPER_O_MAGIC) != MAGIC ||
	    le64_load(super + SUPER_O_VERSION) != VERSION)
		return err_set(err, -EBADMSG, "no write log of version %d", VERSION);
	if (n > WRITELOG_ENTRIES_MAX)
		return err_set(err, -EFBIG, "the write log has more than %u entries",
			       WRITELOG_ENTRIES_MAX);
	if (sector < 512 || sector > 65536 || sector & (sector - 1))
		return err_set(err, -EBADMSG, "the write log has sectors of %u bytes", sector);
	*ret_n = n;
	*ret_sector = sector;
	return 0;
}

/* Decode the entry at *@at of a log of @size bytes and step behind it. */
static int read_entry(int fd, uint64_t size, uint64_t sector, uint64_t *at,
		      struct writelog_entry *ret, struct err *err)
{
	uint8_t head[HEAD_BYTES];
	uint64_t first, count, flags, data = *at + sector;

	if (*at > size || io_pread_all(fd, head, sizeof(head), *at) < 0)
		return err_set(err, -EBADMSG, "the write log ends in the middle of an entry");
	first = le64_load(head + ENTRY_O_SECTOR);
	count = le64_load(head + ENTRY_O_SECTORS);
	flags = le64_load(head + ENTRY_O_FLAGS);
	if (first > UINT64_MAX / UNIT_BYTES / 2 || count > UINT64_MAX / UNIT_BYTES / 4)
		return err_set(err, -EBADMSG, "an entry of the write log makes no sense");
	*ret = (struct writelog_entry){
		.kind = flags & FLAG_DISCARD ? WRITELOG_DISCARD
			: count		     ? WRITELOG_WRITE
					     : WRITELOG_FLUSH,
		.fua = flags & FLAG_FUA,
		.offset_bytes = first * UNIT_BYTES,
		.len = count * UNIT_BYTES,
		.data_at = data,
	};
	if (flags & FLAG_MARK || (flags & FLAG_FLUSH && count))
		return err_set(err, -EBADMSG, "an entry of the write log is of an unknown kind");
	if (ret->kind == WRITELOG_WRITE) {
		if (data > size || ret->len > size - data)
			return err_set(err, -EBADMSG, "the write log ends inside a write");
		data = round_up(data + ret->len, sector);
	}
	*at = data;
	return 0;
}

static int read_all(struct writelog *log, struct err *err)
{
	uint64_t size, n = 0, sector = 0, at;
	int r = io_size(log->fd, &size);

	if (r < 0)
		return err_errno(err, r, "the write log");
	r = read_super(log->fd, &n, &sector, err);
	if (r < 0)
		return r;
	/* Each entry takes a sector: more than fit are not believed. */
	if (n > size / sector)
		return err_set(err, -EBADMSG, "the write log is cut short");
	log->entry = calloc(n + 1, sizeof(*log->entry));
	if (!log->entry)
		return err_oom(err);
	at = sector;
	for (; r == 0 && log->n < n; log->n++)
		r = read_entry(log->fd, size, sector, &at, &log->entry[log->n], err);
	return r;
}

int writelog_open(const char *path, struct writelog *ret, struct err *err)
{
	struct writelog log = { .fd = open(path, O_RDONLY | O_CLOEXEC) };
	int r = log.fd < 0 ? err_errno(err, -errno, "%s", path) : read_all(&log, err);

	if (r < 0) {
		writelog_done(&log);
		return err_add(err, r, "%s", path);
	}
	*ret = log;
	return 0;
}

void writelog_done(struct writelog *log)
{
	if (log->fd >= 0)
		close(log->fd);
	free(log->entry);
	*log = (struct writelog){ .fd = -1 };
}

int writelog_read(const struct writelog *log, const struct writelog_entry *e, uint64_t from,
		  void *data, size_t len)
{
	if (e->kind != WRITELOG_WRITE || from > e->len || len > e->len - from)
		return -EINVAL;
	return io_pread_all(log->fd, data, len, e->data_at + from);
}

int writelog_replay(const struct writelog *log, const struct writelog_entry *e, uint64_t len,
		    struct blk *disk)
{
	_cleanup_free_ uint8_t *data = malloc((size_t)len + 1);
	int r = data ? writelog_read(log, e, 0, data, (size_t)len) : -ENOMEM;

	return r < 0 ? r : blk_write(disk, e->offset_bytes, data, (size_t)len);
}
