/*
 * Crash replay on streams made here: those of the real storing code hold, and each
 * way to store wrongly is noticed. The log is written as QEMU's blklogwrites does.
 */
#include "qemu/crash.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/blk.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"
#include "lib/core/bootstate.h"
#include "lib/core/bytes.h"
#include "lib/core/gpt.h"
#include "tests/unit/core/pe_fixture.h"

#define MIB (1u << 20)
#define DISK_BYTES (8 * MIB)
#define BOOTSTATE_AT MIB
#define UKI_MARK_AT 0x2f0 /* between sections */
#define CMDLINE "kiln.roothash=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff " \
		"kiln.verity=200,1,-"

static struct err err;
static char dir[] = "/tmp/crash-test.XXXXXX";
static char disk[64], log_path[64], scratch[64];
static int log_fd;
static uint64_t log_at, log_n;
static unsigned int drop_flush, swap_write; /* the n-th one (from 1) goes wrong */
static unsigned int n_flushes, n_writes;

/* ---- a log as QEMU writes it ---- */

static void log_entry(uint64_t offset, const void *data, size_t len, uint64_t flags)
{
	uint8_t sector[512] = { 0 };

	le64_store(sector, offset / 512);
	le64_store(sector + 8, len / 512);
	le64_store(sector + 16, flags);
	le64_store(sector + 24, 0);
	assert_int_equal(io_pwrite_all(log_fd, sector, 512, log_at), 0);
	if (len)
		assert_int_equal(io_pwrite_all(log_fd, data, len, log_at + 512), 0);
	log_at += 512 + len;
	log_n++;
	memset(sector, 0, sizeof(sector));
	le64_store(sector, 0x6a736677736872);
	le64_store(sector + 8, 1);
	le64_store(sector + 16, log_n);
	le32_store(sector + 24, 512);
	assert_int_equal(io_pwrite_all(log_fd, sector, 512, 0), 0);
}

/* ---- the disk under the real storing code ---- */

static uint8_t state[BS_PARTITION_BYTES];

static int state_read(void *ctx, uint64_t offset, void *data, size_t len)
{
	(void)ctx;
	memcpy(data, state + offset, len);
	return 0;
}

static int state_write(void *ctx, uint64_t offset, const void *data, size_t len)
{
	(void)ctx;
	if (++n_writes == swap_write)
		offset = BS_COPY_STRIDE_BYTES - offset; /* over the newer copy */
	memcpy(state + offset, data, len);
	log_entry(BOOTSTATE_AT + offset, data, len, 0);
	return 0;
}

static int state_flush(void *ctx)
{
	(void)ctx;
	if (++n_flushes != drop_flush)
		log_entry(0, NULL, 0, 1);
	return 0;
}

static const struct disk_ops ops = { NULL, state_read, state_write, state_flush };
static struct bs_disk bd;
static struct bs bs;

/* ---- a disk with two whole slots ---- */

static uint8_t uki[0x1000];

static uint8_t uki_mark; /* a byte in which one differs from another */

static uint32_t make_uki(void)
{
	static const struct fixture_section sections[] = {
		{ ".text", 0x1000, 0x10, 0x200, FIXTURE_CODE, NULL },
		{ ".cmdline", 0x2000, sizeof(CMDLINE) - 1, 0x200, FIXTURE_CONST, CMDLINE },
	};

	uint32_t len = fixture_pe(uki, sections, 2, 0x3000, 0x1000);

	uki[UKI_MARK_AT] = uki_mark;
	return len;
}

static struct slotdesc image(unsigned int id)
{
	struct slotdesc d = { .uki_bytes = make_uki(), .name = "demo" };

	digest_bytes(uki, (size_t)d.uki_bytes, d.uki_sha256);
	memset(d.root_hash, (int)id, sizeof(d.root_hash));
	d.version[0] = (char)('A' + id);
	return d;
}

static void write_slot(struct blk *b, uint64_t at, unsigned int id)
{
	uint8_t block[SLOTDESC_BYTES];
	struct slotdesc d = image(id);

	assert_int_equal(slotdesc_encode(&d, block), 0);
	assert_int_equal(blk_write(b, at, uki, (size_t)d.uki_bytes), 0);
	assert_int_equal(blk_write(b, at + MIB - sizeof(block), block, sizeof(block)), 0);
}

static void write_table(struct blk *b)
{
	static const char *const names[] = { "boot-state", "boot-a", "boot-b" };
	struct disk_ops disk_ops = blk_disk_ops(b);
	struct guid guid = gpt_type_kiln_boot;
	static uint8_t head[GPT_HEAD_BYTES(512)];
	static struct gpt gpt;

	assert_int_equal(gpt_init(&gpt, 512, DISK_BYTES / 512, &guid), 0);
	for (unsigned int i = 0; i < 3; i++) {
		struct gpt_partition p = { .idx = i, .type = gpt_type_kiln_boot, .unique = guid,
					   .first_lba = (i + 1) * 2048, .last_lba = (i + 2) * 2048 - 1 };

		p.unique.bytes[0] = (uint8_t)i;
		snprintf(p.name, sizeof(p.name), "%s", names[i]);
		assert_int_equal(gpt_set_partition(&gpt, &p), 0);
	}
	assert_int_equal(gpt_write(&gpt, &disk_ops, head), 0);
}

/* Slot a good and confirmed, a trial in b; the stream begins here. */
static int setup(void **arg)
{
	struct slotdesc a = image(1), next = image(2);
	struct blk *b;
	int fd;

	(void)arg;
	if (!disk[0])
		assert_non_null(mkdtemp(dir));
	snprintf(disk, sizeof(disk), "%s/disk", dir);
	snprintf(log_path, sizeof(log_path), "%s/log", dir);
	snprintf(scratch, sizeof(scratch), "%s/scratch", dir);
	log_fd = open(log_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	log_at = 512;
	log_n = 0;
	drop_flush = swap_write = 0;
	assert_int_equal(bs_init_fresh(&a, 3, &bs), BS_OK);
	assert_int_equal(bs_create(&bd, &ops, &bs), BS_OK);
	bs_count_start(&bs, 0);
	bs_confirm(&bs, 0);
	assert_int_equal(bs_install_begin(&bs, 1, 0, &next, false), BS_OK);
	assert_int_equal(bs_install_commit(&bs, 1, &next, 3), BS_OK);
	assert_int_equal(bs_store(&bd, &bs), BS_OK);
	log_at = 512;
	log_n = n_writes = n_flushes = 0;
	fd = open(disk, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, DISK_BYTES), 0);
	assert_int_equal(blk_from_fd(fd, true, &b, &err), 0);
	write_table(b);
	write_slot(b, 2 * MIB, 1);
	write_slot(b, 3 * MIB, 2);
	assert_int_equal(blk_write(b, BOOTSTATE_AT, state, sizeof(state)), 0);
	blk_free(b);
	return 0;
}

static int teardown(void **arg)
{
	(void)arg;
	return close(log_fd);
}

/* A write that went astray fails the read-back; a system that does not look goes on. */
static void store(void)
{
	int r = bs_store(&bd, &bs);

	assert_true(r == BS_OK || (swap_write && r == BS_E_READBACK));
}

/* What a guest does: start b, get on, confirm, roll back, start a, confirm. */
static void live(void)
{
	static const uint8_t other[4096] = { 7 };

	for (unsigned int slot = 1; slot < 2; slot--) {
		assert_int_equal(bs_count_start(&bs, slot), BS_OK);
		store();
		log_entry(5 * MIB, other, sizeof(other), 0); /* the state partition, say */
		bs_set_stage(&bs, BS_STAGE_ROOT);
		store();
		assert_int_equal(bs_confirm(&bs, slot), BS_OK);
		store();
		if (slot)
			assert_int_equal(bs_rollback(&bs, 0), BS_OK);
		store();
	}
}

static int judge(struct crash_report *ret)
{
	struct writelog log;
	int r = writelog_open(log_path, &log, &err);

	if (r)
		return r;
	r = crash_check(disk, &log, scratch, 1, ret, &err);
	assert_int_equal(access(scratch, F_OK), -1);
	writelog_done(&log);
	return r;
}

static void the_real_code_leaves_nothing_to_object_to(void **arg)
{
	struct crash_report c;

	(void)arg;
	live();
	if (judge(&c))
		fail_msg("%s", err.text);
	assert_int_equal(c.records, 8);
	assert_int_equal(c.starts, 2);
	assert_int_equal(c.writes, 10);
	assert_int_equal(c.flushes, 8);
	assert_int_equal(c.prefixes, 18);
	assert_int_equal(c.torn, 8 * (7 + 16));
	assert_int_equal(c.subsets, 8 * CRASH_SUBSETS);
}

/* Two stores between flushes may both be torn: then nothing valid is left. */
static void a_dropped_flush_is_noticed_wherever_it_is(void **arg)
{
	struct crash_report c;

	for (unsigned int i = 1; i <= 7; i++) {
		setup(arg);
		drop_flush = i;
		live();
		assert_int_equal(judge(&c), -EILSEQ);
		teardown(arg);
	}
	setup(arg);
}

static void overwriting_the_newer_copy_is_noticed(void **arg)
{
	struct crash_report c;

	for (unsigned int i = 1; i <= 8; i++) {
		setup(arg);
		swap_write = i;
		live();
		assert_int_equal(judge(&c), -EILSEQ);
		teardown(arg);
	}
	setup(arg);
}

static void a_start_that_is_counted_late_is_noticed(void **arg)
{
	static const uint8_t other[4096] = { 7 };
	uint8_t record[BS_RECORD_BYTES];
	struct crash_report c;

	(void)arg;
	assert_int_equal(bs_count_start(&bs, 1), BS_OK);
	bs.sequence++;
	bs_encode(&bs, record);
	log_entry(BOOTSTATE_AT + BS_COPY_OFFSET(bd.target), record, sizeof(record), 0);
	log_entry(5 * MIB, other, sizeof(other), 0);
	log_entry(0, NULL, 0, 1);
	assert_int_equal(judge(&c), -EILSEQ);
	assert_non_null(strstr(err.text, "is not flushed before the next write"));
}

/* Stores that are whole, and say what they may not. */
static void what_may_not_be_said_is_noticed(void **arg)
{
	struct crash_report c;

	for (unsigned int what = 0; what < 5; what++) {
		setup(arg);
		if (what == 0)
			bs.slot[0].good = false;
		if (what == 1)
			bs.boots--;
		if (what == 2)
			bs.slot[1].tries_left = 3, bs.slot[1].tries_max = 3;
		if (what == 3)
			bs.slot[0].status = bs.slot[1].status = BS_BAD,
			bs.slot[0].good = false;
		if (what == 4)
			memset(&bs.slot[0], 0, sizeof(bs.slot[0]));
		if (what == 2) {
			bs.slot[1].tries_left = 1;
			store();
			bs.slot[1].tries_left = 2;
		}
		store();
		if (judge(&c) != -EILSEQ)
			fail_msg("case %u is not noticed", what);
		teardown(arg);
	}
	setup(arg);
}

static void a_slot_that_is_not_whole_is_noticed(void **arg)
{
	struct crash_report c;
	struct blk *b;

	(void)arg;
	assert_int_equal(blk_open(disk, true, &b, &err), 0);
	assert_int_equal(blk_write(b, 3 * MIB + 700, "x", 1), 0);
	blk_free(b);
	live();
	assert_int_equal(judge(&c), -EILSEQ);
	assert_non_null(strstr(err.text, "called ready that is not whole"));
}

/* What an installer does in a running system, in this order unless @how says otherwise. */
enum how { IN_ORDER, WITHOUT_BEGIN, WITHOUT_FLUSH, COMMIT_FIRST, HALF };

static void install_live(enum how how)
{
	uint8_t block[SLOTDESC_BYTES];
	struct slotdesc d;

	assert_int_equal(bs_count_start(&bs, 0), BS_OK);
	store();
	assert_int_equal(bs_confirm(&bs, 0), BS_OK);
	store();
	uki_mark = 9;
	d = image(3);
	assert_int_equal(slotdesc_encode(&d, block), 0);
	assert_int_equal(bs_install_begin(&bs, 1, 0, &d, false), BS_OK);
	if (how != WITHOUT_BEGIN)
		store();
	assert_int_equal(bs_install_commit(&bs, 1, &d, 3), BS_OK);
	if (how == COMMIT_FIRST)
		store();
	log_entry(3 * MIB, uki, how == HALF ? 512 : (size_t)d.uki_bytes, 0);
	log_entry(4 * MIB - sizeof(block), block, sizeof(block), 0);
	if (how != WITHOUT_FLUSH)
		log_entry(0, NULL, 0, 1);
	store();
	uki_mark = 0;
}

static void an_install_in_order_is_fine_and_any_other_noticed(void **arg)
{
	static const char *const says[] = {
		[WITHOUT_BEGIN] = "is to slot b, which the boot state calls ready",
		[WITHOUT_FLUSH] = "called ready that is not whole",
		[COMMIT_FIRST] = "called ready that is not whole",
		[HALF] = "called ready that is not whole",
	};
	struct crash_report c;

	install_live(IN_ORDER);
	if (judge(&c))
		fail_msg("%s", err.text);
	for (enum how how = WITHOUT_BEGIN; how <= HALF; how++) {
		teardown(arg);
		setup(arg);
		install_live(how);
		assert_int_equal(judge(&c), -EILSEQ);
		if (!strstr(err.text, says[how]))
			fail_msg("%u: %s", how, err.text);
	}
}

static void a_crashed_disk_is_whole_up_to_a_flush(void **arg)
{
	struct writelog log;
	struct blk *b;

	live();
	assert_int_equal(writelog_open(log_path, &log, &err), 0);
	for (uint64_t seed = 1; seed < 40; seed++) {
		char copy[80];
		struct bs_disk reader;
		struct blk *part;
		struct disk_ops part_ops;
		struct bs back;

		snprintf(copy, sizeof(copy), "%s/copy", dir);
		assert_int_equal(blk_open(disk, false, &b, &err), 0);
		{
			_cleanup_free_ uint8_t *all = malloc(DISK_BYTES);
			_cleanup_close_ int fd = open(copy, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

			assert_int_equal(blk_read(b, 0, all, DISK_BYTES), 0);
			assert_int_equal(io_write_all(fd, all, DISK_BYTES), 0);
		}
		blk_free(b);
		if (crash_state(copy, &log, seed, &err))
			fail_msg("%s", err.text);
		assert_int_equal(blk_open(copy, false, &b, &err), 0);
		assert_int_equal(blk_new_window(b, BOOTSTATE_AT, BS_PARTITION_BYTES, &part), 0);
		part_ops = blk_disk_ops(part);
		assert_int_equal(bs_load(&reader, &part_ops, &back), BS_OK);
		blk_free(part);
		blk_free(b);
	}
	writelog_done(&log);
	(void)arg;
}

static void what_is_no_log_is_refused(void **arg)
{
	static const struct {
		unsigned int at;
		uint8_t value;
		const char *says;
	} cases[] = {
		{ 0, 0, "no write log of version 1" },
		{ 8, 2, "no write log of version 1" },
		{ 18, 0xff, "more than" },
		{ 24, 1, "sectors of" },
		{ 16, 200, "cut short" },
		{ 512 + 8, 0xff, "ends inside a write" },
		{ 512 + 16, 8, "unknown kind" },
		{ 512 + 7, 0xff, "makes no sense" },
	};
	struct writelog log;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		setup(arg);
		store();
		assert_int_equal(io_pwrite_all(log_fd, &cases[i].value, 1, cases[i].at), 0);
		if (writelog_open(log_path, &log, &err) == 0 || !strstr(err.text, cases[i].says))
			fail_msg("case %zu: %s", i, err.text);
		teardown(arg);
	}
	setup(arg);
	assert_int_equal(ftruncate(log_fd, 100), 0);
	assert_int_equal(writelog_open(log_path, &log, &err), -EBADMSG);
}

static int clean(void **arg)
{
	(void)arg;
	return path_remove_tree(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_real_code_leaves_nothing_to_object_to, setup, teardown),
		cmocka_unit_test_setup_teardown(a_dropped_flush_is_noticed_wherever_it_is, setup, teardown),
		cmocka_unit_test_setup_teardown(overwriting_the_newer_copy_is_noticed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_start_that_is_counted_late_is_noticed, setup, teardown),
		cmocka_unit_test_setup_teardown(what_may_not_be_said_is_noticed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_slot_that_is_not_whole_is_noticed, setup, teardown),
		cmocka_unit_test_setup_teardown(an_install_in_order_is_fine_and_any_other_noticed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_crashed_disk_is_whole_up_to_a_flush, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_log_is_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, clean);
}
