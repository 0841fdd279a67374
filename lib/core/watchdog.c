/* See watchdog.h. */
#include "lib/core/watchdog.h"

#include "lib/core/bytes.h"
#include "lib/core/cmdline.h"
#include "lib/core/crc32.h"
#include "lib/core/platform.h"

#define ALL ((1u << WATCHDOG_KINDS) - 1)

static const char *const names[WATCHDOG_KINDS] = {
	[WATCHDOG_I6300ESB] = "i6300esb",
	[WATCHDOG_ITCO] = "iTCO",
};

_Static_assert(WATCHDOG_NOTE_OFFSET(0) >= BS_FLIGHT_OFFSET + BS_FLIGHT_BYTES,
	       "the notes lie behind the flight recorder");
_Static_assert(WATCHDOG_NOTE_OFFSET(BS_SLOTS - 1) + WATCHDOG_NOTE_BYTES == BS_PARTITION_BYTES,
	       "the notes are last");

const char *watchdog_name(enum watchdog_kind kind)
{
	return kind < WATCHDOG_KINDS ? names[kind] : "unknown";
}

enum watchdog_kind watchdog_kind_of(const char *name, size_t len)
{
	unsigned int kind = 0;

	while (kind < WATCHDOG_KINDS &&
	       (strlen(names[kind]) != len || memcmp(names[kind], name, len)))
		kind++;
	return (enum watchdog_kind)kind;
}

void watchdog_format(unsigned int set, char out[WATCHDOG_TEXT_SIZE])
{
	size_t n = 0;

	for (unsigned int kind = 0; kind < WATCHDOG_KINDS; kind++) {
		size_t len = strlen(names[kind]);

		if (!(set & 1u << kind))
			continue;
		if (n)
			out[n++] = ',';
		memcpy(out + n, names[kind], len);
		n += len;
	}
	out[n] = '\0';
}

unsigned int watchdog_parse(const char *text)
{
	unsigned int set = 0;

	while (*text) {
		enum watchdog_kind kind;
		size_t len = 0;

		while (text[len] && text[len] != ',')
			len++;
		kind = watchdog_kind_of(text, len);
		if (kind < WATCHDOG_KINDS)
			set |= 1u << kind;
		text += len + (text[len] == ',');
	}
	return set;
}

int watchdog_from_cmdline(const char *line, size_t len, unsigned int *ret)
{
	char list[CMDLINE_MAX / 8];
	int r = cmdline_get(line, len, WATCHDOG_KEY, list, sizeof(list));

	if (r == CMDLINE_OK)
		*ret = watchdog_parse(list);
	return r;
}

void watchdog_note_encode(unsigned int set, const uint8_t root_hash[32],
			  uint8_t out[WATCHDOG_NOTE_BYTES])
{
	memset(out, 0, WATCHDOG_NOTE_BYTES);
	memcpy(out + WATCHDOG_NOTE_O_MAGIC, WATCHDOG_NOTE_MAGIC, 8);
	le32_store(out + WATCHDOG_NOTE_O_FORMAT, WATCHDOG_NOTE_FORMAT);
	le32_store(out + WATCHDOG_NOTE_O_SET, set);
	memcpy(out + WATCHDOG_NOTE_O_ROOT_HASH, root_hash, 32);
	le32_store(out + WATCHDOG_NOTE_O_CRC, crc32_add(0, out, WATCHDOG_NOTE_O_CRC));
}

unsigned int watchdog_note_decode(const uint8_t data[WATCHDOG_NOTE_BYTES],
				  const uint8_t root_hash[32])
{
	if (memcmp(data + WATCHDOG_NOTE_O_MAGIC, WATCHDOG_NOTE_MAGIC, 8) ||
	    le32_load(data + WATCHDOG_NOTE_O_FORMAT) != WATCHDOG_NOTE_FORMAT ||
	    le32_load(data + WATCHDOG_NOTE_O_CRC) != crc32_add(0, data, WATCHDOG_NOTE_O_CRC) ||
	    memcmp(data + WATCHDOG_NOTE_O_ROOT_HASH, root_hash, 32))
		return 0;
	return le32_load(data + WATCHDOG_NOTE_O_SET) & ALL;
}
