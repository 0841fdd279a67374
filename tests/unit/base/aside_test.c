/* Jobs done aside: in order, one at a time, with a thread and without one. */
#include "lib/base/aside.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct job {
	int number, result;
	bool signals; /* afterwards: could it be interrupted? */
};

static int *at;

static int work(void *arg)
{
	struct job *j = arg;
	sigset_t mask;

	usleep(1000);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	j->signals = !sigismember(&mask, SIGTERM);
	*at++ = j->number;
	return j->result;
}

static void check(struct aside *a)
{
	int log[20];
	struct job job[20];

	at = log;
	assert_int_equal(aside_wait(a), 0);
	for (int i = 0; i < 20; i++) {
		job[i] = (struct job){ .number = i, .result = i == 7 ? -5 : i == 8 ? -6 : 0 };
		aside_start(a, work, &job[i]);
		/* What was begun before is over. */
		assert_true(at - log >= i);
	}
	/* The first failure, once. */
	assert_int_equal(aside_wait(a), -5);
	assert_int_equal(at - log, 20);
	assert_int_equal(aside_wait(a), 0);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(log[i], i);
		assert_int_equal(job[i].signals, !a->threaded);
	}
}

static void a_thread_does_them_in_order(void **state)
{
	struct aside a;

	(void)state;
	aside_init(&a);
	assert_true(a.threaded);
	check(&a);
	aside_done(&a);
	assert_false(a.threaded);
}

static void without_a_thread_it_is_the_same(void **state)
{
	struct aside a = { .threaded = false };

	(void)state;
	check(&a);
	aside_done(&a);
}

static void the_end_waits_for_the_job(void **state)
{
	int log[1] = { -1 };
	struct job job = { .number = 3 };
	struct aside a;

	(void)state;
	at = log;
	aside_init(&a);
	aside_start(&a, work, &job);
	aside_done(&a);
	assert_int_equal(log[0], 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thread_does_them_in_order),
		cmocka_unit_test(without_a_thread_it_is_the_same),
		cmocka_unit_test(the_end_waits_for_the_job),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
