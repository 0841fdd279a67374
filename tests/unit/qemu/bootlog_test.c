/* The serial port's words, boot by boot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/io.h"
#include "lib/base/path.h"
#include "qemu/bootlog.h"

static void feed(struct serial *s, uint64_t at, const char *text)
{
	assert_int_equal(serial_feed(s, text, strlen(text), at), 0);
}

static void two_boots(struct serial *s, struct timeline *t)
{
	serial_init(s, NULL, NULL);
	timeline_init(t);
	feed(s, 500, "before the power was on\n");
	timeline_start(t, 1000);
	feed(s, 4602, "\033[2Jkiln: selector 0.1.0\r\n\r\n\033[1mkiln-init: start\033[0m\n");
	timeline_start(t, 14000);
	feed(s, 14003, "reboot: Restarting system\r\n");
	feed(s, 14000 + BOOTLOG_LAST_WORDS_MS, "BdsDxe: loading\r\n");
	feed(s, 15234, "web login: ");
}

static void each_boot_has_its_own_lines(void **state)
{
	struct serial s;
	struct timeline t;
	struct buf b = BUF_INIT;

	(void)state;
	two_boots(&s, &t);
	bootlog_text(&s, &t, 0, &b);
	/* The last words come with the news of the reset, and are the first boot's. */
	assert_string_equal(b.data, "   3.602  kiln: selector 0.1.0\n"
				    "   3.602  kiln-init: start\n"
				    "  13.003  reboot: Restarting system\n");
	buf_done(&b);
	bootlog_text(&s, &t, 1, &b);
	assert_string_equal(b.data, "   0.050  BdsDxe: loading\n"
				    "   1.234  web login: \n");
	buf_done(&b);
	bootlog_text(&s, &t, 2, &b);
	assert_int_equal(b.len, 0);
	serial_done(&s);
}

static void after_a_power_cut_the_next_words_are_the_next_boots(void **state)
{
	struct serial s;
	struct timeline t;
	struct buf b = BUF_INIT;

	(void)state;
	serial_init(&s, NULL, NULL);
	timeline_init(&t);
	timeline_start(&t, 0);
	timeline_stop(&t, 90, TIMELINE_CUT);
	timeline_start(&t, 100);
	feed(&s, 101, "at once\n");
	bootlog_text(&s, &t, 1, &b);
	assert_string_equal(b.data, "   0.001  at once\n");
	buf_done(&b);
	serial_done(&s);
}

static void the_middle_of_a_long_one_is_left_out(void **state)
{
	struct serial s;
	struct timeline t;
	struct buf b = BUF_INIT;
	char line[201];

	(void)state;
	serial_init(&s, NULL, NULL);
	timeline_init(&t);
	timeline_start(&t, 0);
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 2] = '\n';
	line[sizeof(line) - 1] = '\0';
	feed(&s, 1, "the first\n");
	for (unsigned i = 0; i < BOOTLOG_BYTES_MAX / 100; i++)
		feed(&s, 2, line);
	feed(&s, 3, "the last\n");
	bootlog_text(&s, &t, 0, &b);
	assert_in_range(b.len, BOOTLOG_BYTES_MAX - 500, BOOTLOG_BYTES_MAX + 100);
	assert_memory_equal(b.data, "   0.001  the first\n", 20);
	assert_string_equal(b.data + b.len - 19, "   0.003  the last\n");
	assert_non_null(strstr(b.data, "xxx\n          ... "));
	assert_non_null(strstr(b.data, " bytes are left out here; serial.log has all ...\n   0.002  xxx"));
	buf_done(&b);
	serial_done(&s);
}

static void files_of_an_earlier_run_go(void **state)
{
	char dir[] = "/tmp/kiln-bootlog.XXXXXX";
	struct serial s;
	struct timeline t;
	char *one, *nine, *text;

	(void)state;
	assert_non_null(mkdtemp(dir));
	one = path_join(dir, "boot-1.log");
	nine = path_join(dir, "boot-9.log");
	two_boots(&s, &t);
	t.dropped = 8;
	assert_int_equal(bootlog_write(dir, &s, &t, NULL), 0);
	assert_int_equal(access(nine, R_OK), 0);
	t.dropped = 0;
	assert_int_equal(bootlog_write(dir, &s, &t, NULL), 0);
	assert_int_equal(access(nine, F_OK), -1);
	assert_int_equal(io_read_file(one, BOOTLOG_BYTES_MAX, &text, NULL, NULL), 0);
	assert_memory_equal(text, "   3.602  kiln: selector", 24);
	free(text);
	free(one);
	free(nine);
	serial_done(&s);
	assert_int_equal(path_remove_tree(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_boot_has_its_own_lines),
		cmocka_unit_test(after_a_power_cut_the_next_words_are_the_next_boots),
		cmocka_unit_test(the_middle_of_a_long_one_is_left_out),
		cmocka_unit_test(files_of_an_earlier_run_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
