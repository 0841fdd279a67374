/* modules.list: nothing that is not below a module directory is ever handed on. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bootloader/initramfs/modules.h"
#include "lib/base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int load(void *ctx, const char *path, struct err *err)
{
	unsigned int *n = ctx;
	size_t len = strlen(path);

	(void)err;
	if (++*n > MODULES_MAX || len >= MODULE_PATH_MAX || strstr(path, "..") || strchr(path, '\n') ||
	    !strstr(path, "lib/modules/") || strcmp(path + len - 3, ".ko"))
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct err err;
	unsigned int n = 0;

	err_init(&err);
	if (modules_list_each((const char *)data, len, load, &n, &err) &&
	    strncmp(err.text, "modules.list:", 13))
		abort();
	return 0;
}
