/* The boot as phases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/json.h"
#include "qemu/timeline.h"

static void play_boot(struct timeline *t, uint64_t at)
{
	timeline_start(t, at);
	timeline_line(t, at + 1000, "kiln: selector 0.1");
	timeline_line(t, at + 1100, "kiln: slot a: trying (2 tries left)");
	timeline_line(t, at + 1500, "kiln: slot a: starting web 1.0");
	timeline_line(t, at + 3500, "[    0.9] kiln-init: start");
	timeline_line(t, at + 3600, "kiln-init: verity: ok");
	timeline_line(t, at + 4000, "[    1.4] kiln-init: switch root");
	timeline_line(t, at + 7000, "web login: ");
	timeline_line(t, at + 8000, "kiln-health: confirmed slot a 1.0");
}

static void phases_end_where_their_markers_say(void **state)
{
	/* Bars: one column a second; shorter phases still show. */
	static const char wanted[] = "  firmware       1000 ms  #\n"
				     "  selector        500 ms   #\n"
				     "  kernel         2000 ms   ##\n"
				     "  early init      500 ms     #\n"
				     "  systemd        4000 ms      ####\n"
				     "  total          8000 ms  slot a, confirmed healthy\n";
	struct timeline t;
	struct buf b = BUF_INIT;

	(void)state;
	timeline_init(&t);
	play_boot(&t, 500);
	timeline_text_all(&t, 8, false, &b);
	assert_string_equal(b.data, wanted);
	assert_int_equal(timeline_total_ms(&t.boot[0]), 8000);
	buf_done(&b);
}

static void a_start_is_found_in_what_is_left_of_two_lines(void **state)
{
	(void)state;
	assert_int_equal(timeline_slot_started("kiln: slot a: starting web 1"), 'a');
	assert_int_equal(timeline_slot_started("kiln: slot b: passed over: a partition of the slot i"
					       "kiln: slot a: starting web 1"),
			 'a');
	assert_int_equal(timeline_slot_started("kiln: slot c: starting web 1"), 0);
	assert_int_equal(timeline_slot_started("slot a: starting web 1"), 0);
	assert_int_equal(timeline_slot_started(": starting"), 0);
}

static void a_login_prompt_ends_the_boot_until_health_speaks(void **state)
{
	struct timeline t;

	(void)state;
	timeline_init(&t);
	timeline_start(&t, 0);
	timeline_line(&t, 10, "Debian GNU/Linux 12 web ttyS0");
	assert_int_equal(t.boot[0].end_ms[PHASE_SYSTEMD], TIMELINE_UNSEEN);
	timeline_line(&t, 20, "[  OK  ] Reached target multi-user.target - Multi-User System.");
	assert_int_equal(t.boot[0].end_ms[PHASE_SYSTEMD], 20);
	timeline_line(&t, 30, "web login: ");
	assert_int_equal(t.boot[0].end_ms[PHASE_SYSTEMD], 20);
	assert_false(t.boot[0].confirmed);
	timeline_line(&t, 40, "kiln-health: confirmed slot a 1");
	assert_int_equal(t.boot[0].end_ms[PHASE_SYSTEMD], 40);
	timeline_line(&t, 50, "kiln-health: confirmed slot a 1");
	assert_int_equal(t.boot[0].end_ms[PHASE_SYSTEMD], 40);
	assert_true(t.boot[0].confirmed);
}

static void the_slot_that_really_starts_counts(void **state)
{
	struct timeline t;

	(void)state;
	timeline_init(&t);
	timeline_start(&t, 0);
	timeline_line(&t, 10, "kiln: slot a: starting web 1");
	timeline_line(&t, 20, "kiln: slot a: refused by the firmware");
	timeline_line(&t, 30, "kiln: slot b: starting web 1");
	assert_int_equal(t.boot[0].slot, 'b');
	assert_int_equal(t.boot[0].end_ms[PHASE_SELECTOR], 30);
}

static void a_reset_begins_another_boot_and_old_ones_are_dropped(void **state)
{
	struct timeline t;
	struct buf b = BUF_INIT;

	(void)state;
	timeline_init(&t);
	timeline_line(&t, 1, "kiln: selector before power on is nobody's");
	for (unsigned i = 0; i < TIMELINE_BOOTS_MAX + 2; i++)
		play_boot(&t, i * 10000);
	assert_int_equal(t.n, TIMELINE_BOOTS_MAX);
	assert_int_equal(t.dropped, 2);
	assert_int_equal(t.boot[0].start_ms, 20000);
	timeline_text_all(&t, 8, true, &b);
	assert_memory_equal(b.data, "boot 3\n", 7);
	buf_done(&b);
}

static void the_end_of_a_boot_is_what_was_said_first(void **state)
{
	struct timeline t;

	(void)state;
	timeline_init(&t);
	timeline_stop(&t, 1, TIMELINE_OFF);
	assert_int_equal(t.n, 0);
	timeline_start(&t, 100);
	assert_int_equal(t.boot[0].end, TIMELINE_RUNS);
	timeline_start(&t, 200);
	assert_int_equal(t.boot[0].end, TIMELINE_RESET);
	assert_int_equal(t.boot[0].stop_ms, 200);
	timeline_stop(&t, 300, TIMELINE_CUT);
	timeline_stop(&t, 310, TIMELINE_OFF);
	assert_int_equal(t.boot[1].end, TIMELINE_CUT);
	assert_int_equal(t.boot[1].stop_ms, 300);
	/* Switched on again later: the boot that went off is not also reset. */
	timeline_start(&t, 900);
	assert_int_equal(t.boot[1].end, TIMELINE_CUT);
	assert_int_equal(t.boot[1].stop_ms, 300);
	assert_int_equal(t.boot[2].stop_ms, TIMELINE_UNSEEN);
}

static void a_boot_that_did_not_come_up_ended_in_a_phase(void **state)
{
	struct timeline t;

	(void)state;
	timeline_init(&t);
	timeline_start(&t, 0);
	assert_int_equal(timeline_reached(&t.boot[0]), PHASE_FIRMWARE);
	timeline_line(&t, 10, "kiln: selector 0.1");
	assert_int_equal(timeline_reached(&t.boot[0]), PHASE_SELECTOR);
	/* "slot a: starting" was lost on the way: what came after tells. */
	timeline_line(&t, 20, "kiln-init: start");
	assert_int_equal(timeline_reached(&t.boot[0]), PHASE_INIT);
	timeline_line(&t, 30, "web login: ");
	assert_int_equal(timeline_reached(&t.boot[0]), PHASE_COUNT);
}

static void json_tells_what_was_seen_and_no_more(void **state)
{
	struct timeline t;
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	(void)state;
	timeline_init(&t);
	timeline_start(&t, 100);
	timeline_line(&t, 150, "kiln: selector 0.1");
	timeline_line(&t, 400, "kiln-init: start");
	timeline_json(&t, &j, NULL);
	assert_non_null(strstr(b.data, "\"firmware\""));
	assert_non_null(strstr(b.data, "\"duration_ms\": 50"));
	assert_null(strstr(b.data, "\"selector\""));
	/* What came before an unseen marker belongs to the next phase that was seen. */
	assert_non_null(strstr(b.data, "\"duration_ms\": 250"));
	assert_non_null(strstr(b.data, "\"slot\": null"));
	assert_non_null(strstr(b.data, "\"total_ms\": 300"));
	assert_non_null(strstr(b.data, "\"ended\": null"));
	assert_null(strstr(b.data, "\"stop_ms\""));
	buf_done(&b);
	timeline_start(&t, 600);
	timeline_stop(&t, 900, TIMELINE_OFF);
	timeline_json(&t, &j, NULL);
	assert_non_null(strstr(b.data, "\"ended\": \"reset\",\n      \"stop_ms\": 500"));
	assert_non_null(strstr(b.data, "\"number\": 2"));
	assert_non_null(strstr(b.data, "\"start_ms\": 500"));
	assert_non_null(strstr(b.data, "\"ended\": \"off\",\n      \"stop_ms\": 800"));
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(phases_end_where_their_markers_say),
		cmocka_unit_test(a_start_is_found_in_what_is_left_of_two_lines),
		cmocka_unit_test(a_login_prompt_ends_the_boot_until_health_speaks),
		cmocka_unit_test(the_slot_that_really_starts_counts),
		cmocka_unit_test(a_reset_begins_another_boot_and_old_ones_are_dropped),
		cmocka_unit_test(the_end_of_a_boot_is_what_was_said_first),
		cmocka_unit_test(a_boot_that_did_not_come_up_ended_in_a_phase),
		cmocka_unit_test(json_tells_what_was_seen_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
