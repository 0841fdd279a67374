/* A newer selector is put in place: what is skipped, what is refused, where it goes. */
#include "install/selector_part.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/blk.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "tests/unit/install/selector_fixture.h"

#define ESP_BYTES (1u << 20)

static uint8_t selector[SELECTOR_FIXTURE_BYTES];
static struct blk *state, *esp;
static struct disk_ops state_ops, esp_ops;
static struct bs_disk disk;
static struct err err;

static void store(struct bs *bs)
{
	struct bs old;

	bs_load(&disk, &state_ops, &old);
	assert_int_equal(bs_store(&disk, bs), BS_OK);
}

static struct bs now(void)
{
	struct bs bs;

	assert_int_equal(bs_load(&disk, &state_ops, &bs), BS_OK);
	return bs;
}

static int setup(void **unused)
{
	struct slotdesc d = { .uki_bytes = 1000, .name = "demo", .version = "1", .root_hash = { 1 } };
	struct bs bs;

	(void)unused;
	assert_int_equal(blk_new_memory(BS_PARTITION_BYTES, &state), 0);
	assert_int_equal(blk_new_memory(ESP_BYTES, &esp), 0);
	state_ops = blk_disk_ops(state);
	esp_ops = blk_disk_ops(esp);
	assert_int_equal(bs_init_fresh(&d, 3, &bs), BS_OK);
	assert_int_equal(bs_create(&disk, &state_ops, &bs), BS_OK);
	err_init(&err);
	return 0;
}

static int teardown(void **unused)
{
	(void)unused;
	blk_free(state);
	blk_free(esp);
	return 0;
}

static int put(const char *version)
{
	struct selector_part p = { .data = selector, .len = sizeof(selector), .state = &state_ops };
	static uint8_t found[sizeof(selector)];
	uint8_t sha256[32];

	selector_fixture(selector, version);
	digest_bytes(selector, sizeof(selector), sha256);
	p.on_esp = selector_part_on_esp(&esp_ops, ESP_BYTES, sizeof(selector), sha256, found);
	if (p.on_esp)
		assert_memory_equal(found, selector, sizeof(selector));
	return selector_part_install(&p, &err);
}

/* The machine starts through what is next, and is healthy. */
static void boot_and_confirm(void)
{
	struct bs bs = now();
	unsigned area;

	bs_selector_close(&bs);
	if (bs_selector_choose(&bs, 0, &area))
		assert_int_equal(bs_selector_count_start(&bs, area), BS_OK);
	assert_int_equal(bs_count_start(&bs, 0), BS_OK);
	assert_int_equal(bs_confirm(&bs, 0), BS_OK);
	store(&bs);
}

static const struct bs_selector *first(const struct bs *bs)
{
	return &bs->selectors.area[bs->selectors.first];
}

static void it_is_written_and_becomes_a_trial(void **unused)
{
	struct bs bs;

	(void)unused;
	assert_int_equal(put("2.0"), 0);
	bs = now();
	assert_int_equal(first(&bs)->status, BS_SELECTOR_TRIAL);
	assert_string_equal(first(&bs)->image.version, "2.0");
	assert_int_equal(first(&bs)->image.bytes, SELECTOR_FIXTURE_BYTES);
	assert_memory_equal(blk_memory(state) + BS_SELECTOR_OFFSET(bs.selectors.first), selector,
			    sizeof(selector));
}

static void what_starts_already_is_not_written_again(void **unused)
{
	uint64_t sequence;
	struct bs bs;

	(void)unused;
	assert_int_equal(put("2.0"), 0);
	sequence = now().sequence;
	assert_int_equal(put("2.0"), SELECTOR_PART_SAME);
	boot_and_confirm();
	assert_int_equal(put("2.0"), SELECTOR_PART_SAME);
	assert_int_equal(now().sequence, sequence + 1);
	/* The one before is still there: back to it costs a store. */
	assert_int_equal(put("3.0"), 0);
	boot_and_confirm();
	assert_int_equal(put("2.0"), SELECTOR_PART_SAME);
	bs = now();
	assert_string_equal(first(&bs)->image.version, "2.0");
	assert_int_equal(first(&bs)->status, BS_SELECTOR_GOOD);
}

static void what_lies_on_the_esp_needs_no_area(void **unused)
{
	static const unsigned at[] = { 0, 512, 256 * 1024 - 512, 256 * 1024,
				       (ESP_BYTES - SELECTOR_FIXTURE_BYTES) & ~511u };
	uint8_t *there;

	(void)unused;
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		memset(blk_memory(esp), 0, ESP_BYTES);
		selector_fixture(blk_memory(esp) + at[i], "2.0");
		assert_int_equal(put("2.0"), SELECTOR_PART_SAME);
		assert_int_equal(first(&(struct bs){ .selectors = now().selectors })->status,
				 BS_SELECTOR_EMPTY);
	}
	/* Not in one piece, not to its end, or not at all: it is written. */
	there = blk_memory(esp) + at[4];
	there[SELECTOR_FIXTURE_BYTES - 1] ^= 1;
	assert_int_equal(put("2.0"), 0);
	/* Where another one would be started, it is written although the ESP has it. */
	memset(blk_memory(esp), 0, ESP_BYTES);
	selector_fixture(blk_memory(esp) + 512, "1.0");
	assert_int_equal(put("1.0"), 0);
}

static void what_failed_here_is_refused_until_told(void **unused)
{
	struct selector_part p = { .data = selector, .len = sizeof(selector), .state = &state_ops,
				   .allow_refused = true };
	struct bs bs;

	(void)unused;
	assert_int_equal(put("2.0"), 0);
	bs = now();
	assert_int_equal(bs_selector_failed(&bs, bs.selectors.first, BS_SELECTOR_RETURNED), BS_OK);
	store(&bs);
	assert_int_equal(put("2.0"), SELECTOR_PART_E_REFUSED);
	assert_string_equal(err.text, "selector 2.0 failed here before and is refused");
	assert_int_equal(selector_part_install(&p, &err), 0);
	bs = now();
	assert_int_equal(first(&bs)->status, BS_SELECTOR_TRIAL);
}

static void what_is_no_selector_is_not_taken_for_one(void **unused)
{
	static const char *const lines[] = {
		"kiln.stub,1,kiln,kiln,2.0,x\n", "kiln.selector,1,kiln,kiln,,x\n",
		"kiln.selector,1,kiln,kiln,2.0\n", "kiln.selector,1,kiln,kiln\n",
		"kiln.selector,\n", "kiln.selector,1,kiln,kiln,2 0,x\n", "",
		"kiln.selector,1,kiln,kiln,"
		"1234567890123456789012345678901234567890123456789012345678901234,x\n",
	};
	struct selector_part p = { .data = selector, .len = sizeof(selector), .state = &state_ops };
	char version[VERSION_TEXT_SIZE];
	static uint8_t large[BS_SELECTOR_MAX_BYTES + 1];

	(void)unused;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		selector_fixture(selector, "2.0");
		memset(selector + FIXTURE_HEADERS, 0, 0x200);
		strcpy((char *)selector + FIXTURE_HEADERS, lines[i]);
		if (selector_part_install(&p, &err) != SELECTOR_PART_E_FORMAT)
			fail_msg("taken: %s", lines[i]);
	}
	selector_fixture(selector, "2.0");
	assert_false(selector_part_version(selector, 0x300, version));
	memcpy(large, selector, sizeof(selector));
	p = (struct selector_part){ .data = large, .len = sizeof(large), .state = &state_ops };
	assert_int_equal(selector_part_install(&p, &err), SELECTOR_PART_E_FORMAT);
	assert_string_equal(err.text, "a selector has at most 192 KiB");
	p.len--;
	assert_int_equal(selector_part_install(&p, &err), 0);
}

static void the_real_one_says_its_version(void **unused)
{
	char path[512], version[VERSION_TEXT_SIZE] = "";
	const char *dir = strrchr(program_invocation_name, '/');
	static char *data;
	size_t len;

	(void)unused;
	snprintf(path, sizeof(path), "%.*s/../../../kiln-selector-x64.efi",
		 dir ? (int)(dir - program_invocation_name) : 1, dir ? program_invocation_name : ".");
	if (io_read_file(path, 1 << 20, &data, &len, &err))
		fail_msg("%s", err.text);
	assert_true(selector_part_version(data, len, version));
	assert_string_equal(version, KILN_VERSION);
	free(data);
}

static void without_a_sound_boot_state_nothing_is_written(void **unused)
{
	(void)unused;
	memset(blk_memory(state), 0, BS_SELECTOR_OFFSET(0));
	assert_int_equal(put("2.0"), SELECTOR_PART_E_STATE);
	assert_string_equal(err.text, "both copies of the boot state are unreadable");
	assert_string_equal(selector_part_error_name(SELECTOR_PART_E_STATE), "state");
	assert_string_equal(selector_part_error_name(-EIO), "io");
	assert_string_equal(selector_part_error_name(99), "unknown");
}

static void a_medium_that_takes_nothing_is_noticed(void **unused)
{
	struct selector_part p = { .data = selector, .len = sizeof(selector), .state = &state_ops };

	(void)unused;
	selector_fixture(selector, "2.0");
	state_ops.write = NULL;
	assert_int_equal(selector_part_install(&p, &err), -30);
	assert_int_equal(now().selectors.area[0].status, BS_SELECTOR_EMPTY);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(it_is_written_and_becomes_a_trial),
		T(what_starts_already_is_not_written_again),
		T(what_lies_on_the_esp_needs_no_area),
		T(what_failed_here_is_refused_until_told),
		T(what_is_no_selector_is_not_taken_for_one),
		T(the_real_one_says_its_version),
		T(without_a_sound_boot_state_nothing_is_written),
		T(a_medium_that_takes_nothing_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
