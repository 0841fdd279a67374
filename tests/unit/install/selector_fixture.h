/* Selectors that are none but look so to an installer: a PE file with an SBAT section. */
#ifndef TESTS_UNIT_INSTALL_SELECTOR_FIXTURE_H
#define TESTS_UNIT_INSTALL_SELECTOR_FIXTURE_H

#include <stdio.h>
#include <string.h>

#include "lib/core/bootstate.h"
#include "tests/unit/builder/uki_fixture.h"

#define SELECTOR_FIXTURE_BYTES 45001u /* of the last page only a part */

/* Fill @out with SELECTOR_FIXTURE_BYTES of a selector that calls its version @version. */
static inline void selector_fixture(uint8_t *out, const char *version)
{
	uint8_t *section = out + 0x58 + 240;

	memset(out, version[0], SELECTOR_FIXTURE_BYTES);
	fixture_pe(out);
	memcpy(section, ".sbat\0\0", 8);
	memset(out + FIXTURE_HEADERS, 0, 0x200);
	snprintf((char *)out + FIXTURE_HEADERS, 0x200,
		 "sbat,1,SBAT Version,sbat,1,https://example.org/\n"
		 "kiln.selector,1,kiln,kiln,%s,https://example.org/\n", version);
}

#endif
