/*
 * Playing one scenario on a machine of its own.
 */
#ifndef QEMU_PLAY_H
#define QEMU_PLAY_H

#include <stdint.h>

#include "lib/core/version.h"
#include "qemu/record.h"
#include "qemu/scenario.h"
#include "qemu/vm.h"

enum verdict { VERDICT_PASSED, VERDICT_FAILED, VERDICT_SKIPPED };

struct play_options {
	const char *output; /* the scenario's own directory, which exists: logs, timeline, disk */
	uint64_t slow; /* every time in the scenario is multiplied by this */
	/* Why scenarios that need it are skipped; NULL: the image has it. */
	const char *no_ssh, *no_watchdog;
	const char *next; /* another image of the same, to be installed; NULL: none */
	const char *confirmed; /* a disk as a healthy first boot left it; NULL: there is none */
	/* A fallback is over when the good slot's verified root runs, not when it is confirmed. */
	bool quick;
	bool narrate; /* tell each step, and what commands said, on stdout */
	bool keep; /* leave the machine's disk behind when the scenario fails */
	struct vm_options vm; /* image, firmware, accelerator; what a scenario sets wins */
};

struct play_result {
	enum verdict verdict;
	uint64_t ms; /* all of it, preparations included */
	unsigned boots;
	struct timeline timeline; /* of the last boots */
	struct record record; /* what the machine wrote down of the same boots */
	/* What the machine wrote down of the last boot that failed; empty when none did. */
	char failed_version[VERSION_TEXT_SIZE], failed_stage[16], failed_reason[24];
	char failed_slot; /* 'a', 'b', or 0 */
	char why[4096]; /* of a failure or skip: "file:line:column: ...", may have several lines
			 */
};

/*
 * Do what @s says. Always fills @ret. Writes serial.log, boot-N.log for each boot,
 * timeline.txt and timeline.json into the output directory.
 */
void play(const struct scenario *s, const struct play_options *options, struct play_result *ret);

#endif
