/* Whole files: what is read ends in a NUL, and is bounded. */
#include "lib/base/io.h"

#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"

static char path[] = "/tmp/kiln-io-XXXXXX";
static struct err err;

static void write_file(const char *text)
{
	_cleanup_close_ int fd = mkstemp(strcpy(path, "/tmp/kiln-io-XXXXXX"));

	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, text, strlen(text)), 0);
}

static void every_file_ends_in_a_nul(void **state)
{
	static const char *const texts[] = { "", "x", "two\nlines\n" };

	(void)state;
	/* Memory fresh from the heap is not zero by accident. */
	mallopt(M_PERTURB, 0xa5);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_free_ char *data = NULL;
		size_t len = 99;

		write_file(texts[i]);
		assert_int_equal(io_read_file(path, 100, &data, &len, &err), 0);
		unlink(path);
		assert_int_equal(len, strlen(texts[i]));
		assert_string_equal(data, texts[i]);
	}
	mallopt(M_PERTURB, 0);
}

static void a_file_beyond_the_limit_is_refused(void **state)
{
	char *data = NULL;

	(void)state;
	write_file("12345");
	assert_int_equal(io_read_file(path, 4, &data, NULL, &err), -EFBIG);
	assert_null(data);
	assert_int_equal(io_read_file(path, 5, &data, NULL, &err), 0);
	free(data);
	unlink(path);
	assert_int_equal(io_read_file(path, 5, &data, NULL, &err), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_file_ends_in_a_nul),
		cmocka_unit_test(a_file_beyond_the_limit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
