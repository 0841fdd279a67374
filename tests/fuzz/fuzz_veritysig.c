/*
 * The signature partition, which early init parses before anything is verified:
 * any bytes. What is accepted must survive being written and parsed again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/err.h"
#include "verity/sigfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sigfile sig, again;
	static uint8_t bytes[SIGFILE_BYTES];
	static struct err err;
	int r;

	err_init(&err);
	memset(&sig, 0, sizeof(sig));
	r = sigfile_parse(data, size, &sig, &err);
	if (!!r != !!err.text[0])
		abort(); /* a refusal says why */
	if (r)
		return 0;
	memset(&again, 0, sizeof(again));
	if (sigfile_write(&sig, bytes, &err) || sigfile_parse(bytes, sizeof(bytes), &again, &err) ||
	    memcmp(&sig, &again, sizeof(sig)) != 0)
		abort();
	return 0;
}
