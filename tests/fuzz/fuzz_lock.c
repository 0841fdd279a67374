/* Lock files of any bytes: refused with a position, or printed back to what was read. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "builder/resolve/lock.h"
#include "lib/base/buf.h"
#include "lib/base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct err err;
	struct buf one = BUF_INIT, two = BUF_INIT;
	struct lock *l, *back;

	if (lock_parse((const char *)data, size, "fuzz", &l, &err) < 0) {
		if (strncmp(err.text, "fuzz:", 5))
			abort();
		return 0;
	}
	lock_print(l, &one);
	if (lock_parse(one.data, one.len, "again", &back, &err) < 0)
		abort();
	lock_print(back, &two);
	if (one.len != two.len || memcmp(one.data, two.data, one.len))
		abort();
	buf_done(&one);
	buf_done(&two);
	if (lock_diff(l, back, &one) != 0)
		abort();
	buf_done(&one);
	lock_free(l);
	lock_free(back);
	return 0;
}
