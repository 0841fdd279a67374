/* Provisioning a target: what is on it afterwards, and what is not when it fails. */
#include "tests/unit/install/provision_fixture.h"

#include <sys/stat.h>

#include "lib/core/bytes.h"

#define TARGET_BYTES (32 * MIB)

static struct gpt table;

/* A file as a target, as large as any disk: only what is written takes room. */
static int provision_file(int fd, uint64_t bytes, uint32_t sector, struct provision_report *report)
{
	static const uint8_t seed[GUID_BYTES] = { 3 };
	_cleanup_provision_source_ struct provision_source *s = NULL;
	_cleanup_blk_ struct blk *disk = NULL;
	static struct plan plan;
	struct provision_options o = { .plan = &plan, .fd = fd, .trusted_pem = fx.cert,
				       .trusted_len = strlen(fx.cert) };

	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	assert_int_equal(provision_source_open(fx.path, NULL, &s, &f_err), 0);
	assert_int_equal(plan_make(s, bytes, sector, seed, &plan, &f_err), 0);
	assert_int_equal(medium_new(dup(fd), sector, &disk, &f_err), 0);
	o.source = s;
	o.disk = disk;
	return provision(&o, report, &f_err);
}

static void check_file(int fd, uint64_t bytes, uint32_t sector)
{
	static uint8_t head[F_IMAGE_BYTES];
	_cleanup_blk_ struct blk *b = NULL;
	struct gpt_partition p;
	struct disk_ops ops;
	const char *wrong;

	assert_int_equal(blk_from_fd(dup(fd), false, &b, &f_err), 0);
	ops = blk_disk_ops(b);
	assert_int_equal(gpt_read(&ops, sector, bytes / sector, &table), GPT_OK);
	assert_false(table.from_backup);
	assert_int_equal(table.alt_lba, bytes / sector - 1);
	assert_int_equal(gpt_find_name(&table, "state", &p), GPT_OK);
	assert_int_equal(gpt_size_bytes(&table, &p), F_STATE_BYTES);
	assert_int_equal(io_pread_all(fd, head, sizeof(head), 0), 0);
	wrong = f_judge(head, &table, 0);
	if (wrong)
		fail_msg("%s", wrong);
	/* The backup is as good as the primary. */
	assert_int_equal(io_pwrite_all(fd, "", 1, sector), 0);
	assert_int_equal(gpt_read(&ops, sector, bytes / sector, &table), GPT_OK);
	assert_true(table.from_backup);
	assert_null(f_judge(head, &table, 0));
	assert_int_equal(ftruncate(fd, 0), 0);
}

/* Around the page cache, which a memory file does not know. */
static void a_file_on_a_disk_is_written_as_well(void **state)
{
	char path[] = "/var/tmp/kiln-provision-XXXXXX";
	_cleanup_close_ int fd = mkstemp(path);
	struct provision_report report;

	(void)state;
	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(provision_file(fd, F_IMAGE_BYTES, 512, &report), 0);
	check_file(fd, F_IMAGE_BYTES, 512);
}

static void an_image_fills_targets_of_any_size(void **state)
{
	const uint64_t sizes[] = { F_IMAGE_BYTES, F_IMAGE_BYTES + 4096, 100 * MIB, UINT64_C(8) << 30,
				   UINT64_C(8) << 40 };
	_cleanup_close_ int fd = memfd_create("disk", MFD_CLOEXEC);

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(sizes); i++) {
		uint32_t sector = i % 2 ? 4096 : 512;
		struct provision_report report;
		struct stat st;

		err_init(&f_err);
		if (provision_file(fd, sizes[i / 2], sector, &report))
			fail_msg("%s", f_err.text);
		assert_int_equal(fstat(fd, &st), 0);
		assert_true(st.st_blocks * 512 < (off_t)(4 * MIB));
		assert_true(report.zeroed_bytes >= 65536);
		check_file(fd, sizes[i / 2], sector);
	}
}

static void early_init_can_grow_state_to_the_end(void **state)
{
	struct f_target *t = ft_new(TARGET_BYTES, 4096);
	struct gpt_partition p;
	bool changed;

	(void)state;
	assert_int_equal(ft_provision(t, NULL, NULL), 0);
	assert_int_equal(f_table(blk_record_bytes(t->record), TARGET_BYTES, 4096, &table), GPT_OK);
	assert_int_equal(gpt_grow_last(&table, 10, TARGET_BYTES / 4096, &changed), GPT_OK);
	assert_true(changed);
	assert_int_equal(gpt_find_name(&table, "state", &p), GPT_OK);
	assert_int_equal(gpt_offset_bytes(&table, &p) + gpt_size_bytes(&table, &p), TARGET_BYTES - MIB);
	blk_free(&t->blk);
}

/* Every byte of the target was something else; what could be taken for alive is gone. */
static void nothing_is_inherited(void **state)
{
	const struct {
		const char *what;
		uint64_t at, len;
	} gone[] = {
		{ "before the partitions", 512 + 512 + 16384, MIB - 512 - 512 - 16384 },
		{ "promise and flight recorder", f_offset("boot-state") + 128 * 1024, MIB - 128 * 1024 },
		{ "boot-b", f_offset("boot-b"), MIB },
		{ "boot-b's end", f_offset("boot-b") + F_BOOT_BYTES - MIB, MIB },
		{ "root-b", f_offset("root-b"), MIB },
		{ "verity-b", f_offset("verity-b"), MIB },
		{ "sig-b", f_offset("sig-b"), MIB },
		{ "state's head", f_offset("state"), 8 * MIB },
		{ "state's first spare superblock", f_offset("state") + 128 * MIB, 4096 },
		{ "its last MiB when it has grown, and behind", 160 * MIB - 3 * MIB, 3 * MIB - 16384 - 512 },
	};
	const uint64_t bytes = 160 * MIB;
	struct f_target *t = ft_new(bytes, 512);
	uint8_t *disk = blk_record_bytes(t->record);

	(void)state;
	memset(disk, 0xa5, bytes);
	assert_int_equal(io_pwrite_all(t->fd, disk, bytes, 0), 0);
	blk_record_restart(t->record);
	assert_int_equal(ft_provision(t, NULL, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(gone); i++)
		if (!bytes_are_zero(disk + gone[i].at, gone[i].len))
			fail_msg("%s is still there", gone[i].what);
	assert_int_equal(f_table(disk, bytes, 512, &table), GPT_OK);
	assert_null(f_judge(disk, &table, 0));
	blk_free(&t->blk);
}

static void the_running_slot_b_becomes_slot_a(void **state)
{
	struct f_target *t = ft_new(TARGET_BYTES, 512);
	struct gpt_partition p;
	uint8_t *disk = blk_record_bytes(t->record);
	struct guid want;

	(void)state;
	f_make_image(1);
	if (ft_provision(t, fx.root_hash, NULL))
		fail_msg("%s", f_err.text);
	assert_int_equal(f_table(disk, TARGET_BYTES, 512, &table), GPT_OK);
	assert_null(f_judge(disk, &table, 1));
	assert_int_equal(gpt_find_name(&table, "root-a", &p), GPT_OK);
	want = guid_from_text_bytes(fx.root_hash);
	assert_true(guid_equal(&p.unique, &want));
	f_make_image(0);
	blk_free(&t->blk);
}

/* The same version may be in both slots: that is no reason to copy the one that does not run. */
static void of_two_that_hold_the_root_the_running_one_is_taken(void **state)
{
	_cleanup_provision_source_ struct provision_source *s = NULL;
	static struct bs_disk disk;
	_cleanup_blk_ struct blk *part = NULL;
	struct disk_ops ops;
	struct bs bs;

	(void)state;
	f_make_image(1);
	assert_int_equal(blk_new_window(fx.disk, f_offset("boot-state"), MIB, &part), 0);
	ops = blk_disk_ops(part);
	assert_int_equal(bs_load(&disk, &ops, &bs), BS_OK);
	bs.slot[0] = bs.slot[1];
	assert_int_equal(bs_store(&disk, &bs), BS_OK);
	assert_int_equal(provision_source_open(fx.path, fx.root_hash, &s, &f_err), 0);
	assert_int_equal(s->slot, 1);
	f_make_image(0);
}

/* What is no image, or not the one it says, is refused before anything is planned. */
static void sources_that_do_not_hold_together_are_refused(void **state)
{
	const struct {
		uint64_t at;
		const char *why;
	} cases[] = {
		{ f_offset("boot-a") + 0x410, "the UKI is not the one the boot state names" },
		{ f_offset("sig-a") + 300, "signature file, byte" },
		{ f_offset("sig-a") + 16000, "signature file, byte" },
	};
	static const uint8_t other[32] = { 1 };
	struct provision_source *s = NULL;
	uint8_t byte, zeroes[512] = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(io_pread_all(fx.fd, &byte, 1, cases[i].at), 0);
		byte ^= 0x80;
		f_put(cases[i].at, &byte, 1);
		assert_int_equal(provision_source_open(fx.path, NULL, &s, &f_err), PROVISION_SOURCE_REFUSED);
		if (!strstr(f_err.text, cases[i].why))
			fail_msg("'%s' does not say '%s'", f_err.text, cases[i].why);
		byte ^= 0x80;
		f_put(cases[i].at, &byte, 1);
	}
	assert_int_equal(provision_source_open(fx.path, other, &s, &f_err), PROVISION_SOURCE_REFUSED);
	assert_non_null(strstr(f_err.text, "no slot holds the system that runs"));
	for (unsigned i = 0; i < 2; i++)
		f_put(f_offset("boot-state") + BS_COPY_OFFSET(i), zeroes, sizeof(zeroes));
	assert_int_equal(provision_source_open(fx.path, NULL, &s, &f_err), PROVISION_SOURCE_REFUSED);
	assert_non_null(strstr(f_err.text, "the boot state: "));
	f_make_image(0);
	assert_null(s);
}

/* Two disks of one image must be told apart by their ESPs. */
static void every_disk_has_guids_of_its_own(void **state)
{
	const uint8_t seeds[2][GUID_BYTES] = { { 1 }, { 2 } };
	_cleanup_provision_source_ struct provision_source *s = NULL;
	static struct plan plan[2];

	(void)state;
	assert_int_equal(provision_source_open(fx.path, NULL, &s, &f_err), 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(plan_make(s, TARGET_BYTES, 512, seeds[i], &plan[i], &f_err), 0);
	assert_false(guid_equal(&plan[0].gpt.disk, &plan[1].gpt.disk));
	for (unsigned i = 0; i < ARRAY_SIZE(f_names); i++) {
		struct gpt_partition a, b, old;
		bool of_root = !strcmp(f_names[i], "root-a") || !strcmp(f_names[i], "verity-a");

		assert_int_equal(gpt_partition_at(&plan[0].gpt, i, &a), 0);
		assert_int_equal(gpt_partition_at(&plan[1].gpt, i, &b), 0);
		assert_int_equal(gpt_partition_at(&fx.gpt, i, &old), 0);
		assert_int_equal(guid_equal(&a.unique, &b.unique), of_root);
		assert_false(guid_equal(&a.unique, &old.unique));
		for (unsigned k = 0; k < i; k++) {
			assert_int_equal(gpt_partition_at(&plan[0].gpt, k, &b), 0);
			assert_false(guid_equal(&a.unique, &b.unique));
		}
	}
}

/* Nothing that failed left a table, so nothing of it boots. */
static void check_no_table(struct f_target *t, const char *about)
{
	for (unsigned i = 0; i < 2; i++)
		if (f_table(blk_record_bytes(t->record), t->blk.size_bytes, i ? 4096 : 512, &table) == GPT_OK)
			fail_msg("%s: there is a partition table", about);
}

static void a_medium_that_lies_is_found_out(void **state)
{
	const struct {
		uint64_t at;
		const char *why;
	} cases[] = {
		{ f_offset("esp") + 10, "the ESP reads back other than it was written" },
		{ f_offset("boot-a") + 0x600, "the UKI reads back other than it was written" },
		{ f_offset("boot-a") + F_BOOT_BYTES - 4097, "the UKI reads back other than it was written" },
		{ f_offset("root-a") + 4096, "reads back wrong: data block 1 of 200 is corrupt" },
		{ f_offset("root-a") + 199 * 4096 + 7, "data block 199 of 200 is corrupt" },
		{ f_offset("verity-a") + 2 * 4096 + 1, "reads back wrong: hash block 2" },
		{ f_offset("sig-a") + 20, "the signature reads back other than it was written" },
		{ f_offset("boot-a") + F_BOOT_BYTES - 4096 + 170, "the slot descriptor reads back wrong" },
		{ f_offset("boot-state") + 100, "the boot state" },
		{ 512 + 60, "the partition table reads back wrong" },
		{ TARGET_BYTES - 512 + 60, "the partition table reads back wrong" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct f_target *t = ft_new(TARGET_BYTES, 512);

		t->lie_at = cases[i].at;
		if (!ft_provision(t, NULL, NULL) || !strstr(f_err.text, cases[i].why))
			fail_msg("case %zu: '%s' does not say '%s'", i, f_err.text, cases[i].why);
		if (i < 9)
			check_no_table(t, cases[i].why);
		blk_free(&t->blk);
	}
}

static void who_must_have_signed_it_is_asked_of_what_was_written(void **state)
{
	struct keygen_request req = { .use = KEYGEN_CODE_SIGN, .common_name = "o", .rsa_bits = 2048 };
	struct f_target *t = ft_new(TARGET_BYTES, 512);
	char *key, *cert;

	(void)state;
	assert_int_equal(keygen_make(&req, &key, &cert, &f_err), 0);
	f_sign(cert, key, 0);
	assert_int_equal(ft_provision(t, NULL, NULL), PROVISION_WRONG);
	assert_non_null(strstr(f_err.text, "the signer is not trusted"));
	check_no_table(t, "signed by another");
	f_sign(fx.cert, fx.key, 0);
	keygen_wipe(key);
	free(cert);
	blk_free(&t->blk);
}

static void sweep(enum blk_fault fault, bool sticky, unsigned *ret_failed)
{
	for (unsigned n = 0;; n++) {
		struct f_target *t = ft_new(TARGET_BYTES, 512);
		int r;

		blk_record_fail(t->record, fault, n, sticky);
		r = ft_provision(t, NULL, NULL);
		if (r == 0) {
			blk_free(&t->blk);
			*ret_failed = n;
			return;
		}
		if (r != -EIO && r != PROVISION_WRONG)
			fail_msg("operation %u: %d, '%s'", n, r, f_err.text);
		if (!strstr(f_err.text, "cannot") && !strstr(f_err.text, "durable") &&
		    !strstr(f_err.text, "boot state"))
			fail_msg("operation %u: '%s'", n, f_err.text);
		/* The table's own writes and what reads them again come last. */
		if (f_table(blk_record_bytes(t->record), TARGET_BYTES, 512, &table) == GPT_OK &&
		    f_judge(blk_record_bytes(t->record), &table, 0))
			fail_msg("operation %u left half a system that boots", n);
		blk_free(&t->blk);
	}
}

static void every_failing_operation_is_reported(void **state)
{
	unsigned failed;

	(void)state;
	sweep(BLK_FAULT_WRITE, false, &failed);
	assert_true(failed > 30);
	sweep(BLK_FAULT_FLUSH, false, &failed);
	assert_true(failed >= 5);
	sweep(BLK_FAULT_READ, false, &failed);
	assert_true(failed >= 8);
	sweep(BLK_FAULT_WRITE, true, &failed);
	sweep(BLK_FAULT_FLUSH, true, &failed);
}

static void who_stops_it_is_left_with_nothing_that_boots(void **state)
{
	static const volatile int stop = 1;
	struct f_target *t = ft_new(TARGET_BYTES, 512);

	(void)state;
	assert_int_equal(ft_provision(t, NULL, &stop), -ECANCELED);
	assert_string_equal(f_err.text, "interrupted");
	check_no_table(t, "stopped");
	blk_free(&t->blk);
}

static void targets_that_do_not_fit_are_refused(void **state)
{
	const struct {
		uint64_t bytes;
		uint32_t sector;
		const char *why;
	} cases[] = {
		{ F_IMAGE_BYTES - 512, 512, "it is too small: 17 MiB, and web 1.0 needs 18 MiB" },
		{ 0, 512, "it is too small: 0 MiB" },
		{ TARGET_BYTES, 520, "its sectors have 520 bytes, not 512 or 4096" },
		{ TARGET_BYTES, 0, "its sectors have 0 bytes" },
	};
	static const uint8_t seed[GUID_BYTES] = { 3 };
	_cleanup_provision_source_ struct provision_source *s = NULL;
	static struct plan plan;

	(void)state;
	assert_int_equal(provision_source_open(fx.path, NULL, &s, &f_err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(plan_make(s, cases[i].bytes, cases[i].sector, seed, &plan, &f_err),
				 PLAN_REFUSED);
		if (!strstr(f_err.text, cases[i].why))
			fail_msg("'%s' does not say '%s'", f_err.text, cases[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_image_fills_targets_of_any_size),
		cmocka_unit_test(a_file_on_a_disk_is_written_as_well),
		cmocka_unit_test(early_init_can_grow_state_to_the_end),
		cmocka_unit_test(nothing_is_inherited),
		cmocka_unit_test(the_running_slot_b_becomes_slot_a),
		cmocka_unit_test(of_two_that_hold_the_root_the_running_one_is_taken),
		cmocka_unit_test(sources_that_do_not_hold_together_are_refused),
		cmocka_unit_test(every_disk_has_guids_of_its_own),
		cmocka_unit_test(a_medium_that_lies_is_found_out),
		cmocka_unit_test(who_must_have_signed_it_is_asked_of_what_was_written),
		cmocka_unit_test(every_failing_operation_is_reported),
		cmocka_unit_test(who_stops_it_is_left_with_nothing_that_boots),
		cmocka_unit_test(targets_that_do_not_fit_are_refused),
	};

	return cmocka_run_group_tests(tests, f_setup, f_teardown);
}
