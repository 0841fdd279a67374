/* First content of state: copied whole, never through a link, never over what is there. */
#include "bootloader/initramfs/seed.h"

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

#include "bootloader/initramfs/keep.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"

static struct err err;
static char top[64];
static int image, store; /* directories below top */

static int set_up(void **state)
{
	char path[96];

	(void)state;
	snprintf(top, sizeof(top), "/tmp/kiln-seed-XXXXXX");
	if (!mkdtemp(top))
		return -1;
	snprintf(path, sizeof(path), "%s/image", top);
	mkdir(path, 0755);
	image = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(path, sizeof(path), "%s/store", top);
	mkdir(path, 0755);
	store = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return image < 0 || store < 0;
}

static int tear_down(void **state)
{
	(void)state;
	close(image);
	close(store);
	return path_remove_tree(top);
}

static void put(int dir, const char *name, const char *text, mode_t mode)
{
	_cleanup_close_ int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, text, strlen(text)), 0);
	assert_int_equal(fchmod(fd, mode), 0);
}

static void assert_text(int dir, const char *name, const char *text)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char got[128] = { 0 };

	assert_true(fd >= 0);
	assert_true(read(fd, got, sizeof(got) - 1) >= 0);
	assert_string_equal(got, text);
}

static mode_t mode_of(int dir, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_mode;
}

static void a_tree_is_copied_with_modes_and_links(void **state)
{
	char target[32] = { 0 };

	(void)state;
	mkdirat(image, "var", 0755);
	mkdirat(image, "var/lib", 0711);
	put(image, "var/lib/data", "hello", 0640);
	assert_int_equal(symlinkat("/run/lock", image, "var/lock"), 0);
	assert_int_equal(mkfifoat(image, "var/pipe", 0600), 0);
	assert_int_equal(seed_once(image, "var", store, "var", &err), 0);
	assert_text(store, "var/lib/data", "hello");
	assert_int_equal(mode_of(store, "var/lib") & 07777, 0711);
	assert_int_equal(mode_of(store, "var/lib/data") & 07777, 0640);
	assert_int_equal(readlinkat(store, "var/lock", target, sizeof(target) - 1), 9);
	assert_int_equal(faccessat(store, "var/pipe", F_OK, 0), -1);
	assert_int_equal(faccessat(store, ".kiln-seed", F_OK, 0), -1);
}

static void what_is_there_stays(void **state)
{
	(void)state;
	put(image, "file", "new", 0644);
	put(store, "file", "old", 0644);
	assert_int_equal(seed_once(image, "file", store, "file", &err), 0);
	assert_text(store, "file", "old");
	assert_int_equal(seed_copy(image, "file", store, "file", &err), -EEXIST);
}

static void debris_of_a_power_cut_is_replaced(void **state)
{
	(void)state;
	mkdirat(store, ".kiln-seed", 0700);
	put(store, ".kiln-seed/half", "x", 0600);
	put(image, "file", "new", 0644);
	assert_int_equal(seed_once(image, "file", store, "file", &err), 0);
	assert_text(store, "file", "new");
}

static void new_directories_of_a_later_version_appear(void **state)
{
	(void)state;
	mkdirat(image, "var", 0755);
	mkdirat(image, "var/new", 0750);
	mkdirat(image, "var/new/deep", 0700);
	mkdirat(image, "var/linked", 0700);
	mkdirat(store, "var", 0700);
	assert_int_equal(symlinkat("/tmp", store, "var/linked"), 0);
	{
		_cleanup_close_ int from = openat(image, "var", O_RDONLY | O_CLOEXEC);
		_cleanup_close_ int to = openat(store, "var", O_RDONLY | O_CLOEXEC);

		assert_int_equal(seed_directories(from, to, &err), 0);
	}
	assert_int_equal(mode_of(store, "var/new") & 07777, 0750);
	assert_true(S_ISDIR(mode_of(store, "var/new/deep")));
	assert_int_equal(mode_of(store, "var") & 07777, 0700);
	assert_true(S_ISLNK(mode_of(store, "var/linked")));
}

static void a_link_planted_in_state_leads_nowhere(void **state)
{
	const char *name = NULL;

	(void)state;
	mkdirat(image, "etc", 0755);
	mkdirat(image, "etc/ssh", 0755);
	put(image, "etc/ssh/config", "x", 0644);
	assert_int_equal(symlinkat("/tmp", store, "etc"), 0);
	assert_int_equal(keep_parent(store, "/etc/ssh/config", &name, &err), -ELOOP);
	assert_int_equal(keep_seed(image, store, "/etc/ssh/config", &err), -ELOOP);
	assert_int_equal(keep_seed(image, store, "/etc/../x", &err), -EINVAL);
	assert_int_equal(unlinkat(store, "etc", 0), 0);
	assert_int_equal(mkdirat(store, "etc", 0755), 0);
	assert_int_equal(symlinkat("/etc/shadow", store, "etc/ssh"), 0);
	assert_int_equal(keep_seed(image, store, "/etc/ssh", &err), -ELOOP);
}

static void kept_files_come_from_the_image(void **state)
{
	(void)state;
	mkdirat(image, "etc", 0755);
	put(image, "etc/hostname", "box", 0644);
	assert_int_equal(keep_seed(image, store, "/etc/hostname", &err), 0);
	assert_text(store, "etc/hostname", "box");
	assert_int_equal(keep_seed(image, store, "/etc/missing", &err), -ENOENT);
	assert_string_equal(err.text, "/etc/missing is not in the image");
}

static void a_machine_gets_its_id_once(void **state)
{
	char first[64] = { 0 }, second[64] = { 0 };
	int fd;

	(void)state;
	mkdirat(image, "etc", 0755);
	put(image, "etc/machine-id", "", 0444);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(keep_seed(image, store, "/etc/machine-id", &err), 0);
		fd = openat(store, "etc/machine-id", O_RDONLY | O_CLOEXEC);
		assert_int_equal(read(fd, i ? second : first, 63), 33);
		close(fd);
	}
	assert_string_equal(first, second);
	assert_int_equal(strspn(first, "0123456789abcdef"), 32);
	put(store, "id", "uninitialized\n", 0644);
	assert_int_equal(seed_machine_id(store, "id", &err), 0);
	fd = openat(store, "id", O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, second, 63), 33);
	close(fd);
	assert_string_not_equal(first, second);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_tree_is_copied_with_modes_and_links),
		T(what_is_there_stays),
		T(debris_of_a_power_cut_is_replaced),
		T(new_directories_of_a_later_version_appear),
		T(a_link_planted_in_state_leads_nowhere),
		T(kept_files_come_from_the_image),
		T(a_machine_gets_its_id_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
