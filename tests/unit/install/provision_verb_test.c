/* What kiln install and slotctl provision print for programs. */
#include "install/provision_verb.h"

#include <sys/resource.h>

#include "lib/base/args.h"
#include "tests/unit/install/provision_fixture.h"

static char dir[64], target[128];

/* Run the verb with --json on a file of @bytes that is made (0: that is there); what it printed. */
static char *run_verb(uint64_t bytes, bool yes, bool dry_run, int want)
{
	_cleanup_provision_source_ struct provision_source *s = NULL;
	_cleanup_close_ int out = memfd_create("stdout", MFD_CLOEXEC);
	int saved = dup(STDOUT_FILENO), r;
	static char said[16384];
	ssize_t n;

	assert_int_equal(provision_source_open(fx.path, NULL, &s, &f_err), 0);

	const struct provision_verb v = {
		.verb = "install", .source = s, .from = "image.raw", .target = target,
		.target_options = { .world = TARGET_WORLD_INIT, .file_bytes = bytes },
		.trusted_pem = fx.cert, .yes = yes, .dry_run = dry_run, .json = true,
	};

	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	r = provision_verb(&v, &f_err);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	assert_int_equal(r, want);
	n = pread(out, said, sizeof(said) - 1, 0);
	assert_true(n > 0);
	said[n] = '\0';
	return said;
}

/* The next line of *@text, which must begin with @begin. */
static const char *take(char **text, const char *begin)
{
	char *line = *text, *end = strchr(line, '\n');

	assert_non_null(end);
	*end = '\0';
	*text = end + 1;
	if (strncmp(line, begin, strlen(begin)) != 0)
		fail_msg("%s\ndoes not begin with\n%s", line, begin);
	return line;
}

static void has(const char *line, const char *what)
{
	if (!strstr(line, what))
		fail_msg("%s\ndoes not have\n%s", line, what);
}

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/var/tmp/kiln-verb.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(target, sizeof(target), "%s/disk", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(target);
	return rmdir(dir);
}

static void progress_comes_in_lines_and_the_result_last(void **state)
{
	char *at = run_verb(32 * MIB, false, false, EXIT_OK), line[128];
	unsigned total, written = 0;
	const char *result;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		const char *phase = i ? "checking" : "writing";

		assert_int_equal(sscanf(at, "{\"phase\":\"%*[a-z]\",\"done_bytes\":0,\"total_bytes\":%u}", &total), 1);
		written = i ? written : total;
		snprintf(line, sizeof(line), "{\"phase\":\"%s\",\"done_bytes\":0,\"total_bytes\":%u}", phase, total);
		assert_string_equal(take(&at, ""), line);
		snprintf(line, sizeof(line), "{\"phase\":\"%s\",\"done_bytes\":%u,\"total_bytes\":%u}", phase, total,
			 total);
		/* On a slow machine there are some between. */
			while (strcmp(take(&at, "{\"phase\":\""), line) != 0)
			;
	}
	result = take(&at, "{\"result\":\"installed\",\"target\":\"");
	has(result, "\"done\":true,");
	snprintf(line, sizeof(line), "\"copy_bytes\":%u,", written);
	has(result, line);
	assert_string_equal(at, "");
}

static void a_dry_run_is_planned(void **state)
{
	char *at = run_verb(32 * MIB, false, true, EXIT_OK);

	(void)state;
	has(take(&at, "{\"result\":\"planned\",\"target\":\""), "\"done\":false}");
	assert_string_equal(at, "");
}

static void what_is_refused_says_so_in_a_word(void **state)
{
	char *at = run_verb(MIB, false, false, EXIT_REFUSED);
	int fd;

	(void)state;
	has(take(&at, "{\"result\":\"refused\",\"reason\":\"target\",\"message\":\""), f_err.text);
	assert_string_equal(at, "");
	assert_int_equal(access(target, F_OK), -1);
	/* Nobody can see the question between the lines. */
	fd = open(target, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, 32 * MIB), 0);
	close(fd);
	at = run_verb(0, false, false, EXIT_USAGE);
	assert_string_equal(take(&at, ""), "{\"result\":\"failed\",\"reason\":\"usage\",\"message\":\"install: with "
					   "--json nobody is asked; say --yes to mean it\"}");
	assert_string_equal(at, "");
	at = run_verb(0, true, false, EXIT_OK);
	take(&at, "{\"phase\":\"writing\"");
}

static void a_limit_on_files_leaves_no_file(void **state)
{
	struct rlimit was, low;
	char *at;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	low = (struct rlimit){ .rlim_cur = 16 * MIB, .rlim_max = was.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
	at = run_verb(32 * MIB, false, false, EXIT_FAILED);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	has(take(&at, "{\"result\":\"failed\",\"reason\":\"target\",\"message\":\""), "32 MiB: File too large");
	assert_string_equal(at, "");
	assert_int_equal(access(target, F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(progress_comes_in_lines_and_the_result_last, setup, teardown),
		cmocka_unit_test_setup_teardown(a_dry_run_is_planned, setup, teardown),
		cmocka_unit_test_setup_teardown(a_limit_on_files_leaves_no_file, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_refused_says_so_in_a_word, setup, teardown),
	};

	return cmocka_run_group_tests(tests, f_setup, f_teardown);
}
