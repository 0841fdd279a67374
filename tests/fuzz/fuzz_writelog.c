/* Write logs: whatever they say, entries lie inside the file and can be read. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/core/bytes.h"
#include "qemu/writelog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct err err;
	struct writelog log;
	char path[64];
	uint8_t byte;
	int fd = memfd_create("log", MFD_CLOEXEC);

	if (fd < 0 || io_write_all(fd, data, len) < 0)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (writelog_open(path, &log, &err) == 0) {
		for (size_t i = 0; i < log.n; i++) {
			const struct writelog_entry *e = &log.entry[i];

			if (e->kind != WRITELOG_WRITE)
				continue;
			if (!e->len || writelog_read(&log, e, e->len - 1, &byte, 1) < 0 ||
			    writelog_read(&log, e, e->len, &byte, 1) == 0)
				abort();
		}
		writelog_done(&log);
	} else if (!err.text[0]) {
		abort();
	}
	close(fd);
	return 0;
}
