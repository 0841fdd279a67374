/* Whole boots of the selector: which slot starts, what was stored before, what is said. */
#include "tests/unit/selector/firmware_fixture.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* What must be said in this order. */
static void assert_said(const char *const *lines, size_t n)
{
	const char *at = m->log;

	for (size_t i = 0; i < n; i++) {
		at = strstr(at, lines[i]);
		if (!at)
			fail_msg("not said (in this place): %s\n%s", lines[i], m->log);
	}
}

#define ASSERT_SAID(...)                                                \
	do {                                                            \
		static const char *const said_lines[] = { __VA_ARGS__ }; \
		assert_said(said_lines, N(said_lines));                 \
	} while (0)

static struct bs state(void)
{
	struct bs bs;

	assert_true(state_now(&bs));
	return bs;
}

static void assert_started(unsigned int slot)
{
	if (power_on() != ENDED_RUNNING || m->started != slot)
		fail_msg("slot %u did not start:\n%s", slot, m->log);
}

static void a_trial_is_counted_before_it_starts_and_ends(void **unused)
{
	(void)unused;
	new_machine(2);
	m->behaviour[1] = RESETS;
	for (unsigned int left = 2; left > 0; left--) {
		assert_int_equal(power_on(), ENDED_RESET);
		assert_int_equal(m->starts, 1);
		assert_int_equal(m->started, 1);
		assert_true(m->counted);
		assert_int_equal(state().slot[1].tries_left, left - 1);
		assert_int_equal(m->fw_watchdog_s, 120);
	}
	assert_started(0);
	assert_true(m->counted);
	ASSERT_SAID("kiln: slot b: passed over: it stopped without a word",
		    "kiln: slot a: good, boot 1 since the last confirm",
		    "kiln: slot a: starting demo 1");
	assert_int_equal(state().slot[1].status, BS_BAD);
	assert_int_equal(state().refused[0].reason, BS_REASON_NO_VERDICT);
}

#define OPERATIONS 4u /* writes and flushes of a boot that starts its first choice */

/*
 * Power fails at each write and flush of the boots until the trial is over, the write lost,
 * torn or landed. A trial never gets more starts than tries, and there is always a slot to start.
 */
static void a_power_cut_anywhere_costs_no_more_than_a_try(void **unused)
{
	(void)unused;
	for (unsigned int after = 0; after < 2; after++) {
		for (uint32_t at = 0; at < 3 * OPERATIONS; at++) {
			unsigned int trials = 0;

			new_machine(2);
			m->behaviour[1] = RESETS;
			m->cut_after = after;
			for (unsigned int boots = 0; boots < 8; boots++) {
				enum ending how;

				m->cut_at = boots == at / OPERATIONS ? at % OPERATIONS : NEVER;
				how = power_on();
				assert_true(how == ENDED_CUT || m->operations == OPERATIONS);
				trials += m->starts && m->started == 1;
				assert_true(!m->starts || m->counted);
				if (how == ENDED_RUNNING)
					break;
				assert_int_not_equal(how, ENDED_RETURNED);
			}
			assert_int_equal(m->started, 0);
			assert_in_range(trials, 0, 2);
			assert_true(state().slot[0].good);
		}
	}
}

static void a_state_that_cannot_be_stored_starts_no_trial(void **unused)
{
	static const struct {
		EFI_STATUS status;
		bool vanish, read_only;
		const char *why;
	} faults[] = {
		{ EFI_WRITE_PROTECTED, false, false, "not stored: the disk is read-only" },
		{ EFI_SUCCESS, false, true, "not stored: the disk is read-only" },
		{ EFI_ERROR_BIT | 7, false, false, "not stored: input/output error" },
		{ EFI_SUCCESS, true, false,
		  "not stored: the boot state did not read back as written" },
	};

	(void)unused;
	for (size_t i = 0; i < N(faults); i++) {
		new_machine(3);
		m->write_status = faults[i].status;
		m->writes_vanish = faults[i].vanish;
		m->read_only = faults[i].read_only;
		for (unsigned int boots = 0; boots < 3; boots++) {
			assert_started(0);
			assert_false(m->counted);
			assert_true(said(faults[i].why));
			ASSERT_SAID("not stored", "kiln: slot a: trying, not counted");
		}
		assert_int_equal(state().slot[1].tries_left, 3);
	}
	/* It is the stored state that decides, not the one that could not be stored. */
	new_machine(0);
	struct bs bs = state();

	bs.slot[1].unconfirmed = bs.slot[1].tries_max - 1;
	state_put(&bs);
	m->write_status = EFI_WRITE_PROTECTED;
	assert_started(1);
	/* With no slot that ever proved itself nothing is started at all. */
	new_machine(3);
	bs = state();
	bs.slot[0] = (struct bs_slot){ 0 };
	state_put(&bs);
	m->write_status = EFI_WRITE_PROTECTED;
	assert_int_equal(power_on(), ENDED_RESET);
	assert_int_equal(m->starts, 0);
	ASSERT_SAID("no slot may be started uncounted: reset in ");
}

static void what_cannot_start_leads_to_the_other_slot_in_the_same_boot(void **unused)
{
	static const struct {
		const char *what, *says;
		enum bs_status then;
		enum bs_reason reason;
	} faults[] = {
		{ "unreadable", "slot b: UKI cannot be read", BS_READY, BS_REASON_UKI_READ },
		{ "flipped", "slot b: UKI hash mismatch", BS_BAD, BS_REASON_UKI_HASH },
		{ "denied", "slot b: UKI refused by the firmware: access denied", BS_BAD,
		  BS_REASON_UKI_REFUSED },
		{ "violation", "slot b: UKI refused by the firmware: security violation", BS_BAD,
		  BS_REASON_UKI_REFUSED },
		{ "returns", "slot b: UKI came back: not found", BS_BAD, BS_REASON_UKI_RETURNED },
		{ "too large", "slot b: UKI size makes no sense", BS_BAD, BS_REASON_UKI_SIZE },
		{ "empty", "slot b: no PE file", BS_BAD, BS_REASON_UKI_REFUSED },
	};

	(void)unused;
	for (size_t i = 0; i < N(faults); i++) {
		struct bs bs;

		new_machine(3);
		bs = state();
		m->unreadable[1] = !strcmp(faults[i].what, "unreadable");
		m->disk[BOOT_AT(1) + 0x450] ^= !strcmp(faults[i].what, "flipped");
		m->load_status[1] = !strcmp(faults[i].what, "denied")	 ? EFI_ACCESS_DENIED
				    : !strcmp(faults[i].what, "violation") ? EFI_SECURITY_VIOLATION
									   : EFI_SUCCESS;
		m->behaviour[1] = RETURNS;
		if (!strcmp(faults[i].what, "too large"))
			bs.slot[1].image.uki_bytes = 2 * MIB;
		if (!strcmp(faults[i].what, "empty")) {
			memset(m->disk + BOOT_AT(1), 0, FIXTURE_PE_BYTES);
			sha256_bytes(m->disk + BOOT_AT(1), FIXTURE_PE_BYTES,
				     bs.slot[1].image.uki_sha256);
		}
		state_put(&bs);
		assert_started(0);
		assert_true(m->counted);
		assert_true(said(faults[i].says));
		assert_int_equal(state().slot[1].status, faults[i].then);
		assert_int_equal(state().slot[1].reason, faults[i].reason);
		assert_int_equal(state().slot[1].tries_left, faults[i].then == BS_READY ? 2 : 0);
	}
}

static void too_little_memory_is_no_fault_of_the_image(void **unused)
{
	struct bs bs;

	(void)unused;
	new_machine(3);
	bs = state();
	bs.slot[1].image.uki_bytes = MIB / 2;
	state_put(&bs);
	m->no_memory = true;
	assert_started(0);
	ASSERT_SAID("slot b: not enough memory for the UKI");
	assert_int_equal(state().slot[1].status, BS_READY);
}

/* Nothing starts: a pause that grows, a reset, and every boot tries again. */
static void with_both_slots_dead_it_waits_and_resets_and_loses_nothing(void **unused)
{
	uint64_t last = 0;

	(void)unused;
	new_machine(3);
	m->unreadable[0] = m->unreadable[1] = true;
	for (unsigned int boots = 0; boots < 12; boots++) {
		assert_int_equal(power_on(), ENDED_RESET);
		assert_int_equal(m->starts, 0);
		assert_true(said("no slot can be started: reset in "));
		assert_in_range(m->clock_us / 1000000, 5, 80);
		assert_true(m->clock_us >= last);
		assert_int_equal(m->fw_watchdog_s, m->clock_us / 1000000 + 120);
		last = m->clock_us - m->clock_us % 1000000;
	}
	assert_int_equal(last, 80000000);
	assert_true(state().slot[0].good);
	assert_int_equal(state().slot[0].status, BS_READY);
	/* The cable is back. */
	m->unreadable[0] = m->unreadable[1] = false;
	assert_started(0);
}

static void either_copy_of_the_table_will_do(void **unused)
{
	(void)unused;
	new_machine(0);
	m->disk[SECTOR + 40] ^= 1;
	assert_started(1);
	ASSERT_SAID("kiln: partition table: backup used: ");
	new_machine(0);
	m->disk[DISK_BYTES - SECTOR + 40] ^= 1;
	assert_started(1);
	assert_false(said("backup used"));
	/* With neither, nothing is written and nothing started. */
	m->disk[SECTOR + 40] ^= 1;
	assert_int_equal(power_on(), ENDED_RESET);
	assert_int_equal(m->starts + m->operations, 0);
	ASSERT_SAID("valid: reset in 5 s");
}

static void a_lost_state_is_rebuilt_knowingly(void **unused)
{
	(void)unused;
	new_machine(0);
	memset(m->disk + STATE_AT, 0xff, MIB);
	assert_started(0);
	assert_true(m->counted);
	ASSERT_SAID("boot state: both copies of the boot state are unreadable",
		    "boot state: rebuilt: slot a 1, slot b 1", "kiln: slot a: trying (2 tries left)");
	assert_true(state().rebuilt);
	/* A slot without descriptor is not guessed at. */
	memset(m->disk + STATE_AT, 0, MIB);
	memset(m->disk + BOOT_AT(1) - SLOTDESC_BYTES, 0, SLOTDESC_BYTES);
	assert_started(1);
	ASSERT_SAID("rebuilt: slot a empty, slot b 1");
}

/* A disk that cannot read today: what it holds is not given up for what is guessed. */
static void a_state_that_cannot_be_read_survives(void **unused)
{
	(void)unused;
	new_machine(0);
	m->state_unreadable = 4;
	assert_started(1);
	assert_true(m->counted);
	assert_false(said("rebuilt"));
	m->state_unreadable = NEVER;
	assert_started(0);
	assert_false(m->counted);
	assert_in_range(m->clock_us / 1000000, 5, 10);
	ASSERT_SAID("both copies of the boot state are unreadable", "rebuilt",
		    "not stored: input/output error", "slot a: trying, not counted");
	m->state_unreadable = 0;
	assert_true(state().slot[0].good && state().slot[1].good);
	assert_started(1);
	assert_true(m->counted);
}

/* Where nothing can be counted any ready slot is better than none, as nobody knows which is good. */
static void without_a_state_partition_it_boots_uncounted(void **unused)
{
	static struct gpt gpt;
	static uint8_t scratch[GPT_HEAD_BYTES(SECTOR)];
	struct gpt_partition p;

	(void)unused;
	new_machine(0);
	assert_int_equal(gpt_read(&whole_ops, SECTOR, DISK_BYTES / SECTOR, &gpt), GPT_OK);
	assert_int_equal(gpt_find_name(&gpt, GPT_NAME_BOOT_STATE, &p), GPT_OK);
	strcpy(p.name, "elsewhere");
	assert_int_equal(gpt_set_partition(&gpt, &p), GPT_OK);
	assert_int_equal(gpt_write(&gpt, &whole_ops, scratch), 0);
	assert_started(0);
	assert_int_equal(m->operations, 0);
	ASSERT_SAID("boot state: no partition", "rebuilt", "slot a: trying, not counted");
}

static void a_newer_state_is_never_written(void **unused)
{
	(void)unused;
	new_machine(0);
	for (unsigned int copy = 0; copy < BS_COPIES; copy++) {
		uint8_t *record = m->disk + STATE_AT + BS_COPY_OFFSET(copy);

		/* Format number and seal, as a later kiln would write them. */
		le32_store(record + 8, 1000);
		sha256_bytes(record, BS_RECORD_BYTES - SHA256_BYTES,
			     record + BS_RECORD_BYTES - SHA256_BYTES);
	}
	assert_started(0);
	assert_int_equal(m->operations, 0);
	ASSERT_SAID("written by a newer kiln", "slot a: trying, not counted");
	assert_false(said("not stored"));
}

static void a_one_shot_slot_is_started_once(void **unused)
{
	struct bs bs;

	(void)unused;
	new_machine(0);
	bs = state();
	bs.oneshot = 0;
	state_put(&bs);
	assert_started(0);
	ASSERT_SAID("kiln: slot a: chosen for this boot only");
	assert_int_equal(state().oneshot, BS_SLOT_NONE);
	assert_started(1);
	assert_false(said("this boot only"));
}

static void every_reason_to_pass_a_slot_over_is_said(void **unused)
{
	struct bs bs;

	(void)unused;
	new_machine(3);
	bs = state();
	bs.slot[1].status = BS_WRITING;
	state_put(&bs);
	assert_started(0);
	ASSERT_SAID("kiln: slot b: passed over: an update of it was not finished");
	bs = state();
	bs.slot[1].status = BS_BAD;
	bs.slot[1].reason = BS_REASON_HEALTH;
	state_put(&bs);
	assert_started(0);
	ASSERT_SAID("kiln: slot b: passed over: a health check failed");
	new_machine(0);
	bs = state();
	bs.floor = 5;
	bs.slot[1].image.epoch = 4;
	state_put(&bs);
	assert_started(0);
	ASSERT_SAID("kiln: slot b: passed over: it is older than the rollback floor");
	new_machine(0);
	bs = state();
	bs.slot[1].unconfirmed = 3;
	state_put(&bs);
	assert_started(0);
	ASSERT_SAID("kiln: slot b: passed over: its last boots were not confirmed");
	/* Second in line is nothing to talk about. */
	new_machine(0);
	assert_started(1);
	assert_false(said("passed over"));
}

/* Left there by mistake or on purpose, it would send early init to another disk for ever. */
static void a_lasting_variable_in_the_way_is_replaced(void **unused)
{
	(void)unused;
	new_machine(0);
	m->lasting_variable = true;
	assert_started(1);
	assert_true(m->variable_replaced);
	assert_false(m->lasting_variable);
}

/* Names and versions come from the disk: no escape sequence gets through to a terminal. */
/* A serial port that is busy for a moment, one for ever, and one that is not. */
static void what_the_console_did_not_take_is_said_again(void **unused)
{
	unsigned int lines;

	(void)unused;
	new_machine(0);
	assert_started(1);
	lines = m->lines;
	new_machine(0);
	m->console_stalls = 2;
	m->lines = 0;
	assert_started(1);
	ASSERT_SAID("\nkiln: selector ");
	assert_int_equal(m->lines, lines + 2);
	new_machine(0);
	m->console_stalls = UINT32_MAX;
	m->lines = 0;
	assert_started(1);
	assert_int_equal(m->lines, lines + 8);
}

static void texts_from_outside_cannot_control_the_console(void **unused)
{
	char out[32];

	(void)unused;
	text_format(out, sizeof(out), "%s|%x|%u", "a\x1b[2J\n\x7f\xff", (uint64_t)0xbeef,
		    (uint64_t)7);
	assert_string_equal(out, "a?[2J???|beef|7");
	text_format(out, 6, "%s", "longer than that");
	assert_string_equal(out, "longe");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_trial_is_counted_before_it_starts_and_ends),
		cmocka_unit_test(a_power_cut_anywhere_costs_no_more_than_a_try),
		cmocka_unit_test(a_state_that_cannot_be_stored_starts_no_trial),
		cmocka_unit_test(what_cannot_start_leads_to_the_other_slot_in_the_same_boot),
		cmocka_unit_test(too_little_memory_is_no_fault_of_the_image),
		cmocka_unit_test(with_both_slots_dead_it_waits_and_resets_and_loses_nothing),
		cmocka_unit_test(either_copy_of_the_table_will_do),
		cmocka_unit_test(a_lost_state_is_rebuilt_knowingly),
		cmocka_unit_test(a_state_that_cannot_be_read_survives),
		cmocka_unit_test(without_a_state_partition_it_boots_uncounted),
		cmocka_unit_test(a_newer_state_is_never_written),
		cmocka_unit_test(a_one_shot_slot_is_started_once),
		cmocka_unit_test(every_reason_to_pass_a_slot_over_is_said),
		cmocka_unit_test(what_the_console_did_not_take_is_said_again),
		cmocka_unit_test(texts_from_outside_cannot_control_the_console),
		cmocka_unit_test(a_lasting_variable_in_the_way_is_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
