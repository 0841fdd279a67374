/* modules.list: order is kept, and nothing but modules is loaded. */
#include "bootloader/initramfs/modules.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"

static struct err err;

struct seen {
	char text[1024];
	int answer; /* to the second module */
	int n;
};

static int note(void *ctx, const char *path, struct err *e)
{
	struct seen *s = ctx;
	size_t len = strlen(s->text);

	snprintf(s->text + len, sizeof(s->text) - len, "%s;", path);
	if (++s->n == 2 && s->answer)
		return err_set(e, s->answer, "no");
	return 0;
}

static int each(const char *text, size_t len, struct seen *s)
{
	return modules_list_each(text, len, note, s, &err);
}

static void modules_are_loaded_in_the_order_of_the_list(void **state)
{
	static const char text[] = "/lib/modules/6.1/kernel/a.ko\nusr/lib/modules/6.1/b.ko\n"
				   "lib/modules/6.1/c.ko";
	struct seen s = { 0 };

	(void)state;
	assert_int_equal(each(text, strlen(text), &s), 0);
	assert_string_equal(s.text, "/lib/modules/6.1/kernel/a.ko;usr/lib/modules/6.1/b.ko;"
				    "lib/modules/6.1/c.ko;");
	assert_int_equal(each("", 0, &s), 0);
}

static void the_first_failure_ends_it(void **state)
{
	static const char text[] = "/lib/modules/a.ko\n/lib/modules/b.ko\n/lib/modules/c.ko\n";
	struct seen s = { .answer = -EKEYREJECTED };

	(void)state;
	assert_int_equal(each(text, strlen(text), &s), -EKEYREJECTED);
	assert_string_equal(s.text, "/lib/modules/a.ko;/lib/modules/b.ko;");
}

static void what_is_no_module_is_refused_before_it_is_touched(void **state)
{
	static const char *const bad[] = {
		"\n", "/lib/modules/a.so\n", "/init\n", "/lib/modules/.ko/\n",
		"/lib/modules/../../etc/a.ko\n", "/libx/modules/a.ko\n",
	};
	char longest[MODULE_PATH_MAX + 32];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct seen s = { 0 };

		assert_int_equal(each(bad[i], strlen(bad[i]), &s), -EINVAL);
		assert_string_equal(s.text, "");
		assert_non_null(strstr(err.text, "modules.list:1: "));
	}
	memset(longest, 'a', sizeof(longest));
	assert_int_equal(each(longest, sizeof(longest), &(struct seen){ 0 }), -EINVAL);
	assert_int_equal(each("/lib/modules/a\0.ko", 18, &(struct seen){ 0 }), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modules_are_loaded_in_the_order_of_the_list),
		cmocka_unit_test(the_first_failure_ends_it),
		cmocka_unit_test(what_is_no_module_is_refused_before_it_is_touched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
