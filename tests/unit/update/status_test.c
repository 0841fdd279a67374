/* The status: what is gathered, and a strict reading of the metrics. */
#include "update/status.h"

#include <ctype.h>
#include <regex.h>

#include "tests/unit/update/device_fixture.h"

static struct status s;

static void gather(void)
{
	if (status_gather(&dev, dir, dir, &s, &err))
		fail_msg("%s", err.text);
}

static void secure_boot_is_the_firmwares_word(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		enum secure_boot want;
	} cases[] = {
		{ "\x06\0\0\0\x01", 5, SECURE_BOOT_ON },
		{ "\x06\0\0\0\0", 5, SECURE_BOOT_OFF },
		{ "\x06\0\0\0\x02", 5, SECURE_BOOT_OFF },
		{ "\x06\0\0\0", 4, SECURE_BOOT_UNKNOWN },
		{ "\x06\0\0\0\x01\0", 6, SECURE_BOOT_UNKNOWN },
		{ "", 0, SECURE_BOOT_UNKNOWN },
	};
	_cleanup_free_ char *path = path_join(dir, "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c");

	(void)state;
	open_or_fail(false);
	gather();
	assert_int_equal(s.secure_boot, SECURE_BOOT_UNKNOWN);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(atomic_file_write(path, cases[i].bytes, cases[i].len, 0644, &err), 0);
		gather();
		assert_int_equal(s.secure_boot, cases[i].want);
	}
	device_done(&dev);
}

static void a_degraded_state_is_told_however_it_is_written(void **state)
{
	static char long_line[2 * STATUS_DEGRADED_MAX + 1];
	char text[STATUS_DEGRADED_MAX] = "before";

	(void)state;
	assert_false(status_degraded(dir, text));
	assert_string_equal(text, "before");
	write_note("degraded", "state is read-only: fsck failed\nmore\n");
	assert_true(status_degraded(dir, text));
	assert_string_equal(text, "state is read-only: fsck failed");
	write_note("degraded", "");
	assert_true(status_degraded(dir, text));
	assert_string_equal(text, "");
	memset(long_line, 'x', sizeof(long_line) - 1);
	write_note("degraded", long_line);
	assert_true(status_degraded(dir, text)); /* too long to be shown is not whole */
	assert_string_equal(text, "");
}

static void next_is_what_the_selector_would_take(void **state)
{
	struct slotdesc d = image("1.1", 0x22);

	(void)state;
	open_or_fail(true);
	gather();
	assert_true(s.next_known);
	assert_int_equal(s.next, 0);
	bs_confirm(&dev.bs, 0);
	bs_install_begin(&dev.bs, 1, 0, &d, false);
	bs_install_commit(&dev.bs, 1, &d, 3);
	gather();
	assert_int_equal(s.next, 1);
	dev.bs.slot[0].status = dev.bs.slot[1].status = BS_EMPTY;
	gather();
	assert_false(s.next_known);
	device_done(&dev);
}

/* A log with the number of a boot before the boot state was lost is another boot's. */
static void a_log_of_another_version_is_not_shown(void **state)
{
	static uint8_t entry[FLIGHT_ENTRY_BYTES];
	struct slotdesc d = image("1.1", 0x22);
	struct flight f = { .boot = 2, .slot = 1, .version = "0.9" };

	(void)state;
	open_or_fail(true);
	bs_confirm(&dev.bs, 0);
	bs_install_begin(&dev.bs, 1, 0, &d, false);
	bs_install_commit(&dev.bs, 1, &d, 1);
	bs_count_start(&dev.bs, 1);
	bs_mark_failed(&dev.bs, 1, BS_REASON_HEALTH);
	bs_count_start(&dev.bs, 0);
	flight_encode(&f, "old", 3, entry);
	assert_int_equal(io_pwrite_all(dev.fd, entry, sizeof(entry), FLIGHT_OFFSET(2)), 0);
	dev.running = 0;
	gather();
	assert_true(s.fell_back);
	assert_null(s.log.text);
	strcpy(f.version, "1.1");
	flight_encode(&f, "new", 3, entry);
	assert_int_equal(io_pwrite_all(dev.fd, entry, sizeof(entry), FLIGHT_OFFSET(2)), 0);
	gather();
	assert_string_equal(s.log.text, "new");
	status_done(&s);
	device_done(&dev);
}

/* ---- a strict reader of the exposition format ---- */

static bool matches(const char *text, const char *pattern)
{
	regex_t re;
	bool yes;

	assert_int_equal(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
	yes = regexec(&re, text, 0, NULL, 0) == 0;
	regfree(&re);
	return yes;
}

#define NAME "[a-zA-Z_:][a-zA-Z0-9_:]*"
#define LABEL "[a-zA-Z_][a-zA-Z0-9_]*=\"([^\"\\\\\n]|\\\\[\"\\\\n])*\""

/*
 * Families come one after the other, each with HELP, TYPE and at least one sample, no sample
 * twice; names, labels and values are well-formed; counters end in _total, and nothing else
 * does; the last line ends in a newline.
 */
static const char *lint(const char *text, unsigned *ret_samples)
{
	char family[64] = "", help[64] = "", type[16] = "";
	static char seen[200][512], families[64][64], line[512];
	unsigned n = 0, n_families = 0, in_family = 1;

	while (*text) {
		size_t len = strcspn(text, "\n");

		if (text[len] != '\n')
			return "the last line has no newline";
		if (len >= sizeof(line))
			return "a line is too long for this test";
		memcpy(line, text, len);
		line[len] = '\0';
		text += len + 1;
		if (sscanf(line, "# HELP %63s", help) == 1) {
			if (!in_family)
				return "a family without samples";
			if (!matches(line, "^# HELP " NAME " .+$"))
				return "HELP is malformed";
			for (unsigned i = 0; i < n_families; i++)
				if (!strcmp(families[i], help))
					return "a family comes twice";
			strcpy(families[n_families++], help);
			family[0] = '\0';
			continue;
		}
		if (sscanf(line, "# TYPE %63s %15s", family, type) == 2) {
			if (strcmp(family, help) != 0)
				return "TYPE does not follow the HELP of its family";
			if (!matches(line, "^# TYPE " NAME " (gauge|counter)$"))
				return "TYPE is malformed";
			if (!strcmp(type, "counter") != matches(family, "_total$"))
				return "_total is the mark of counters";
			in_family = 0;
			continue;
		}
		if (!matches(line, "^" NAME "(\\{" LABEL "(," LABEL ")*\\})? [0-9]+(\\.[0-9]+)?$"))
			return "a sample is malformed";
		if (!*family || strncmp(line, family, strlen(family)) != 0 ||
		    (line[strlen(family)] != ' ' && line[strlen(family)] != '{'))
			return "a sample stands outside its family";
		*strrchr(line, ' ') = '\0';
		for (unsigned i = 0; i < n; i++)
			if (!strcmp(seen[i], line))
				return "a sample comes twice";
		strcpy(seen[n++], line);
		in_family++;
	}
	*ret_samples = n;
	return in_family ? NULL : "a family without samples";
}

static void the_reader_is_strict(void **state)
{
#define HEAD "# HELP a_b Words.\n# TYPE a_b gauge\n"
	static const char *const bad[] = {
		HEAD, HEAD "a_b 1", HEAD "a_b\n", HEAD "a_b x\n", HEAD "a_c 1\n", HEAD "a_bc 1\n", "a_b 1\n",
		HEAD "a_b 1\na_b 2\n", HEAD "a_b 1\n" HEAD "a_b 2\n", HEAD "a_b{x=\"\"y\"} 1\n", HEAD "a_b{x=1} 1\n",
		HEAD "a_b{x=\"\\t\"} 1\n", HEAD "a_b{} 1\n", "# HELP a_total W.\n# TYPE a_total gauge\na_total 1\n",
		"# HELP a W.\n# TYPE a counter\na 1\n", "# HELP a\n# TYPE a gauge\na 1\n", HEAD "\n",
	};
	unsigned n;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (!lint(bad[i], &n))
			fail_msg("the reader takes:\n%s", bad[i]);
	assert_null(lint(HEAD "a_b{x=\"\\\"\\\\\\n,}\",y=\"\"} 1\na_b 0.5\n", &n));
	assert_int_equal(n, 2);
}

static void metrics_are_well_formed(void **state)
{
	_cleanup_buf_ struct buf plain = BUF_INIT, busy = BUF_INIT;
	const char *why;
	unsigned n;

	(void)state;
	open_or_fail(true);
	gather();
	status_prometheus(&s, &plain);
	why = lint(plain.data, &n);
	if (why)
		fail_msg("%s:\n%s", why, plain.data);
	assert_int_equal(n, 18);
	assert_non_null(strstr(plain.data, "\nkiln_boots_total 1\n"));
	assert_non_null(strstr(plain.data, "\nkiln_boot_confirmed 0\n"));
	assert_non_null(strstr(plain.data,
			       "\nkiln_slot_info{slot=\"a\",image=\"web\",version=\"1.0\",status=\"ready\","
			       "good=\"false\",running=\"true\"} 1\n"));
	/* Names that no image may have, everything that can be told, and a fallback. */
	strcpy(dev.bs.slot[0].image.name, "a\"b\\c\nd");
	s.fell_back = true;
	s.fallback = (struct fallback){ .slot = 1, .version = "1\"2", .stage = BS_STAGE_ROOT,
					.reason = BS_REASON_HEALTH };
	strcpy(s.selector, "2\"0");
	s.secure_boot = SECURE_BOOT_ON;
	s.degraded = true;
	s.promise = PROMISE_RESET;
	status_prometheus(&s, &busy);
	why = lint(busy.data, &n);
	if (why)
		fail_msg("%s:\n%s", why, busy.data);
	assert_int_equal(n, 21);
	assert_non_null(strstr(busy.data, "image=\"a\\\"b\\\\c\\nd\""));
	assert_non_null(strstr(busy.data, "\nkiln_fallback_info{slot=\"b\",version=\"1\\\"2\",stage=\"root\","
					  "reason=\"health\"} 1\n"));
	assert_non_null(strstr(busy.data, "\nkiln_selector_info{version=\"2\\\"0\",on_esp=\"true\"} 1\n"));
	assert_non_null(strstr(busy.data, "\nkiln_state_degraded 1\n"));
	assert_non_null(strstr(busy.data, "\nkiln_factory_reset_pending 1\n"));
	assert_non_null(strstr(busy.data, "\nkiln_secure_boot 1\n"));
	device_done(&dev);
}

/* What early init writes of a stranger's disk reaches no terminal as it is. */
static void text_from_the_disk_is_escaped(void **state)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	(void)state;
	write_note("degraded", "fsck: \033[2J\xff said \"no\"\n");
	open_or_fail(false);
	gather();
	status_text(&s, &out);
	assert_non_null(strstr(out.data, "may be lost: fsck: \\x1b[2J\\xff said \"no\"\n"));
	assert_null(strchr(out.data, '\033'));
	device_done(&dev);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(secure_boot_is_the_firmwares_word),
		T(a_degraded_state_is_told_however_it_is_written),
		T(next_is_what_the_selector_would_take),
		T(a_log_of_another_version_is_not_shown),
		cmocka_unit_test(the_reader_is_strict),
		T(metrics_are_well_formed),
		T(text_from_the_disk_is_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
