/* See guestcode.h. */
#include "qemu/guestcode.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/base/data.h"
#include "lib/base/io.h"

#define HANG_MAX (1u << 20)

#define LE16(v) (v) & 0xff, (v) >> 8
#define LE32(v) LE16((v) & 0xffff), LE16((unsigned)(v) >> 16)
#define LE64(v) LE32(v), LE32(0)

#define BASE 0x400000
#define HEADERS (64 + 56) /* ELF header, one program header */
#define CODE_BYTES 12

/* System V ABI, chapters 4 and 5: header, one loadable segment, code. */
const unsigned char guestcode_exits[] = {
	0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* 64 bits, little-endian */
	LE16(2), LE16(62), LE32(1), /* executable, x86-64 */
	LE64(BASE + HEADERS), LE64(64), LE64(0), /* entry, program headers, no sections */
	LE32(0), LE16(64), LE16(56), LE16(1), LE16(0), LE16(0), LE16(0),
	LE32(1), LE32(5), LE64(0), LE64(BASE), LE64(BASE), /* load, read and execute */
	LE64(HEADERS + CODE_BYTES), LE64(HEADERS + CODE_BYTES), LE64(0x1000),
	0xbf, LE32(1), /* mov $1, %edi */
	0xb8, LE32(60), /* mov $60 (exit), %eax */
	0x0f, 0x05, /* syscall */
};
const size_t guestcode_exits_len = sizeof(guestcode_exits);

_Static_assert(sizeof(guestcode_exits) == HEADERS + CODE_BYTES, "the headers say so");

int guestcode_hang(char **ret, size_t *ret_len, struct err *err)
{
	_cleanup_free_ char *path = data_path("fault-hang-x64.efi", err);

	return path ? io_read_file(path, HANG_MAX, ret, ret_len, err) : -ENOENT;
}
