/* Which reason a failed step is recorded with, and whether its slot gets another try. */
#include "bootloader/initramfs/verdict.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"

static const struct verdict nothing = { 0 };
static const struct verdict usual = { BS_REASON_STATE, MAY_PASS };

static void assert_verdict(struct verdict got, enum bs_reason reason, bool hopeless)
{
	assert_int_equal(got.reason, reason);
	assert_int_equal(got.hopeless, hopeless);
}

static void a_step_that_says_nothing_has_its_usual_reason(void **state)
{
	(void)state;
	assert_verdict(verdict_of(usual, nothing, -EINVAL, false), BS_REASON_STATE, MAY_PASS);
}

static void what_a_step_says_of_itself_counts_more(void **state)
{
	const struct verdict said = { BS_REASON_NO_PARTITION, HOPELESS };

	(void)state;
	assert_verdict(verdict_of(usual, said, -ENOENT, false), BS_REASON_NO_PARTITION, HOPELESS);
}

static void lack_of_memory_is_no_fault_of_the_image(void **state)
{
	const struct verdict said = { BS_REASON_SIGNATURE, HOPELESS };

	(void)state;
	assert_verdict(verdict_of(usual, said, -ENOMEM, false), BS_REASON_MEMORY, MAY_PASS);
}

static void a_damaged_block_explains_whatever_failed(void **state)
{
	const struct verdict said = { BS_REASON_SWITCH_ROOT, MAY_PASS };

	(void)state;
	assert_verdict(verdict_of(usual, said, -ENOMEM, true), BS_REASON_VERITY, HOPELESS);
	assert_verdict(verdict_of(usual, nothing, -EIO, true), BS_REASON_VERITY, HOPELESS);
}

static void errors_of_the_moment_get_another_try(void **state)
{
	static const int passing[] = { -EIO, -EAGAIN, -EINTR, -EBUSY, -ETIMEDOUT };
	static const int lasting[] = { -ENOENT, -ENOEXEC, -EKEYREJECTED, -EINVAL, -EACCES, -EPERM };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(passing); i++) {
		assert_verdict(verdict_of_module(passing[i]), BS_REASON_MODULES, MAY_PASS);
		assert_verdict(verdict_of_root(passing[i]), BS_REASON_ROOT_MOUNT, MAY_PASS);
		assert_verdict(verdict_of_init(passing[i]), BS_REASON_SWITCH_ROOT, MAY_PASS);
	}
	for (size_t i = 0; i < ARRAY_SIZE(lasting); i++) {
		assert_verdict(verdict_of_module(lasting[i]), BS_REASON_MODULES, HOPELESS);
		assert_verdict(verdict_of_root(lasting[i]), BS_REASON_ROOT_MOUNT, HOPELESS);
		assert_verdict(verdict_of_init(lasting[i]), BS_REASON_SWITCH_ROOT, HOPELESS);
	}
	assert_verdict(verdict_of_root(-ENODEV), BS_REASON_MODULES, HOPELESS);
}

static void every_reason_has_advice(void **state)
{
	(void)state;
	for (int i = 0; i < BS_REASON_COUNT; i++)
		assert_true(strlen(verdict_advice((enum bs_reason)i)) > 10);
}

static void the_last_reason_in_a_log_counts(void **state)
{
	static const struct {
		const char *log;
		enum bs_reason reason;
	} table[] = {
		{ "[1.0] kiln-init: gives up: no-device: the disk did not appear; look\n",
		  BS_REASON_NO_DEVICE },
		{ "kiln-init: gives up: modules: x\nkiln-init: gives up: memory: y\n", BS_REASON_MEMORY },
		{ "kiln-init: gives up: no-devices: x\n", BS_REASON_NONE },
		{ "kiln-init: gives up: no-device", BS_REASON_NONE },
		{ "kiln-init: gives up: ", BS_REASON_NONE },
		{ "other: gives up: modules: x\n", BS_REASON_NONE },
		{ "", BS_REASON_NONE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		assert_int_equal(verdict_from_log(table[i].log, strlen(table[i].log)), table[i].reason);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_step_that_says_nothing_has_its_usual_reason),
		cmocka_unit_test(what_a_step_says_of_itself_counts_more),
		cmocka_unit_test(lack_of_memory_is_no_fault_of_the_image),
		cmocka_unit_test(a_damaged_block_explains_whatever_failed),
		cmocka_unit_test(errors_of_the_moment_get_another_try),
		cmocka_unit_test(every_reason_has_advice),
		cmocka_unit_test(the_last_reason_in_a_log_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
