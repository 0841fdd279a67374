/* See contents.h. */
#include "install/contents.h"

#include <blkid/blkid.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/printable.h"

#define SECTOR_BYTES 512 /* in which libblkid counts, whatever the disk does */
#define LINES_MAX 128

static blkid_probe probe_new(int fd, uint64_t offset, uint64_t bytes)
{
	blkid_probe p = blkid_new_probe();

	if (!p || blkid_probe_set_device(p, fd, (blkid_loff_t)offset, (blkid_loff_t)bytes)) {
		blkid_free_probe(p);
		return NULL;
	}
	blkid_probe_enable_superblocks(p, 1);
	blkid_probe_set_superblocks_flags(p, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL |
						     BLKID_SUBLKS_USAGE);
	return p;
}

static const char *value_of(blkid_probe p, const char *name)
{
	const char *value;

	return blkid_probe_lookup_value(p, name, &value, NULL) ? NULL : value;
}

/* "ext4 'home'": a label is whoever's who wrote the disk. */
static void add_label(struct buf *out, const char *label)
{
	if (!label || !*label)
		return;
	buf_adds(out, " '");
	printable_add(out, label, strlen(label), false);
	buf_addc(out, '\'');
}

/* A file system, RAID or LUKS that begins at @offset. False when there is none. */
static bool add_superblock(struct buf *out, int fd, uint64_t offset, uint64_t bytes)
{
	blkid_probe p = probe_new(fd, offset, bytes);
	/* Two that contradict each other are there all the same. */
	int r = p ? blkid_do_safeprobe(p) : -1;
	const char *type = r == 0 ? value_of(p, "TYPE") : NULL;

	if (type) {
		buf_adds(out, type);
		add_label(out, value_of(p, "LABEL"));
	} else if (r == -2) {
		buf_adds(out, "several file systems at once");
	}
	blkid_free_probe(p);
	return type || r == -2;
}

static void add_partition(struct buf *out, int fd, blkid_partition part)
{
	uint64_t start = (uint64_t)blkid_partition_get_start(part) * SECTOR_BYTES;
	uint64_t bytes = (uint64_t)blkid_partition_get_size(part) * SECTOR_BYTES;

	buf_addf(out, "  %3d  %9" PRIu64 " MiB  ", blkid_partition_get_partno(part), bytes >> 20);
	if (!add_superblock(out, fd, start, bytes))
		buf_adds(out, "no known file system");
	if (blkid_partition_get_name(part)) {
		buf_adds(out, ", partition");
		add_label(out, blkid_partition_get_name(part));
	}
	buf_addc(out, '\n');
}

static bool add_table(struct buf *out, int fd)
{
	blkid_probe p = probe_new(fd, 0, 0);
	blkid_partlist list;
	blkid_parttable table;
	int n = 0;

	if (!p)
		return false;
	blkid_probe_enable_superblocks(p, 0);
	blkid_probe_enable_partitions(p, 1);
	list = blkid_probe_get_partitions(p);
	table = list ? blkid_partlist_get_table(list) : NULL;
	if (table) {
		n = blkid_partlist_numof_partitions(list);
		buf_addf(out, "  a %s partition table with %d partition%s%s\n",
			 blkid_parttable_get_type(table), n, n == 1 ? "" : "s", n ? ":" : "");
		for (int i = 0; i < n && i < LINES_MAX; i++)
			add_partition(out, fd, blkid_partlist_get_partition(list, i));
	}
	blkid_free_probe(p);
	return table;
}

int contents_describe(int fd, struct buf *out, bool *ret_blank, struct err *err)
{
	struct buf super = BUF_INIT;
	bool has_table = add_table(out, fd);
	bool has_super = add_superblock(&super, fd, 0, 0);

	if (has_super && buf_ok(&super))
		buf_addf(out, "  %s, without a partition table of its own\n", super.data);
	if (has_super && !buf_ok(&super))
		out->oom = true;
	buf_done(&super);
	if (!buf_ok(out))
		return err_oom(err);
	*ret_blank = !has_table && !has_super;
	return 0;
}
