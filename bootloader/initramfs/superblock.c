/*
 * Reading, never interpreting more than needed: what lies there, and how large the
 * ext4 there is. Offsets: Linux Documentation/filesystems/ext4/super.rst.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bootloader/initramfs/state.h"
#include "lib/base/cleanup.h"
#include "lib/base/io.h"
#include "lib/core/bytes.h"

#define CHUNK_BYTES (1u << 20)
#define BLOCK_BYTES 4096u
#define GROUP_BYTES (UINT64_C(32768) * BLOCK_BYTES) /* a spare superblock starts group 1 */
#define SPARE_GROUPS 3u /* groups 1, 3, 5 have one */

enum super_offset {
	SUPER_AT = 1024,
	SUPER_BLOCKS_LO = 0x4,
	SUPER_LOG_BLOCK_SIZE = 0x18,
	SUPER_MAGIC = 0x38,
	SUPER_INCOMPAT = 0x60,
	SUPER_BLOCKS_HI = 0x150,
	SUPER_BYTES = 1024,
};

#define EXT4_MAGIC 0xef53
#define EXT4_LOG_4096 2u
#define EXT4_INCOMPAT_64BIT 0x80u

static int has_spare_super(int fd, uint64_t size_bytes, bool *ret)
{
	for (uint64_t group = 1; group < 2 * SPARE_GROUPS; group += 2) {
		uint8_t sb[SUPER_BYTES];
		uint64_t at = group * GROUP_BYTES;
		int r;

		if (at + sizeof(sb) > size_bytes)
			break;
		r = io_pread_all(fd, sb, sizeof(sb), at);
		if (r)
			return r;
		if (le16_load(sb + SUPER_MAGIC) == EXT4_MAGIC) {
			*ret = true;
			return 0;
		}
	}
	*ret = false;
	return 0;
}

/* What the first bytes say, of which there are SUPER_AT + SUPER_BYTES at least. */
static enum state_content content_of(const uint8_t *head)
{
	static const uint8_t luks[] = { 'L', 'U', 'K', 'S', 0xba, 0xbe };

	if (le16_load(head + SUPER_AT + SUPER_MAGIC) == EXT4_MAGIC)
		return STATE_EXT4;
	return !memcmp(head, luks, sizeof(luks)) ? STATE_LUKS : STATE_OTHER;
}

int state_look(int fd, uint64_t size_bytes, enum state_content *ret)
{
	_cleanup_free_ uint8_t *chunk = malloc(CHUNK_BYTES);
	uint64_t end = size_bytes < STATE_BLANK_BYTES ? size_bytes : STATE_BLANK_BYTES;
	enum state_content content = STATE_BLANK;
	bool spare;
	int r;

	if (!chunk)
		return -ENOMEM;
	if (size_bytes < CHUNK_BYTES)
		return -ENOSPC;
	for (uint64_t at = 0; at < end && content == STATE_BLANK; at += CHUNK_BYTES) {
		size_t len = end - at < CHUNK_BYTES ? (size_t)(end - at) : CHUNK_BYTES;

		r = io_pread_all(fd, chunk, len, at);
		if (r)
			return r;
		if (!bytes_are_zero(chunk, len))
			content = at ? STATE_OTHER : content_of(chunk);
	}
	if (content == STATE_BLANK || content == STATE_OTHER) {
		r = has_spare_super(fd, size_bytes, &spare);
		if (r)
			return r;
		content = spare ? STATE_HEADLESS : content;
	}
	*ret = content;
	return 0;
}

enum state_plan state_plan(enum state_content content, enum record_promise promise,
			   bool read_only)
{
	if (read_only)
		return STATE_LEAVE;
	if (promise == RECORD_PROMISE_RESET)
		return STATE_RESET;
	if (promise == RECORD_PROMISE_FORMATTING || content == STATE_BLANK)
		return STATE_FORMAT;
	return content == STATE_EXT4 ? STATE_CHECK : STATE_LEAVE;
}

int state_superblock(int fd, struct state_super *ret)
{
	uint8_t sb[SUPER_BYTES];
	int r = io_pread_all(fd, sb, sizeof(sb), SUPER_AT);

	if (r)
		return r;
	if (le16_load(sb + SUPER_MAGIC) != EXT4_MAGIC ||
	    le32_load(sb + SUPER_LOG_BLOCK_SIZE) != EXT4_LOG_4096)
		return -EBADMSG;
	ret->blocks = le32_load(sb + SUPER_BLOCKS_LO);
	if (le32_load(sb + SUPER_INCOMPAT) & EXT4_INCOMPAT_64BIT)
		ret->blocks |= (uint64_t)le32_load(sb + SUPER_BLOCKS_HI) << 32;
	return 0;
}
