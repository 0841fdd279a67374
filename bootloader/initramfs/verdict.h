/*
 * What a failed step means: the reason that is recorded, and whether the same
 * slot can do better when it is started again. Where it cannot, as when a
 * verification failed or the image lacks something, its tries end at once.
 */
#ifndef BOOTLOADER_INITRAMFS_VERDICT_H
#define BOOTLOADER_INITRAMFS_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/core/bootstate.h"

struct verdict {
	enum bs_reason reason; /* BS_REASON_NONE: nothing was said */
	bool hopeless;
};

/* One word at the call, where `true` would say little. */
#define HOPELESS true
#define MAY_PASS false

/*
 * The verdict on a step that failed with @r: @damaged (dm-verity met a corrupt block) explains
 * whatever else went wrong, then lack of memory, then what the step itself @said, and @usual is for
 * a step that said nothing.
 */
struct verdict verdict_of(struct verdict usual, struct verdict said, int r, bool damaged);

/* Loading a module failed with @r. */
struct verdict verdict_of_module(int r);

/* Mounting the verified root, or reading in it, failed with @r and no block was damaged. */
struct verdict verdict_of_root(int r);

/* The first program of the verified root could not be started: @r. */
struct verdict verdict_of_init(int r);

/* What a person can do about @reason: a few words for the console. */
const char *verdict_advice(enum bs_reason reason);

/*
 * The reason that the last line "gives up: REASON: ..." of early init in @text names, which is how
 * a boot without a disk to write to tells the next one; BS_REASON_NONE when there is no such line.
 */
enum bs_reason verdict_from_log(const char *text, size_t len);

/* How that line starts, before the reason's name. */
#define VERDICT_LINE "gives up: "

#endif
