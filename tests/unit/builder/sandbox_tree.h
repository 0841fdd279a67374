/*
 * A tree of programs of this machine with their libraries, and the sandbox they are run in: for the
 * tests that do that for real. It needs user namespaces (or root); without, sb is NULL and said so.
 */
#ifndef TESTS_UNIT_BUILDER_SANDBOX_TREE_H
#define TESTS_UNIT_BUILDER_SANDBOX_TREE_H

#include <fcntl.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/stat.h>

#include "builder/rootfs/sandbox.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/path.h"
#include "lib/base/proc.h"
#include "tests/unit/builder/rootfs_fixture.h"

static char dir[] = "/tmp/kiln-sandbox-XXXXXX";
static char root[64]; /* of the tree, in dir */
static struct sandbox *sb;
static struct err err;

/*
 * Copy @path of this machine to @dest of the tree. There @from, if not NULL, becomes @to, of the
 * same length.
 */
static void copy_in(const char *path, const char *dest, const char *from, const char *to)
{
	_cleanup_free_ char *at = path_join(root, dest), *parent = strdup(at), *data = NULL;
	_cleanup_close_ int fd = -1;
	size_t len;
	char *found;

	*strrchr(parent, '/') = '\0';
	assert_int_equal(path_mkdirs(parent), 0);
	assert_int_equal(io_read_file(path, 64u << 20, &data, &len, &err), 0);
	if (from) {
		assert_non_null(memmem(data, len, from, strlen(from)));
		while ((found = memmem(data, len, from, strlen(from))))
			memcpy(found, to, strlen(to));
	}
	unlink(at);
	fd = open(at, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, data, len), 0);
}

/* Call @take with every library ldd names for @program. */
static void for_libraries(char *program, void (*take)(const char *path))
{
	char *argv[] = { (char *)"ldd", program, NULL };
	struct buf out = BUF_INIT;
	char *save = NULL;

	assert_int_equal(proc_run(argv, &(struct proc_options){ .output = &out }, &err), 0);
	for (char *w = strtok_r(out.data, " \t\n", &save); w; w = strtok_r(NULL, " \t\n", &save))
		if (w[0] == '/')
			take(w);
	buf_done(&out);
}

/* An empty tree, and the sandbox. 0 or -1. */
static int begin_tree(void)
{
	umask(022);
	if (!mkdtemp(dir) || chmod(dir, 0755) < 0)
		return -1;
	snprintf(root, sizeof(root), "%s/tree", dir);
	if (mkdir(root, 0755) < 0)
		return -1;
	if (sandbox_new(&sb, &err) < 0)
		print_message("SKIP: %s\n", err.text);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sandbox_free(sb);
	path_remove_tree(dir);
	return 0;
}

#endif
