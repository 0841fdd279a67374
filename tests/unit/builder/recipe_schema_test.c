/* The schema table: its rows are complete, its words and their patterns agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <regex.h>
#include <string.h>

#include "builder/recipe/schema.h"
#include "builder/recipe/value.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"

struct word_case {
	const struct schema_word *word;
	const char *text;
	bool ok;
};

static const struct word_case cases[] = {
	{ &word_image, "web-node.2", true },
	{ &word_image, "2web", true },
	{ &word_image, "Web", false },
	{ &word_image, "-web", false },
	{ &word_image, "we_b", false },
	{ &word_image, "", false },
	{ &word_version, "1.4.0~rc1+deb-2^3", true },
	{ &word_version, "~1", false },
	{ &word_version, "1_2", false },
	{ &word_version, "1 2", false },
	{ &word_package, "libstdc++6", true },
	{ &word_package, "0ad", true },
	{ &word_package, "a", false },
	{ &word_package, "+a", false },
	{ &word_package, "a:amd64", false },
	{ &word_user, "_apt", true },
	{ &word_user, "www-data", true },
	{ &word_user, "0day", false },
	{ &word_user, "a.b", false },
	{ &word_user, "abcdefghijklmnopqrstuvwxyz0123456", false },
	{ &word_unit, "serial-getty@ttyS0.service", true },
	{ &word_unit, "dev-disk-by\\x2dlabel-x.swap", true },
	{ &word_unit, "a b.service", false },
	{ &word_unit, "@.service", false },
	{ &word_module, "virtio*", true },
	{ &word_module, "kernel/fs/*", true },
	{ &word_module, "/etc", false },
	{ &word_initrd, "dm_mod", true },
	{ &word_initrd, "dm*", false },
};

static void words_are_as_narrow_as_their_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *why = schema_word_check(cases[i].word, cases[i].text);

		if (!why != cases[i].ok)
			fail_msg("%s '%s': %s", cases[i].word->what, cases[i].text,
				 why ? why : "accepted");
	}
}

static void the_pattern_for_editors_says_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct buf b = BUF_INIT;
		regex_t re;
		bool match;

		schema_word_pattern(cases[i].word, &b);
		assert_int_equal(regcomp(&re, b.data, REG_EXTENDED | REG_NOSUB), 0);
		match = regexec(&re, cases[i].text, 0, NULL, 0) == 0;
		if (match != cases[i].ok)
			fail_msg("%s '%s': pattern %s", cases[i].word->what, cases[i].text, b.data);
		regfree(&re);
		buf_done(&b);
	}
}

/* Those that a program judges, and no pattern for editors can. */
static void addresses_and_times(void **state)
{
	static const struct word_case judged[] = {
		{ &word_url, "http://h", true },
		{ &word_url, "https://h:8443/a/b?c=d@e", true },
		{ &word_url, "https://u@h/", false },
		{ &word_url, "https://u:p@h", false },
		{ &word_url, "https:///f", false },
		{ &word_url, "https://", false },
		{ &word_url, "https://:80/", false },
		{ &word_url, "file:///etc/passwd", false },
		{ &word_url, "ftp://h/f", false },
		{ &word_url, "h/f", false },
		{ &word_url, "https://h/a b", false },
		{ &word_url, "https://h/a\nURL=b", false },
		{ &word_url, "https://h/\xc3\xa4", false },
		{ &word_url, "socks5h://h", false },
		{ &word_proxy, "socks5h://h:1080", true },
		{ &word_proxy, "http://h:3128", true },
		{ &word_proxy, "socks5://h", false },
		{ &word_reboot, "never", true },
		{ &word_reboot, "now", true },
		{ &word_reboot, "00:00", true },
		{ &word_reboot, "23:59", true },
		{ &word_reboot, "24:00", false },
		{ &word_reboot, "12:60", false },
		{ &word_reboot, "3:30", false },
		{ &word_reboot, "03.30", false },
		{ &word_reboot, "0a:00", false },
		{ &word_reboot, "later", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(judged); i++)
		if (!schema_word_check(judged[i].word, judged[i].text) != judged[i].ok)
			fail_msg("%s '%s'", judged[i].word->what, judged[i].text);
}

static void words_end_where_their_bound_says(void **state)
{
	char text[300];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct schema_word *w = cases[i].word;

		if (w->check)
			continue;
		memset(text, 'a', sizeof(text));
		text[w->max_chars] = '\0';
		assert_null(schema_word_check(w, text));
		text[w->max_chars] = 'a';
		text[w->max_chars + 1] = '\0';
		assert_non_null(schema_word_check(w, text));
	}
}

/* Each row is documented and has what its type needs. */
static void check_rows(const struct schema_object *o, size_t size_bytes)
{
	for (const struct schema_key *k = o->keys; k->key; k++) {
		bool map = k->type == SCHEMA_MAP, items = k->type == SCHEMA_ITEMS;
		size_t n = strlen(k->doc);

		assert_true(n > 5 && k->doc[n - 1] == '.');
		assert_int_equal(!!k->object, map || items);
		if (k->type == SCHEMA_TEXT || k->type == SCHEMA_WORDS)
			assert_non_null(k->word);
		if (k->type == SCHEMA_UINT || k->type == SCHEMA_SIZE || k->type == SCHEMA_DURATION)
			assert_true(k->min < k->max);
		if (k->type == SCHEMA_SIZE)
			assert_true(k->align && !(k->min % k->align));
		assert_true(map || k->offset < size_bytes);
		assert_ptr_equal(schema_find(o, k->key), k);
		if (map)
			check_rows(k->object, size_bytes);
		if (items)
			check_rows(k->object, k->object->size_bytes);
	}
}

static void rows_are_complete(void **state)
{
	(void)state;
	check_rows(&schema_recipe, sizeof(struct recipe));
}

static void check_named(const struct schema_object *o, const char *schema, const char *manual)
{
	for (const struct schema_key *k = o->keys; k->key; k++) {
		char quoted[64];

		snprintf(quoted, sizeof(quoted), "\"%s\": {", k->key);
		if (!strstr(schema, quoted) || !strstr(manual, k->key))
			fail_msg("'%s' is missing in the schema or the manual", k->key);
		if (k->object)
			check_named(k->object, schema, manual);
	}
}

static void schema_and_manual_name_every_key(void **state)
{
	struct buf schema = BUF_INIT, manual = BUF_INIT;

	(void)state;
	recipe_schema(&schema);
	recipe_manual(&manual);
	check_named(&schema_recipe, schema.data, manual.data);
	buf_done(&schema);
	buf_done(&manual);
}

static void numbers_stay_within_their_row(void **state)
{
	static const struct {
		const char *group, *key, *text;
		bool ok;
	} table[] = {
		{ "slots", "root", "8M", true },
		{ "slots", "root", "8388607", false },
		{ "slots", "root", "1T", true },
		{ "slots", "root", "1099511627777", false },
		{ "slots", "root", "18446744073709551615", false },
		{ "slots", "root", "9M ", false },
		{ "slots", "root", "", false },
		{ "health", "tries", "1", true },
		{ "health", "tries", "15", true },
		{ "health", "tries", "4294967297", false },
		{ "health", "tries", "1.0", false },
		{ "health", "timeout", "5s", true },
		{ "health", "timeout", "4s", false },
		{ "health", "timeout", "1h", true },
		{ "health", "timeout", "61m", false },
		{ "health", "timeout", "307445734561825861m", false },
		{ "health", "soak", "0s", true },
		{ "health", "soak", "0", false },
		{ "health", "soak", "1h", true },
		{ "health", "soak", "61m", false },
		{ "health", "settle", "0s", true },
		{ "health", "settle", "24h", true },
		{ "health", "settle", "86401s", false },
		{ "update", "check", "5m", true },
		{ "update", "check", "299s", false },
		{ "update", "check", "721h", false },
		{ "update", "jitter", "0s", true },
		{ "update", "limit", "0", true },
		{ "update", "limit", "1M", true },
		{ "update", "limit", "1025", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct schema_key *g = schema_find(&schema_recipe, table[i].group);
		const struct schema_key *k = schema_find(g->object, table[i].key);
		struct recipe r = { .root_slot_bytes = 42, .health_tries = 42 };
		struct recipe before = r;
		struct value_reason why;
		int rc = value_read(k, table[i].text, false, &r, &why);

		if (!rc != table[i].ok)
			fail_msg("%s '%s': %d", table[i].key, table[i].text, rc);
		if (rc)
			assert_memory_equal(&r, &before, sizeof(r));
	}
}

static void sizes_print_in_the_largest_unit(void **state)
{
	static const struct {
		uint64_t n;
		const char *text;
	} table[] = {
		{ 0, "0" },		{ 1, "1" },	      { 1024, "1K" },
		{ 1536, "1536" },	{ 64 << 20, "64M" },  { 3ull << 30, "3G" },
		{ 1ull << 50, "1024T" }, { UINT64_MAX, "18446744073709551615" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct buf b = BUF_INIT;

		value_size(&b, table[i].n);
		assert_string_equal(b.data, table[i].text);
		buf_done(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_as_narrow_as_their_place),
		cmocka_unit_test(the_pattern_for_editors_says_the_same),
		cmocka_unit_test(addresses_and_times),
		cmocka_unit_test(words_end_where_their_bound_says),
		cmocka_unit_test(rows_are_complete),
		cmocka_unit_test(schema_and_manual_name_every_key),
		cmocka_unit_test(numbers_stay_within_their_row),
		cmocka_unit_test(sizes_print_in_the_largest_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
