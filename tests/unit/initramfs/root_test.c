/* What the verified root must have, and what dm-verity says of it. */
#include "bootloader/initramfs/root.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "bootloader/initramfs/verity_status.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"

#define ROOT "78ee4f72233c8433f2ec9b398a8e36753aa57652c229df497a40bba916d568c8"

static struct err err;
static char top[64];
static int root;

static int set_up(void **state)
{
	(void)state;
	snprintf(top, sizeof(top), "/tmp/kiln-root-XXXXXX");
	if (!mkdtemp(top))
		return -1;
	root = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return root < 0 || mkdirat(root, "sbin", 0755);
}

static int tear_down(void **state)
{
	(void)state;
	close(root);
	return path_remove_tree(top);
}

static void put(const char *name, const char *text, mode_t mode)
{
	_cleanup_close_ int fd = openat(root, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, text, strlen(text)), 0);
	assert_int_equal(fchmod(fd, mode), 0);
}

static void the_first_program_is_found_through_links_of_the_image(void **state)
{
	(void)state;
	put("sbin/systemd", "#!/x\n", 0755);
	assert_int_equal(symlinkat("/sbin/systemd", root, "sbin/init"), 0);
	assert_int_equal(root_check_init(root, &err), 0);
}

static void an_image_without_one_is_told_why(void **state)
{
	(void)state;
	assert_int_equal(root_check_init(root, &err), -ENOENT);
	assert_non_null(strstr(err.text, "the image has no usable /sbin/init"));
	assert_int_equal(symlinkat("/nowhere", root, "sbin/init"), 0);
	assert_int_equal(root_check_init(root, &err), -ENOENT);
	assert_int_equal(unlinkat(root, "sbin/init", 0), 0);
	put("sbin/init", "#!/x\n", 0644);
	assert_int_equal(root_check_init(root, &err), -EACCES);
	assert_int_equal(unlinkat(root, "sbin/init", 0), 0);
	put("sbin/init", "", 0755);
	assert_int_equal(root_check_init(root, &err), -ENOEXEC);
	assert_int_equal(unlinkat(root, "sbin/init", 0), 0);
	assert_int_equal(mkdirat(root, "sbin/init", 0755), 0);
	assert_int_equal(root_check_init(root, &err), -EACCES);
}

static void the_status_of_verity_is_one_letter(void **state)
{
	(void)state;
	assert_true(verity_status_damaged("C"));
	assert_false(verity_status_damaged("V"));
	assert_false(verity_status_damaged(""));
}

static void only_a_table_that_panics_over_our_root_will_do(void **state)
{
	static const char head[] = "1 254:4 254:5 4096 4096 100 1 sha256 ";
	static const struct {
		const char *tail;
		bool good;
	} table[] = {
		{ ROOT " 00ff 1 panic_on_corruption", true },
		{ ROOT " 00ff 2 panic_on_corruption use_fec_from_device", true },
		{ ROOT " 00ff", false },
		{ ROOT " 00ff 1 restart_on_corruption", false },
		{ ROOT "0 00ff 1 panic_on_corruption", false },
		{ "00ff " ROOT " 1 no_panic_on_corruption", false },
		{ ROOT " 00ff 2 panic_on_corruption check_at_most_once", false },
		{ ROOT " 00ff 2 ignore_corruption panic_on_corruption", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		char text[300];

		snprintf(text, sizeof(text), "%s%s", head, table[i].tail);
		assert_int_equal(verity_table_panics(text, ROOT), table[i].good);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(the_first_program_is_found_through_links_of_the_image),
		T(an_image_without_one_is_told_why),
		cmocka_unit_test(the_status_of_verity_is_one_letter),
		cmocka_unit_test(only_a_table_that_panics_over_our_root_will_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
