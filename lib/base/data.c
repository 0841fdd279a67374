/* See data.h. */
#include "lib/base/data.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"

char *data_path(const char *name, struct err *err)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	_cleanup_free_ char *beside = NULL, *installed = NULL;
	char *slash;

	if (n <= 0) {
		err_errno(err, -errno, "cannot tell where kiln is installed");
		return NULL;
	}
	self[n] = '\0';
	slash = strrchr(self, '/');
	*slash = '\0';
	beside = str_printf("%s/%s", self, name);
	installed = str_printf("%s/../lib/kiln/%s", self, name);
	if (!beside || !installed) {
		err_oom(err);
		return NULL;
	}
	if (access(beside, R_OK) == 0)
		return TAKE_PTR(beside);
	if (access(installed, R_OK) == 0)
		return TAKE_PTR(installed);
	err_set(err, -ENOENT, "%s is missing: looked for %s and %s; run make, or make install",
		name, beside, installed);
	return NULL;
}
