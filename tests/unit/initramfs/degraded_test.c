/* The lines of /run/kiln/degraded: one each, whole or not at all, never more than there is room. */
#include "bootloader/initramfs/degraded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct degraded d;

static void every_note_is_one_line(void **state)
{
	(void)state;
	memset(&d, 0, sizeof(d));
	degraded_add(&d, "state: %s; do this", "first\nsecond\r");
	degraded_add(&d, "/var: %d", 7);
	assert_string_equal(d.text, "state: first;second;; do this\n/var: 7\n");
	assert_int_equal(d.len, strlen(d.text));
	assert_int_equal(d.dropped, 0);
}

static void what_does_not_fit_is_counted_and_left_out(void **state)
{
	char big[600];

	(void)state;
	memset(&d, 0, sizeof(d));
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	for (int i = 0; i < 20; i++)
		degraded_add(&d, "%s", big);
	assert_true(d.len < sizeof(d.text));
	assert_int_equal(d.len, strlen(d.text));
	assert_int_equal(d.len % sizeof(big), 0);
	assert_int_equal(d.dropped, 20 - d.len / sizeof(big));
	assert_true(d.dropped > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_note_is_one_line),
		cmocka_unit_test(what_does_not_fit_is_counted_and_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
