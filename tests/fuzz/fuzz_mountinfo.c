/* /proc/self/mountinfo, whose mount points are whatever people call them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "install/target_use.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char where[32];
	char *text = malloc(len + 1);
	bool by_number, by_either;

	if (!text)
		return 0;
	memcpy(text, data, len);
	text[len] = '\0';
	memset(where, 'x', sizeof(where));
	by_number = target_find_mount(text, makedev(8, 1), NULL, where, sizeof(where));
	if (by_number && !memchr(where, '\0', sizeof(where)))
		abort();
	by_either = target_find_mount(text, makedev(8, 1), "/dev/sda1", where, sizeof(where));
	if (by_number && !by_either)
		abort();
	/* A mount that was found is one of the lines: without any of them there is none. */
	if (by_either && !strstr(text, "8:") && !strstr(text, "/dev/sda1"))
		abort();
	free(text);
	return 0;
}
