/*
 * The guard reboots machines: not ours. (That it does so where it should is the matter of
 * tests/golden/hangs/guard.scn.)
 */
#include "bootloader/initramfs/guard.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "bootloader/initramfs/watchdog.h"
#include "lib/base/err.h"

static void outside_of_early_init_there_is_none(void **state)
{
	const struct watchdog none = { .fd = -1 };
	static struct err err;

	(void)state;
	guard_allow(0);
	assert_int_equal(guard_start(&none, &err), -EPERM);
	guard_stop();
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outside_of_early_init_there_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
