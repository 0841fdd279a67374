/*
 * Playing one scenario on a machine of its own.
 */
#ifndef QEMU_PLAY_H
#define QEMU_PLAY_H

#include <stdint.h>

#include "qemu/scenario.h"
#include "qemu/vm.h"

enum verdict { VERDICT_PASSED, VERDICT_FAILED, VERDICT_SKIPPED };

struct play_options {
	const char *output; /* the scenario's own directory, which exists: logs, timeline, disk */
	uint64_t slow; /* every time in the scenario is multiplied by this */
	const char *no_ssh; /* why there can be no ssh to the image; NULL when there can */
	bool keep; /* leave the machine's disk behind when the scenario fails */
	struct vm_options vm; /* image, firmware, accelerator; what a scenario sets wins */
};

struct play_result {
	enum verdict verdict;
	uint64_t ms;
	unsigned boots;
	char why[4096]; /* of a failure or skip: "file:line:column: ...", may have several lines
			 */
};

/*
 * Do what @s says. Always fills @ret. Writes serial.log, timeline.txt and
 * timeline.json into the output directory.
 */
void play(const struct scenario *s, const struct play_options *options, struct play_result *ret);

#endif
