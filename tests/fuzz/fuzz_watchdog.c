/* Lists of watchdogs and notes about them: only known kinds come out, and they read back. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/bytes.h"
#include "lib/core/crc32.h"
#include "lib/core/watchdog.h"

#define ALL ((1u << WATCHDOG_KINDS) - 1)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_list(const char *line, size_t len)
{
	char text[WATCHDOG_TEXT_SIZE], again[sizeof(WATCHDOG_KEY) + 1 + WATCHDOG_TEXT_SIZE];
	unsigned int set, back;

	if (watchdog_from_cmdline(line, len, &set))
		return;
	if (set & ~ALL)
		abort();
	watchdog_format(set, text);
	strcpy(again, WATCHDOG_KEY "=");
	strcat(again, text);
	if (watchdog_from_cmdline(again, strlen(again), &back) || back != set)
		abort();
}

static void check_note(const uint8_t *data, size_t len)
{
	static uint8_t note[WATCHDOG_NOTE_BYTES], out[WATCHDOG_NOTE_BYTES];
	static const uint8_t other[32] = "no image has this root hash";
	uint8_t *root = note + WATCHDOG_NOTE_O_ROOT_HASH;
	unsigned int set;

	memset(note, 0, sizeof(note));
	memcpy(note, data, len < sizeof(note) ? len : sizeof(note));
	if (watchdog_note_decode(note, other) & ~ALL)
		abort();
	memcpy(note, WATCHDOG_NOTE_MAGIC, 8);
	le32_store(note + WATCHDOG_NOTE_O_CRC, crc32_add(0, note, WATCHDOG_NOTE_O_CRC));
	set = watchdog_note_decode(note, root);
	if (set & ~ALL)
		abort();
	watchdog_note_encode(set, root, out);
	if (watchdog_note_decode(out, root) != set)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	check_list((const char *)data, len);
	check_note(data, len);
	return 0;
}
