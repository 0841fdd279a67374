/* Unpacking and writing never leave the tree: threats A1, A2, A4, A7, A11. */
#include "builder/rootfs/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/stat.h>

#include "builder/rootfs/package.h"
#include "builder/rootfs/rootfs.h"
#include "builder/rootfs/tree.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/path.h"
#include "tests/unit/builder/rootfs_fixture.h"

#define PACKAGES_MAX 4
#define SELF .uid = own_uid, .gid = own_gid

static char dir[] = "/tmp/kiln-tree-XXXXXX";
static char root[64];
static struct err err;
static unsigned own_uid, own_gid;

static void fresh(void)
{
	char path[128];

	path_remove_tree(root);
	assert_int_equal(mkdir(root, 0755), 0);
	snprintf(path, sizeof(path), "%s/outside", dir);
	path_remove_tree(path);
	assert_int_equal(mkdir(path, 0755), 0);
}

/* Every package's items as a deb on disk, then all of them unpacked. */
static int unpack(const struct tar_item (*items)[4], const size_t *n_items, size_t n)
{
	struct package pkgs[PACKAGES_MAX] = { 0 };
	struct rootfs_deb debs[PACKAGES_MAX];
	char path[PACKAGES_MAX][128], name[PACKAGES_MAX][24], control[128];
	int r = 0;

	fresh();
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct buf bytes;

		snprintf(name[i], sizeof(name[i]), "p%zu", i);
		snprintf(path[i], sizeof(path[i]), "%s/p%zu.deb", dir, i);
		snprintf(control, sizeof(control),
			 "Package: p%zu\nVersion: 1\nArchitecture: all\n", i);
		bytes = deb_make(control, items[i], n_items[i]);
		{
			_cleanup_close_ int fd =
				open(path[i], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

			assert_int_equal(io_write_all(fd, bytes.data, bytes.len), 0);
		}
		buf_done(&bytes);
		debs[i] = (struct rootfs_deb){ name[i], "1", "amd64", path[i] };
		r = package_read(&debs[i], &pkgs[i], &err);
	}
	if (r == 0)
		r = unpack_all(root, pkgs, n, &err);
	for (size_t i = 0; i < n; i++)
		package_done(&pkgs[i]);
	return r;
}

static bool exists(const char *base, const char *name)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", base, name);
	return lstat(path, &st) == 0;
}

static void links_in_an_archive_lead_nowhere_else(void **state)
{
	char up[160];
	const struct tar_item items[1][4] = { {
		{ .name = "./abs", .type = '2', .link = dir, SELF },
		{ .name = "./rel", .type = '2', .link = up, SELF },
		{ .name = "./abs/outside/evil", .type = '0', .content = "x", SELF },
		{ .name = "./rel/evil", .type = '0', .content = "x", SELF },
	} };
	const size_t n[] = { 4 };

	(void)state;
	snprintf(up, sizeof(up), "../../../../../../..%s/outside", dir);
	/* Either it lands inside the tree or it is refused. */
	unpack(items, n, 1);
	assert_false(exists(dir, "outside/evil"));
}

static void a_merged_usr_survives_what_packages_ship(void **state)
{
	const struct tar_item items[1][4] = { {
		{ .name = "./bin/tool", .type = '0', .content = "x", SELF },
		{ .name = "./lib/", .type = '5', SELF },
		{ .name = "./sbin", .type = '2', .link = "elsewhere", SELF },
		{ .name = "./", .type = '5', .mode = 0777, SELF },
	} };
	const size_t n[] = { 4 };
	char path[128], target[64] = { 0 };
	struct stat st;

	(void)state;
	assert_int_equal(unpack(items, n, 1), 0);
	assert_true(exists(root, "usr/bin/tool"));
	snprintf(path, sizeof(path), "%s/lib", root);
	assert_true(readlink(path, target, sizeof(target) - 1) > 0);
	assert_string_equal(target, "usr/lib");
	snprintf(path, sizeof(path), "%s/sbin", root);
	memset(target, 0, sizeof(target));
	assert_true(readlink(path, target, sizeof(target) - 1) > 0);
	assert_string_equal(target, "usr/sbin");
	assert_int_equal(stat(root, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
}

static void two_packages_with_one_path_are_left_to_dpkg(void **state)
{
	const struct tar_item same[2][4] = {
		{ { .name = "./etc/x", .type = '0', .content = "a", SELF } },
		{ { .name = "./etc/x", .type = '0', .content = "b", SELF } },
	};
	const struct tar_item aliased[2][4] = {
		{ { .name = "./bin/x", .type = '0', .content = "a", SELF } },
		{ { .name = "./usr/bin/x", .type = '0', .content = "b", SELF } },
	};
	const struct tar_item file_and_dir[2][4] = {
		{ { .name = "./etc/x", .type = '0', .content = "a", SELF } },
		{ { .name = "./etc/x/y", .type = '5', SELF } },
	};
	const size_t n[] = { 1, 1 };

	(void)state;
	assert_int_equal(unpack(same, n, 2), UNPACK_E_OVERLAP);
	assert_non_null(strstr(err.text, "/etc/x is there already"));
	assert_int_equal(unpack(aliased, n, 2), UNPACK_E_OVERLAP);
	assert_int_equal(unpack(file_and_dir, n, 2), UNPACK_E_OVERLAP);
}

static void modes_times_and_links_are_kept(void **state)
{
	const struct tar_item items[1][4] = { {
		{ .name = "./usr/x", .type = '0', .content = "x", .mode = 06755, SELF },
		{ .name = "./usr/y", .type = '1', .link = "./usr/x", SELF },
		{ .name = "./srv/d", .type = '5', .mode = 01777, SELF },
	} };
	const size_t n[] = { 3 };
	char path[128];
	struct stat st;

	(void)state;
	assert_int_equal(unpack(items, n, 1), 0);
	snprintf(path, sizeof(path), "%s/usr/y", root);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 06755);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(st.st_mtime, 1000000000);
	snprintf(path, sizeof(path), "%s/srv/d", root);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 01777);
}

static void a_control_file_says_what_the_lock_says(void **state)
{
	static const struct {
		const char *control, *why;
	} cases[] = {
		{ "Package: q\nVersion: 1\nArchitecture: all\n", "its Package is 'q'" },
		{ "Package: p\nVersion: 2\nArchitecture: all\n", "its Version is '2'" },
		{ "Package: p\nVersion: 1\nArchitecture: arm64\n", "its Architecture is 'arm64'" },
		{ "Package: p\nVersion: 1\nArchitecture: all\nStatus: install ok installed\n",
		  "'Status' field" },
		{ "Package: p\nVersion: 1\nArchitecture: all\n\nPackage: evil\n",
		  "more than one stanza" },
	};
	const struct tar_item none[1] = { { .name = "./", .type = '5' } };
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/p.deb", dir);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct rootfs_deb deb = { "p", "1", "amd64", path };
		struct buf bytes = deb_make(cases[i].control, none, 1);
		struct package p = { .n_dirs = 9 };
		_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

		assert_int_equal(io_write_all(fd, bytes.data, bytes.len), 0);
		assert_int_equal(package_read(&deb, &p, &err), -EBADMSG);
		assert_non_null(strstr(err.text, cases[i].why));
		assert_int_equal(p.n_dirs, 9);
		buf_done(&bytes);
	}
}

static void writing_replaces_links_instead_of_following(void **state)
{
	const struct tree_attr attr = { 0644, own_uid, own_gid, TREE_NOW };
	char path[128];
	struct tree t;

	(void)state;
	fresh();
	write_text(dir, "outside/victim", "precious");
	snprintf(path, sizeof(path), "%s/etc", root);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/etc/link", root);
	{
		char victim[128];
		struct stat st;

		snprintf(victim, sizeof(victim), "%s/outside/victim", dir);
		assert_int_equal(symlink(victim, path), 0);
		assert_int_equal(tree_open(&t, root, &err), 0);
		assert_int_equal(tree_write(&t, "etc/link", "new", 3, &attr), 0);
		assert_int_equal(lstat(path, &st), 0);
		assert_true(S_ISREG(st.st_mode));
		assert_int_equal(stat(victim, &st), 0);
		assert_int_equal(st.st_size, 8);
	}
	tree_close(&t);
}

struct visits {
	char names[8][16];
	unsigned n, stop_at;
};

static int visit(void *arg, int in, const char *name, const struct stat *st)
{
	struct visits *v = arg;

	(void)in;
	(void)st;
	assert_true(v->n < 8);
	snprintf(v->names[v->n++], sizeof(v->names[0]), "%s", name);
	return v->n == v->stop_at ? -ECANCELED : 0;
}

static void a_walk_leaves_a_directory_last_and_follows_no_link(void **state)
{
	struct visits v = { .n = 0 };
	char path[128];

	(void)state;
	fresh();
	snprintf(path, sizeof(path), "%s/a", root);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/a/b", root);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/a/b/out", root);
	assert_int_equal(symlink("/", path), 0);
	assert_int_equal(tree_walk(open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC), visit, &v), 0);
	assert_int_equal(v.n, 3);
	assert_string_equal(v.names[0], "out");
	assert_string_equal(v.names[1], "b");
	assert_string_equal(v.names[2], "a");
	v = (struct visits){ .stop_at = 2 };
	assert_int_equal(tree_walk(open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC), visit, &v),
			 -ECANCELED);
	assert_int_equal(v.n, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_walk_leaves_a_directory_last_and_follows_no_link),
		cmocka_unit_test(links_in_an_archive_lead_nowhere_else),
		cmocka_unit_test(a_merged_usr_survives_what_packages_ship),
		cmocka_unit_test(two_packages_with_one_path_are_left_to_dpkg),
		cmocka_unit_test(modes_times_and_links_are_kept),
		cmocka_unit_test(a_control_file_says_what_the_lock_says),
		cmocka_unit_test(writing_replaces_links_instead_of_following),
	};
	int r;

	umask(022);
	own_uid = getuid();
	own_gid = getgid();
	if (!mkdtemp(dir))
		return 1;
	snprintf(root, sizeof(root), "%s/root", dir);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	path_remove_tree(dir);
	return r;
}
