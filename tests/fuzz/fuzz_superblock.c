/*
 * The start of a state partition: whatever lies there, only zeroes are blank, and what is
 * formatted without a promise is blank.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bootloader/initramfs/state.h"
#include "lib/base/io.h"
#include "lib/core/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define SIZE_BYTES (UINT64_C(200) << 20)
#define START_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static int fd = -1;
	enum state_content content;
	struct state_super super;

	if (fd < 0)
		fd = memfd_create("state", MFD_CLOEXEC);
	len = len < START_MAX ? len : START_MAX;
	if (ftruncate(fd, 0) || ftruncate(fd, SIZE_BYTES) || io_pwrite_all(fd, data, len, 0))
		abort();
	if (state_look(fd, SIZE_BYTES, &content))
		abort();
	if ((content == STATE_BLANK) != bytes_are_zero(data, len))
		abort();
	if (state_plan(content, RECORD_PROMISE_NONE, false) == STATE_FORMAT &&
	    content != STATE_BLANK)
		abort();
	if (!state_superblock(fd, &super) && content != STATE_EXT4)
		abort();
	return 0;
}
