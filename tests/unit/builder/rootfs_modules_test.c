/* Load order and names of kernel modules, from the index files alone. */
#include "builder/rootfs/modules.h"

#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "builder/rootfs/rootfs.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/path.h"
#include "tests/unit/builder/rootfs_fixture.h"

static char dir[] = "/tmp/kiln-modules-XXXXXX";
static struct err err;

static void make_kernel(void)
{
	_cleanup_free_ char *path = path_join(dir, "usr/lib/modules/6.1");

	assert_int_equal(path_mkdirs(path), 0);
	write_text(path, "modules.dep",
		   "kernel/virtio/virtio_ring.ko:\n"
		   "kernel/virtio/virtio.ko: kernel/virtio/virtio_ring.ko\n"
		   "kernel/block/virtio_blk.ko: "
		   "kernel/virtio/virtio.ko kernel/virtio/virtio_ring.ko\n"
		   "kernel/md/dm-bufio.ko.xz: kernel/md/dm-mod.ko.xz\n"
		   "kernel/md/dm-mod.ko.xz:\n"
		   "kernel/md/dm-verity.ko.xz: kernel/md/dm-bufio.ko.xz kernel/md/dm-mod.ko.xz\n"
		   "kernel/net/soft.ko:\n"
		   "kernel/crypto/crc32c-intel.ko:\n"
		   "kernel/drivers/firmware/efi/efi-pstore.ko:\n"
		   "kernel/loop/a.ko: kernel/loop/b.ko\n"
		   "kernel/loop/b.ko: kernel/loop/a.ko\n"
		   "kernel/watchdog/watchdog.ko:\n"
		   "kernel/watchdog/i6300esb.ko: kernel/watchdog/watchdog.ko\n"
		   "kernel/watchdog/iTCO_wdt.ko: kernel/watchdog/watchdog.ko\n"
		   "kernel/mfd/lpc_ich.ko:\n");
	write_text(path, "modules.builtin", "kernel/fs/ext4/ext4.ko\nkernel/nvme/nvme-core.ko\n");
	write_text(path, "modules.softdep", "softdep soft pre: crc32c virtio post: dm-mod\n");
	write_text(path, "modules.alias", "alias crc32c crc32c_intel\nalias pci:v*d* soft\n");
}

/* Kernels for the watchdog cases: neither driver, and drivers built in or (lpc_ich) a module. */
static void make_other_kernels(void)
{
	_cleanup_free_ char *cloud = path_join(dir, "usr/lib/modules/6.1-cloud");
	_cleanup_free_ char *builtin = path_join(dir, "usr/lib/modules/6.1-builtin");

	assert_int_equal(path_mkdirs(cloud), 0);
	write_text(cloud, "modules.dep", "kernel/watchdog/softdog.ko:\n");
	assert_int_equal(path_mkdirs(builtin), 0);
	write_text(builtin, "modules.dep", "kernel/mfd/lpc_ich.ko:\n");
	write_text(builtin, "modules.builtin",
		   "kernel/watchdog/i6300esb.ko\nkernel/watchdog/iTCO_wdt.ko\n");
}

static char *joined(char *const *names, size_t n)
{
	const struct recipe_strv wanted = { (char **)names, n };
	struct recipe_strv v = { 0 };
	struct buf out = BUF_INIT;

	if (rootfs_initrd_modules(dir, "6.1", &wanted, &v, &err) < 0)
		return NULL;
	for (size_t i = 0; i < v.n; i++)
		buf_addf(&out, "%s%s", i ? " " : "", path_base(v.item[i]));
	rootfs_strv_done(&v);
	return buf_take(&out);
}

static void dependencies_come_first_and_once(void **state)
{
	char *const virtio[] = { (char *)"virtio" };
	_cleanup_free_ char *order = joined(virtio, 1);

	(void)state;
	assert_string_equal(order, "efi-pstore.ko virtio_ring.ko virtio.ko virtio_blk.ko "
				   "crc32c-intel.ko dm-mod.ko.xz dm-bufio.ko.xz dm-verity.ko.xz");
}

static void soft_dependencies_and_aliases_are_followed(void **state)
{
	char *const soft[] = { (char *)"soft" };
	_cleanup_free_ char *order = joined(soft, 1);

	(void)state;
	assert_memory_equal(order, "efi-pstore.ko crc32c-intel.ko virtio_ring.ko virtio.ko soft.ko", 62);
}

static void built_in_is_fine_and_unknown_is_named(void **state)
{
	char *const builtin[] = { (char *)"nvme-core" }, *const typo[] = { (char *)"virtoi" };
	_cleanup_free_ char *order = joined(builtin, 1);

	(void)state;
	assert_non_null(order);
	assert_null(strstr(order, "nvme"));
	assert_null(joined(typo, 1));
	assert_non_null(strstr(err.text, "'virtoi'"));
}

static void a_cycle_is_an_error_not_an_endless_loop(void **state)
{
	char *const cycle[] = { (char *)"a" };

	(void)state;
	assert_null(joined(cycle, 1));
	assert_non_null(strstr(err.text, "Too many levels"));
}

static unsigned watchdogs(const char *version, const char *one, const char *two)
{
	const char *const names[] = { one, two };
	const struct recipe_strv wanted = { (char **)names, two ? 2 : 1 };
	struct recipe_strv v = { 0 };
	unsigned set = 99;

	assert_int_equal(rootfs_initrd_modules(dir, version, &wanted, &v, &err), 0);
	assert_int_equal(rootfs_watchdogs(dir, version, &v, &set, &err), 0);
	rootfs_strv_done(&v);
	return set;
}

static void a_watchdog_counts_when_all_its_drivers_are_there(void **state)
{
	char *const group[] = { (char *)"watchdog" };
	_cleanup_free_ char *order = joined(group, 1);

	(void)state;
	assert_non_null(strstr(order, " watchdog.ko i6300esb.ko lpc_ich.ko iTCO_wdt.ko "));
	assert_int_equal(watchdogs("6.1", "watchdog", NULL), 3);
	assert_int_equal(watchdogs("6.1", "i6300esb", NULL), 1);
	assert_int_equal(watchdogs("6.1", "iTCO_wdt", NULL), 0);
	assert_int_equal(watchdogs("6.1", "iTCO_wdt", "lpc-ich"), 2);
	assert_int_equal(watchdogs("6.1", "virtio", NULL), 0);
}

/* As Debian's cloud kernel: the group is asked for, the drivers do not exist. */
static void a_kernel_without_the_drivers_is_no_error(void **state)
{
	(void)state;
	assert_int_equal(watchdogs("6.1-cloud", "watchdog", NULL), 0);
}

static void built_in_drivers_count_too(void **state)
{
	(void)state;
	assert_int_equal(watchdogs("6.1-builtin", "watchdog", NULL), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dependencies_come_first_and_once),
		cmocka_unit_test(soft_dependencies_and_aliases_are_followed),
		cmocka_unit_test(built_in_is_fine_and_unknown_is_named),
		cmocka_unit_test(a_watchdog_counts_when_all_its_drivers_are_there),
		cmocka_unit_test(a_kernel_without_the_drivers_is_no_error),
		cmocka_unit_test(built_in_drivers_count_too),
		cmocka_unit_test(a_cycle_is_an_error_not_an_endless_loop),
	};
	int r;

	if (!mkdtemp(dir))
		return 1;
	make_kernel();
	make_other_kernels();
	r = cmocka_run_group_tests(tests, NULL, NULL);
	path_remove_tree(dir);
	return r;
}
