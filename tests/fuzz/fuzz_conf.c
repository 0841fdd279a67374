/* image.conf: what is accepted keeps only sound paths, each once, parents first. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bootloader/initramfs/conf.h"
#include "lib/base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct err err;
	struct conf c;

	err_init(&err);
	if (conf_parse((const char *)data, len, &c, &err)) {
		if (strncmp(err.text, "image.conf:", 11))
			abort();
		return 0;
	}
	if (c.n_persist > CONF_PERSIST_MAX || *err.text)
		abort();
	for (size_t i = 0; i < c.n_persist; i++)
		if (!conf_persist_valid(c.persist[i]) ||
		    (i && strcmp(c.persist[i - 1], c.persist[i]) >= 0))
			abort();
	conf_done(&c);
	return 0;
}
