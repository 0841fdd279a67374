/* See promise.h. */
#include "update/promise.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "lib/core/bootstate.h"

_Static_assert(sizeof(BS_PROMISE_RESET) <= 512 && sizeof(BS_PROMISE_FORMATTING) <= 512,
	       "a text lies in one sector");

/* As early init compares: the text at the start counts, not what is behind it. */
static int is(const uint8_t *block, const char *text)
{
	return memcmp(block, text, strlen(text)) == 0;
}

int promise_read(const struct disk_ops *ops, enum promise *ret)
{
	uint8_t block[BS_PROMISE_BYTES];
	int r = ops->read(ops->ctx, BS_PROMISE_OFFSET, block, sizeof(block));

	if (r)
		return r;
	*ret = is(block, BS_PROMISE_RESET)	? PROMISE_RESET :
	       is(block, BS_PROMISE_FORMATTING) ? PROMISE_FORMATTING :
						  PROMISE_NONE;
	return 0;
}

int promise_store(const struct disk_ops *ops, enum promise want)
{
	const char *text = want == PROMISE_RESET ? BS_PROMISE_RESET : "";
	uint8_t block[BS_PROMISE_BYTES] = { 0 }, check[BS_PROMISE_BYTES];
	int r;

	if (!ops->write)
		return DISK_READ_ONLY;
	memcpy(block, text, strlen(text));
	r = ops->write(ops->ctx, BS_PROMISE_OFFSET, block, sizeof(block));
	r = r ?: ops->flush(ops->ctx);
	r = r ?: ops->read(ops->ctx, BS_PROMISE_OFFSET, check, sizeof(check));
	if (r)
		return r;
	return memcmp(check, block, sizeof(block)) ? BS_E_READBACK : 0;
}
