/*
 * Scenarios: what is done to a machine, and what it must say, as text.
 *
 *	# one command a line; words, "texts", sizes (4G), times (60s)
 *	title "a flipped byte in the UKI"
 *	needs ssh
 *	memory 1G | disk-size 4G | cpus 2 | disk nvme | cache none | deadline 300s
 *	smbios "VALUE"                         an OEM string (SMBIOS type 11); may be repeated
 *	watchdog i6300esb|itco|none            the hardware watchdog (i6300esb)
 *
 *	boot                                   switch on
 *	expect serial "TEXT" [60s]             ... from what was expected last onwards
 *	refuse serial "TEXT"                   it must not have been said since then
 *	expect slot a [60s]                    the selector starts this slot next
 *	expect reset [60s] | expect off [60s]
 *	expect state slot-a good|ready|bad|empty|writing
 *	expect uki slot-a [60s]                the kernel got the command line and initramfs of this
 *	                                       slot's UKI, and nothing more: over ssh
 *	expect reason slot-a verity            why its newest boot that failed did; none
 *	expect log slot-a "TEXT"               in the flight recorder's newest entry of it
 *	run "COMMAND" [expect "TEXT"] [status N] [60s]      over ssh
 *	reboot [60s] | power off [60s]         the guest does it: over ssh
 *	power cut | reset                      the guest is not asked
 *	corrupt slot-a uki|root|hash|sig block N [count N]
 *	corrupt slot-a section ".NAME"         the UKI was built without it: renamed, sealed again
 *	corrupt boot-state copy N | corrupt gpt primary|backup
 *	put esp "/PATH" "CONTENT"              a file on the ESP, its directories made
 *	put esp "/PATH" uki slot-a             ... a copy of this slot's UKI
 *	corrupt state block N [count N]
 *	wipe state                             nothing but zeroes, as in a fresh image
 *	clone slot-a slot-b                    same image, ready and good, second in line
 *
 * Settings stand before the first action. The disk is edited with the power off.
 */
#ifndef QEMU_SCENARIO_H
#define QEMU_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define SCENARIO_STEPS_MAX 256
#define SCENARIO_BYTES_MAX 65536
#define SCENARIO_DEADLINE_MS 600000
#define SCENARIO_SMBIOS_MAX 8

enum step_kind {
	STEP_BOOT,
	STEP_EXPECT_SERIAL,
	STEP_REFUSE_SERIAL,
	STEP_EXPECT_SLOT,
	STEP_EXPECT_RESET,
	STEP_EXPECT_OFF,
	STEP_EXPECT_STATE,
	STEP_EXPECT_UKI,
	STEP_EXPECT_REASON,
	STEP_EXPECT_LOG,
	STEP_RUN,
	STEP_REBOOT,
	STEP_POWER_OFF,
	STEP_POWER_CUT,
	STEP_RESET,
	STEP_CORRUPT,
	STEP_WIPE,
	STEP_CLONE,
	STEP_PUT,
};

/* What `corrupt` hits. */
enum step_target {
	TARGET_UKI,
	TARGET_ROOT,
	TARGET_HASH,
	TARGET_SIG,
	TARGET_SECTION,
	TARGET_BOOT_STATE,
	TARGET_STATE,
	TARGET_GPT,
};

struct step {
	enum step_kind kind;
	unsigned line, column;
	/* Owned: text to find, command, name of a status, reason or section, path; else NULL. */
	char *text;
	/* Owned: what a command's output must hold; a file's content, NULL for a UKI; else NULL. */
	char *expect;
	uint64_t timeout_ms;
	int status; /* the exit status a command must have */
	unsigned slot; /* 0 is a, 1 is b; the source of a clone */
	enum step_target target;
	uint64_t block; /* of 4096 bytes; a copy's number for boot-state and gpt */
	uint64_t count; /* blocks */
};

struct scenario {
	char *file; /* owned: as named in messages */
	char *name; /* owned: the file's name without .scn */
	char *title; /* owned; the name when the file gives none */
	bool needs_ssh;
	uint64_t memory_bytes, disk_bytes, cpus; /* 0: the lab's default */
	const char *bus, *cache, *watchdog; /* NULL: the lab's default */
	char *smbios[SCENARIO_SMBIOS_MAX]; /* owned */
	unsigned n_smbios;
	uint64_t deadline_ms; /* for all of it */
	struct step step[SCENARIO_STEPS_MAX];
	unsigned n;
};

/*
 * Parse @len bytes of @text, known to people as @file. Returns a scenario the
 * caller frees, or NULL with @err holding every mistake as "file:line:column: ...".
 */
struct scenario *scenario_parse(const char *file, const char *text, size_t len, struct err *err);

/* Read and parse the file @path. */
struct scenario *scenario_load(const char *path, struct err *err);

/* NULL-safe; returns NULL. */
struct scenario *scenario_free(struct scenario *s);

/* The step as its author wrote it, in short: `expect serial "x"`. */
void scenario_step_text(const struct step *step, char *out, size_t size);

#endif
