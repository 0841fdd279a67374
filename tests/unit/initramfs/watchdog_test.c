/* Which of the kernel's watchdogs early init takes, from a /sys/class/watchdog of our own. */
#include "bootloader/initramfs/watchdog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "lib/base/atomic_file.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/path.h"

static char class[64];

static int setup(void **state)
{
	(void)state;
	strcpy(class, "/tmp/kiln-class-XXXXXX");
	return mkdtemp(class) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return path_remove_tree(class);
}

/* @identity NULL: a kernel that does not show it. */
static void add(const char *name, const char *identity)
{
	_cleanup_free_ char *dir = path_join(class, name);
	_cleanup_free_ char *file = str_printf("%s/identity", dir);

	assert_int_equal(mkdir(dir, 0755), 0);
	if (identity)
		assert_int_equal(atomic_file_write(file, identity, strlen(identity), 0644, NULL),
				 0);
}

static struct watchdog_found look(void)
{
	struct watchdog_found f;

	watchdog_look(class, &f);
	return f;
}

static void nothing_is_found_where_nothing_is(void **state)
{
	struct watchdog_found f = look();

	(void)state;
	assert_false(f.any);
	assert_int_equal(f.kinds, 0);
	watchdog_look("/nonexistent", &f);
	assert_false(f.any);
	add("watchdog", "iTCO_wdt\n");
	add("watchdogx", "iTCO_wdt\n");
	add("watchdog-1", "iTCO_wdt\n");
	add("watchdog4000", "iTCO_wdt\n");
	add("dog0", "iTCO_wdt\n");
	f = look();
	assert_false(f.any);
}

static void the_selector_s_first_choice_is_taken(void **state)
{
	struct watchdog_found f;

	(void)state;
	add("watchdog0", "Software Watchdog\n");
	f = look();
	assert_true(f.any);
	assert_int_equal(f.kind, WATCHDOG_KINDS);
	assert_int_equal(f.kinds, 0);
	add("watchdog1", "iTCO_wdt\n");
	f = look();
	assert_int_equal(f.best, 1);
	assert_int_equal(f.kind, WATCHDOG_ITCO);
	add("watchdog12", "i6300ESB timer\n");
	f = look();
	assert_int_equal(f.best, 12);
	assert_int_equal(f.kind, WATCHDOG_I6300ESB);
	assert_int_equal(f.kinds, 1u << WATCHDOG_ITCO | 1u << WATCHDOG_I6300ESB);
	assert_false(f.unnamed);
}

static void of_two_unknown_ones_the_lower_is_taken(void **state)
{
	struct watchdog_found f;

	(void)state;
	add("watchdog3", "one\n");
	add("watchdog2", "two\n");
	add("watchdog5", "three\n");
	f = look();
	assert_int_equal(f.best, 2);
}

static void a_name_that_cannot_be_read_is_said_to_be_so(void **state)
{
	struct watchdog_found f;

	(void)state;
	add("watchdog0", NULL);
	f = look();
	assert_true(f.any);
	assert_true(f.unnamed);
	assert_int_equal(f.kind, WATCHDOG_KINDS);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(nothing_is_found_where_nothing_is),
		CASE(the_selector_s_first_choice_is_taken),
		CASE(of_two_unknown_ones_the_lower_is_taken),
		CASE(a_name_that_cannot_be_read_is_said_to_be_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
