/* What may be written over: who uses a disk, what a file is, and that it stays the same one. */
#include "install/target.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#include "install/contents.h"
#include "install/target_use.h"
#include "lib/base/atomic_file.h"
#include "lib/base/blk.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/path.h"
#include "lib/core/gpt.h"

#define MIB (UINT64_C(1) << 20)

static char dir[] = "/tmp/kiln-target-XXXXXX";
static char proc[64], sys[64], run[64];
static struct target_options options;
static struct err err;

static void put(const char *name, const char *text)
{
	_cleanup_free_ char *path = path_join(dir, name), *parent = strdup(path);

	*strrchr(parent, '/') = '\0';
	assert_int_equal(path_mkdirs(parent), 0);
	if (atomic_file_write(path, text, strlen(text), 0644, &err))
		fail_msg("%s", err.text);
}

/* A block device of the kernel: @number is "8:1", @disk is NULL for a whole disk. */
static void add_block(const char *name, const char *number, const char *disk)
{
	char path[96], link[160], entry[256];

	if (disk)
		snprintf(path, sizeof(path), "sys/devices/%s/%s", disk, name);
	else
		snprintf(path, sizeof(path), "sys/devices/%s", name);
	snprintf(entry, sizeof(entry), "%s/dev", path);
	snprintf(link, sizeof(link), "%s\n", number);
	put(entry, link);
	if (disk) {
		snprintf(entry, sizeof(entry), "%s/partition", path);
		put(entry, "1\n");
	}
	snprintf(link, sizeof(link), "../../%s", path + 4);
	snprintf(entry, sizeof(entry), "%s/sys/class/block/%s", dir, name);
	assert_int_equal(symlink(link, entry), 0);
	snprintf(entry, sizeof(entry), "%s/sys/dev/block/%s", dir, number);
	assert_int_equal(symlink(link, entry), 0);
}

static void add_holder(const char *path, const char *holder)
{
	char name[128];

	snprintf(name, sizeof(name), "sys/devices/%s/holders/%s/x", path, holder);
	put(name, "");
}

/* sda: sda1 mounted, sda2 swap. sdb: sdb1 is LUKS below dm-0, which is mounted; sdc1 is held
 * and nothing more. sdd is free, sde has a free partition. sdf is mounted without partitions. */
static int setup(void **state)
{
	static const char *const disks[] = { "sda", "sdb", "sdc", "sdd", "sde", "sdf", "dm-0", "md0" };
	static const char *const numbers[] = { "8:0", "8:16", "8:32", "8:48", "8:64", "8:80", "253:0", "9:0" };

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(proc, sizeof(proc), "%s/proc", dir);
	snprintf(sys, sizeof(sys), "%s/sys", dir);
	snprintf(run, sizeof(run), "%s/run", dir);
	options = (struct target_options){ .world = { proc, sys, run } };
	put("sys/class/block/x", "");
	put("sys/dev/block/x", "");
	for (size_t i = 0; i < ARRAY_SIZE(disks); i++)
		add_block(disks[i], numbers[i], NULL);
	add_block("sda1", "8:1", "sda");
	add_block("sda2", "8:2", "sda");
	add_block("sdb1", "8:17", "sdb");
	add_block("sdc1", "8:33", "sdc");
	add_block("sde1", "8:65", "sde");
	add_holder("sdb/sdb1", "dm-0");
	add_holder("sdc/sdc1", "md0");
	put("proc/self/mountinfo",
	    "21 1 0:20 / /proc rw shared:1 - proc proc rw\n"
	    "22 1 8:1 / /mnt/with\\040blank rw,relatime shared:2 master:3 - ext4 /dev/sda1 rw\n"
	    "23 1 253:0 /sub /home rw - xfs /dev/mapper/home rw\n"
	    "24 1 0:41 / /data rw - btrfs /dev/sdf rw\n");
	put("proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n/dev/sda2  partition\t1\t0\t-2\n");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return path_remove_tree(dir);
}

static void what_is_in_use_is_refused(void **state)
{
	const struct {
		unsigned minor_no;
		const char *why;
	} cases[] = {
		{ 0, "T is in use: /dev/sda" /* which of the two comes first is the file system's matter */ },
		{ 16, "T is in use: /dev/dm-0, which lies on /dev/sdb1, is mounted on /home" },
		{ 32, "T is in use: /dev/sdc1 is held by /dev/md0" },
		{ 80, "T is in use: /dev/sdf is mounted on /data" },
		{ 1, "T is a partition; an image fills a whole disk" },
		{ 65, "T is a partition; an image fills a whole disk" },
		{ 48, NULL },
		{ 64, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int r;

		err_init(&err);
		r = target_check_use(&options.world, "T", makedev(8, cases[i].minor_no), &err);
		assert_int_equal(r, cases[i].why ? TARGET_REFUSED : 0);
		if (strncmp(err.text, cases[i].why ? cases[i].why : "",
			    cases[i].why ? strlen(cases[i].why) : 1) != 0)
			fail_msg("'%s', not '%s'", err.text, cases[i].why);
	}
	assert_int_equal(target_check_use(&options.world, "T", makedev(99, 0), &err), -ENOENT);
}

static void both_uses_of_a_disk_are_found(void **state)
{
	(void)state;
	put("proc/swaps", "");
	assert_int_equal(target_check_use(&options.world, "T", makedev(8, 0), &err), TARGET_REFUSED);
	assert_string_equal(err.text, "T is in use: /dev/sda1 is mounted on /mnt/with blank");
	put("proc/swaps", "Filename\tType\n/dev/sda2\tpartition\n");
	put("proc/self/mountinfo", "");
	assert_int_equal(target_check_use(&options.world, "T", makedev(8, 0), &err), TARGET_REFUSED);
	assert_string_equal(err.text, "T is in use: /dev/sda2 is a swap area");
	put("proc/swaps", "Filename\tType\n/dev/sda22\tpartition\n");
	assert_int_equal(target_check_use(&options.world, "T", makedev(8, 0), &err), 0);
}

static void mounts_are_read_as_the_kernel_writes_them(void **state)
{
	static const char *const strange[] = {
		"", "\n", "22", "22 1 8:1", "22 1 8:1 / ", "22 1 8 / /x rw - a b c\n", "22 1 :1 / /x rw - a b c",
		"22 1 8: / /x - - -", "22 1 8:1:1 / /x rw", "22 1 8:99999999999999999999 / /x rw", "- - - - - - - -",
		"22 1 0:1 / /x rw - ", "22 1 0:1 / /x rw - btrfs", "22 1 0:1 / /x rw - btrfs /dev/sdaa rw",
	};
	char where[8];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(strange); i++)
		if (target_find_mount(strange[i], makedev(8, 1), "/dev/sda", where, sizeof(where)))
			fail_msg("'%s' is no mount of it", strange[i]);
	assert_true(target_find_mount("a\n22 1 8:1 / /t\\134\\011x rw", makedev(8, 1), NULL, where, sizeof(where)));
	assert_string_equal(where, "/t\\\tx");
	assert_true(target_find_mount("22 1 8:1 / /longer/than/that rw", makedev(8, 1), NULL, where, sizeof(where)));
	assert_string_equal(where, "/longer");
	assert_true(target_find_mount("22 1 8:1 / /end\\04", makedev(8, 1), NULL, where, sizeof(where)));
	assert_true(target_find_mount("9 1 0:4 / /b rw o:1 - btrfs /dev/sda", makedev(8, 1), "/dev/sda", where,
				      sizeof(where)));
}

static char *file(const char *name, uint64_t bytes)
{
	char *path = path_join(dir, name);
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	return path;
}

static int look(const char *path, struct target *t)
{
	err_init(&err);
	return target_look(t, path, &options, &err);
}

static void files_that_are_no_target_are_refused(void **state)
{
	_cleanup_free_ char *empty = file("empty", 0), *qcow = file("q.qcow2", MIB), *loop = file("loop", MIB);
	_cleanup_free_ char *own = file("own", MIB), *line = str_printf("%s\n", loop), *note = str_printf("%s\n", own);
	const struct {
		const char *path, *why;
		int r;
	} cases[] = {
		{ empty, " is empty", TARGET_REFUSED },
		{ qcow, " is a qcow2 image; only raw ones are written", TARGET_REFUSED },
		{ loop, " is in use: it is /dev/loop7", TARGET_REFUSED },
		{ own, " is the disk this system runs from", TARGET_REFUSED },
		{ dir, " is neither a disk nor a file", TARGET_REFUSED },
		{ "/dev/null", " is neither a disk nor a file", TARGET_REFUSED },
		{ "/dev/kiln-none", "/dev/kiln-none: No such file or directory", -ENOENT },
		{ "/tmp/kiln-none/x", "; --size SIZE makes a file", -ENOENT },
	};

	(void)state;
	assert_int_equal(atomic_file_write(qcow, "QFI\xfb", 4, 0644, &err), 0);
	put("sys/class/block/loop7/loop/backing_file", line);
	put("run/disk", note);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct target t;

		assert_int_equal(look(cases[i].path, &t), cases[i].r);
		target_done(&t);
		if (!strstr(err.text, cases[i].why))
			fail_msg("'%s' does not say '%s'", err.text, cases[i].why);
	}
	put("run/disk", "/dev/none\n");
}

static void a_name_in_dev_is_never_made_a_file(void **state)
{
	struct target t;

	(void)state;
	options.file_bytes = MIB;
	assert_int_equal(look("/dev/kiln-none", &t), -ENOENT);
	target_done(&t);
	options.file_bytes = 0;
}

static void a_new_file_is_made_and_only_that_is_removed(void **state)
{
	_cleanup_free_ char *path = path_join(dir, "new");
	struct target t;
	struct stat st;
	int fd;

	(void)state;
	options.file_bytes = 3 * MIB;
	options.file_sector_bytes = 4096;
	assert_int_equal(look(path, &t), 0);
	assert_false(t.exists);
	assert_int_equal(t.sector_bytes, 4096);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(target_open(&t, &fd, &err), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 3 * MIB);
	close(fd);
	/* Somebody else's by now. */
	assert_int_equal(target_open(&t, &fd, &err), -EEXIST);
	target_unmake(&t);
	assert_int_equal(access(path, F_OK), -1);
	target_done(&t);

	free(file("new", MIB));
	assert_int_equal(look(path, &t), TARGET_REFUSED);
	assert_non_null(strstr(err.text, "is there already; --size is for a file to be made"));
	target_done(&t);
	options.file_bytes = 0;
	options.file_sector_bytes = 0;
	assert_int_equal(look(path, &t), 0);
	target_unmake(&t);
	assert_int_equal(access(path, F_OK), 0);
	target_done(&t);
}

static void another_one_under_the_same_name_is_noticed(void **state)
{
	_cleanup_free_ char *path = file("swapped", MIB), *other = file("other", MIB);
	struct target t;
	int fd;

	(void)state;
	assert_int_equal(look(path, &t), 0);
	assert_int_equal(target_open(&t, &fd, &err), 0);
	close(fd);
	assert_int_equal(truncate(path, 2 * MIB), 0);
	assert_int_equal(target_open(&t, &fd, &err), TARGET_REFUSED);
	assert_non_null(strstr(err.text, "is not the one it was a moment ago"));
	assert_int_equal(truncate(path, MIB), 0);
	assert_int_equal(target_open(&t, &fd, &err), 0);
	close(fd);
	assert_int_equal(rename(other, path), 0);
	assert_int_equal(target_open(&t, &fd, &err), TARGET_REFUSED);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(target_open(&t, &fd, &err), -ENOENT);
	target_done(&t);
}

/* As QEMU holds its disks: a read lock on one byte. */
static void a_file_of_a_virtual_machine_is_refused(void **state)
{
	_cleanup_free_ char *path = file("vm", MIB);
	struct flock one = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = 1 };
	_cleanup_close_ int vm = open(path, O_RDWR | O_CLOEXEC);
	struct target t;
	int fd;

	(void)state;
	assert_int_equal(look(path, &t), 0);
	assert_int_equal(fcntl(vm, F_OFD_SETLK, &one), 0);
	assert_int_equal(target_open(&t, &fd, &err), TARGET_REFUSED);
	assert_non_null(strstr(err.text, "is in use by another program, perhaps a virtual machine"));
	one.l_type = F_UNLCK;
	assert_int_equal(fcntl(vm, F_OFD_SETLK, &one), 0);
	assert_int_equal(target_open(&t, &fd, &err), 0);
	one.l_type = F_RDLCK;
	assert_int_equal(fcntl(vm, F_OFD_SETLK, &one), -1);
	close(fd);
	target_done(&t);
}

static void write_table(const char *path)
{
	static struct gpt gpt;
	static const struct guid id = { { 5 } };
	struct gpt_partition p = { .idx = 2, .type = gpt_type_linux, .unique = { { 6 } }, .first_lba = 2048,
				   .last_lba = 2048 + 4095, .name = "my \033 home" };
	uint8_t scratch[GPT_HEAD_BYTES(512)];
	_cleanup_blk_ struct blk *b = NULL;
	struct disk_ops ops;

	assert_int_equal(blk_open(path, true, &b, &err), 0);
	ops = blk_disk_ops(b);
	assert_int_equal(gpt_init(&gpt, 512, b->size_bytes / 512, &id), 0);
	memcpy(p.name, "my home", 8);
	assert_int_equal(gpt_set_partition(&gpt, &p), 0);
	assert_int_equal(gpt_write(&gpt, &ops, scratch), 0);
	/* LUKS 1 begins so. */
	assert_int_equal(blk_write(b, MIB, "LUKS\xba\xbe\0\1", 8), 0);
}

static void what_would_be_lost_is_named(void **state)
{
	_cleanup_free_ char *path = file("full", 8 * MIB), *blank = file("blank", 8 * MIB);
	struct target t;

	(void)state;
	write_table(path);
	assert_int_equal(look(path, &t), 0);
	assert_false(t.blank);
	assert_string_equal(t.contents.data, "  a gpt partition table with 1 partition:\n"
					     "    3          2 MiB  crypto_LUKS, partition 'my home'\n");
	target_done(&t);
	assert_int_equal(look(blank, &t), 0);
	assert_true(t.blank);
	assert_int_equal(t.contents.len, 0);
	target_done(&t);
}

static void a_disk_without_a_table_is_named_as_well(void **state)
{
	_cleanup_free_ char *path = file("luks", 8 * MIB);
	_cleanup_blk_ struct blk *b = NULL;
	struct target t;

	(void)state;
	assert_int_equal(blk_open(path, true, &b, &err), 0);
	assert_int_equal(blk_write(b, 0, "LUKS\xba\xbe\0\1", 8), 0);
	assert_int_equal(look(path, &t), 0);
	assert_false(t.blank);
	assert_string_equal(t.contents.data, "  crypto_LUKS, without a partition table of its own\n");
	target_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_in_use_is_refused),
		cmocka_unit_test(both_uses_of_a_disk_are_found),
		cmocka_unit_test(mounts_are_read_as_the_kernel_writes_them),
		cmocka_unit_test(files_that_are_no_target_are_refused),
		cmocka_unit_test(a_name_in_dev_is_never_made_a_file),
		cmocka_unit_test(a_new_file_is_made_and_only_that_is_removed),
		cmocka_unit_test(another_one_under_the_same_name_is_noticed),
		cmocka_unit_test(a_file_of_a_virtual_machine_is_refused),
		cmocka_unit_test(what_would_be_lost_is_named),
		cmocka_unit_test(a_disk_without_a_table_is_named_as_well),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
