/*
 * Does kiln-fetch start in this image? It is a program of this machine with the image's
 * libraries: in an image of an older Debian it may miss a version of a symbol, which its machine
 * would tell at its first update, when nothing can be done about it there. See build.h.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "builder/rootfs/build.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/path.h"

#define PROGRAM "usr/lib/kiln/kiln-fetch"
#define LIBRARY "libcurl.so.4"

bool build_has_libcurl(struct build *b)
{
	int fd = path_open_in_root(b->tree.root, "usr/lib", O_RDONLY | O_DIRECTORY, 0);
	_cleanup_closedir_ DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d && fd >= 0)
		close(fd);
	while (d && (e = readdir(d))) {
		char path[sizeof("usr/lib/" LIBRARY) + sizeof(e->d_name) + 1];

		snprintf(path, sizeof(path), "usr/lib/%s/" LIBRARY, e->d_name);
		if (e->d_name[0] != '.' && tree_exists(&b->tree, path))
			return true;
	}
	return false;
}

/* Linked with "now": when it says its help, every symbol of every library was found. */
int build_check_fetcher(struct build *b, struct err *err)
{
	char *argv[] = { (char *)"/" PROGRAM, (char *)"--help", NULL };
	int r;

	/* Without libcurl nothing can be fetched, and slotctl says so; lint.c has update.url. */
	if (!tree_exists(&b->tree, PROGRAM) || !build_has_libcurl(b))
		return 0;
	r = cage_run(&b->cage, argv, "kiln-fetch, tried with the libraries of this image,", err);
	if (r <= 0)
		return r;
	err_append(err, "\nThis kiln was built on a later Debian than the image is of, or for "
			"another libcurl: use one that was built on the image's Debian or an "
			"older one. An image without libcurl4 needs no kiln-fetch.");
	return -EINVAL;
}
