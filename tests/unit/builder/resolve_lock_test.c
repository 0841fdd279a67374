/* The lock file: what is written is read back, and nothing else is read. */
#include "builder/resolve/lock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"

#define H "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEAD                                                                           \
	"kiln-lock 1\nrecipe demo\nsuite bookworm\narchitecture amd64\ntimestamp 1700000000\n" \
	"request " H "\n"
#define RELEASE "release main bookworm " H " 1700000000\n"
#define PACKAGE "package a 1:2-3 all @recipe main 10 " H " pool/a_2-3_all.deb\n"

static struct lock *parse(const char *text)
{
	struct lock *l = NULL;
	struct err err;
	int r = lock_parse(text, strlen(text), "t.lock", &l, &err);

	if (r < 0)
		fail_msg("%s", err.text);
	return l;
}

static void what_is_written_is_read_back(void **state)
{
	static const char text[] = HEAD RELEASE PACKAGE
		"package b 1 amd64 a security 20 " H " pool/b.deb\nuser messagebus 100 101\n"
		"user www-data 33 33\ngroup _ssh 101\n";
	struct lock *l = parse(text);
	struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(l->n_packages, 2);
	assert_string_equal(l->packages[1].archive, "security");
	assert_int_equal(l->packages[1].size_bytes, 20);
	assert_int_equal(l->users[0].gid, 101);
	assert_int_equal(l->timestamp, 1700000000);
	assert_string_equal(lock_find(l, "b")->by, "a");
	assert_null(lock_find(l, "c"));
	lock_print(l, &out);
	assert_string_equal(strstr(out.data, "kiln-lock"), text);
	buf_done(&out);
	lock_free(l);
}

static void packages_are_printed_in_order(void **state)
{
	struct lock *l = parse(HEAD RELEASE PACKAGE "package b 1 amd64 a main 2 " H " pool/b.deb\n");
	struct lock_package swap = l->packages[0];
	struct buf out = BUF_INIT;

	(void)state;
	l->packages[0] = l->packages[1];
	l->packages[1] = swap;
	lock_print(l, &out);
	lock_free(l);
	l = parse(out.data);
	assert_string_equal(l->packages[0].name, "a");
	buf_done(&out);
	lock_free(l);
}

static void refusals_say_where_and_leave_the_result_alone(void **state)
{
	static const struct {
		const char *text, *error;
	} table[] = {
		{ "", "t.lock:1:1: expected 'kiln-lock'" },
		{ "kiln-lock 2\n", "t.lock:1:11: this kiln reads lock format 1 only" },
		{ "kiln-lock 1\nsuite x\n", "t.lock:2:1: expected 'recipe'" },
		{ "kiln-lock 1\nrecipe  x\n", "t.lock:2:8: one space between words, none at the ends" },
		{ HEAD "package", "t.lock:7:1: the last line is cut off" },
		{ HEAD "package a\n", "t.lock:7:1: a 'package' line has 9 words, not 2" },
		{ HEAD PACKAGE RELEASE, "t.lock:8:1: unknown or misplaced line" },
		{ HEAD "colour red\n", "t.lock:7:1: unknown or misplaced line" },
		{ HEAD PACKAGE PACKAGE,
		  "t.lock:8:9: packages must be sorted by name, each once" },
		{ HEAD "package a 1 all a main 1 " H " ../etc/passwd\n",
		  "t.lock:7:91: expected a plain path relative to a mirror" },
		{ HEAD "package a 1 all a main 1 " H " /pool/a\n",
		  "t.lock:7:91: expected a plain path relative to a mirror" },
		{ HEAD "package a 1 all a main 1 " H " pool/a?b\n",
		  "t.lock:7:91: expected a plain path relative to a mirror" },
		{ HEAD "package a 1 all a main 1 abc pool/a\n",
		  "t.lock:7:26: expected a SHA-256 of 64 hex digits" },
		{ HEAD "package a 1 all a contrib 1 " H " pool/a\n",
		  "t.lock:7:19: expected main or security" },
		{ HEAD "package a 1 all a main 99999999999 " H " pool/a\n",
		  "t.lock:7:24: number too large" },
		{ HEAD "package a 1 all a main 01 " H " pool/a\n",
		  "t.lock:7:24: a number has no leading zero" },
		{ HEAD "package a x all a main 1 " H " pool/a\n",
		  "t.lock:7:11: not a Debian version" },
		{ HEAD "package A 1 all a main 1 " H " pool/a\n", "t.lock:7:9: not a name" },
		{ HEAD "user b 1 1\nuser a 1 1\n",
		  "t.lock:8:6: users and groups must be sorted by name, each once" },
		{ HEAD "user b 4294967296 1\n", "t.lock:7:8: number too large" },
		{ HEAD "user b\t 1 1\n", "t.lock:7:7: stray character" },
	};
	struct lock *l = (struct lock *)&table;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(lock_parse(table[i].text, strlen(table[i].text), "t.lock", &l, &err),
				 -EINVAL);
		assert_string_equal(err.text, table[i].error);
		assert_ptr_equal(l, &table);
	}
}

static void a_change_is_told_by_package(void **state)
{
	struct lock *a = parse(HEAD PACKAGE "package b 1 all a main 2 " H " pool/b\n"
				    "package d 2 all a main 2 " H " pool/d\n");
	struct lock *b = parse(HEAD "package b 2 all a main 2 1"
				    "123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef pool/b\n"
				    "package c 1 all b main 2 " H " pool/c\n"
				    "package d 1 all b main 2 2"
				    "123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef pool/c\n");
	struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(lock_diff(a, b, &out), 4);
	assert_string_equal(out.data,
			    "  - a                                1:2-3\n"
			    "  ^ b                                1 -> 2\n"
			    "  + c                                1 (by b)\n"
			    "  v d                                2 -> 1 (older)\n");
	buf_done(&out);
	assert_int_equal(lock_diff(NULL, a, &out), 3);
	buf_done(&out);
	assert_int_equal(lock_diff(a, a, &out), 0);
	buf_done(&out);
	lock_free(a);
	lock_free(b);
}

static void ids_are_kept_sorted_and_replaced(void **state)
{
	struct lock *l = lock_new();

	(void)state;
	assert_int_equal(lock_set_user(l, "m", 1, 1), 0);
	assert_int_equal(lock_set_user(l, "a", 2, 2), 0);
	assert_int_equal(lock_set_user(l, "z", 3, 3), 0);
	assert_int_equal(lock_set_user(l, "m", 4, 5), 0);
	assert_int_equal(l->n_users, 3);
	assert_string_equal(l->users[0].name, "a");
	assert_int_equal(l->users[1].uid, 4);
	assert_int_equal(lock_set_group(l, "g", 7), 0);
	assert_int_equal(lock_set_group(l, "b", 8), 0);
	assert_string_equal(l->groups[1].name, "g");
	lock_free(l);
}

static void the_lock_lies_beside_its_recipe(void **state)
{
	static const char *const table[][2] = {
		{ "demo.yaml", "demo.lock" },
		{ "a/b.yml", "a/b.lock" },
		{ "plain", "plain.lock" },
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char *path = lock_path_for(table[i][0]);

		assert_string_equal(path, table[i][1]);
		free(path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(packages_are_printed_in_order),
		cmocka_unit_test(refusals_say_where_and_leave_the_result_alone),
		cmocka_unit_test(a_change_is_told_by_package),
		cmocka_unit_test(ids_are_kept_sorted_and_replaced),
		cmocka_unit_test(the_lock_lies_beside_its_recipe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
