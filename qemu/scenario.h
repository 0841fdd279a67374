/*
 * Scenarios: what is done to a machine, and what it must say, as text.
 *
 *	# one command a line; words, "texts", sizes (4G), times (60s)
 *	title "a flipped byte in the UKI"
 *	needs ssh | needs watchdog             else it is skipped, with the reason
 *	start confirmed                        the disk as a healthy first boot left it
 *	memory 1G | disk-size 4G | cpus 2 | disk nvme | cache none | deadline 300s
 *	sector 4096                            of the disk; the image must be made for it
 *	second-disk 8G [sector 4096]           an empty second disk
 *	smbios "VALUE"                         an OEM string (SMBIOS type 11); may be repeated
 *	watchdog i6300esb|itco|none            the hardware watchdog (i6300esb)
 *	rtc "1970-01-01T00:00:00"              what the machine's clock says at power on
 *	record writes                          keep the guest's write stream, for check crashes
 *
 *	boot                                   switch on
 *	expect serial "TEXT" [60s]             ... from what was expected last onwards
 *	refuse serial "TEXT"                   it must not have been said since then
 *	expect slot a [60s]                    the selector starts this slot next
 *	expect confirmed a [boots N] [300s]    the health check confirms this slot, and no other,
 *	                                       with N boots at most since `boot`
 *	expect fallback a [boots N] [300s]     the same; in a quick run: its verified root runs
 *	expect reset [60s] | expect off [60s]
 *	expect state slot-a good|ready|bad|empty|writing
 *	expect uki slot-a [60s]                the kernel got the command line and initramfs of this
 *	                                       slot's UKI, and nothing more: over ssh
 *	expect reason slot-b verity            why its newest boot that failed did; none
 *	expect log slot-b "TEXT"               in the flight recorder's newest entry of it
 *	run "COMMAND" [expect "TEXT"] [status N] [60s]      over ssh
 *	send next "/PATH" [300s]               the bundle of `kiln test --next`'s image, into a file
 *	                                       of the guest: over ssh
 *	reboot [60s] | power off [60s]         the guest does it: over ssh
 *	power cut | reset                      the guest is not asked
 *
 *	install slot-b KIND [version "V"] [tries N] [root SIZE] [retry]
 *	install slot-b next [tries N] [retry]  the image that `kiln test --next` names
 *	refuse install slot-b KIND ...         the boot state must refuse it
 *	clone slot-a slot-b                    same image, ready and good, second in line
 *	corrupt SPOT                           a bit is flipped there
 *	corrupt slot-b uki truncate|zero|swap | corrupt slot-b sig zero
 *	corrupt slot-b section ".NAME"         the UKI was built without it: renamed, sealed again
 *	corrupt slot-b verity-superblock       other sizes, another salt, another algorithm
 *	read error SPOT | read ok              the disk cannot read there, from the next boot on
 *	drop partition "NAME" | shrink partition "NAME"
 *	wipe state | fill state                nothing but zeroes; nothing free
 *	put esp "/PATH" "CONTENT"              a file on the ESP, its directories made
 *	put esp "/PATH" uki slot-a             ... a copy of this slot's UKI
 *	use second-disk                        from now on it is the only disk
 *	check crashes [boots N]                what any power cut leaves of the recorded stream
 *
 * SPOT is one of
 *	slot-b uki|root|hash|sig block N [count N]
 *	slot-b root superblock|first|metadata|middle|last
 *	slot-b hash leaf|middle|top
 *	boot-state copy N | gpt primary|backup | state block N [count N]
 *
 * KIND is one of candidate.h's. Settings stand before the first action. The disk is
 * edited with the power off.
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
	STEP_EXPECT_CONFIRMED,
	STEP_EXPECT_FALLBACK,
	STEP_EXPECT_RESET,
	STEP_EXPECT_OFF,
	STEP_EXPECT_STATE,
	STEP_EXPECT_UKI,
	STEP_EXPECT_REASON,
	STEP_EXPECT_LOG,
	STEP_RUN,
	STEP_SEND,
	STEP_REBOOT,
	STEP_POWER_OFF,
	STEP_POWER_CUT,
	STEP_RESET,
	STEP_INSTALL,
	STEP_REFUSE_INSTALL,
	STEP_CLONE,
	STEP_CORRUPT,
	STEP_READ_ERROR,
	STEP_READ_OK,
	STEP_DROP,
	STEP_SHRINK,
	STEP_WIPE,
	STEP_FILL,
	STEP_PUT,
	STEP_USE_SECOND,
	STEP_CHECK_CRASHES,
	STEP_KINDS,
};

/* What `corrupt` and `read error` hit. */
enum step_target {
	TARGET_UKI,
	TARGET_ROOT,
	TARGET_HASH,
	TARGET_SIG,
	TARGET_SECTION,
	TARGET_SUPERBLOCK, /* of the hash tree */
	TARGET_BOOT_STATE,
	TARGET_STATE,
	TARGET_GPT,
};

/* Where in the target. */
enum step_place {
	PLACE_BLOCK, /* step.block */
	PLACE_SUPERBLOCK,
	PLACE_FIRST,
	PLACE_METADATA,
	PLACE_MIDDLE,
	PLACE_LAST,
	PLACE_LEAF, /* lowest level of the hash tree */
	PLACE_TOP,
	PLACE_TRUNCATE, /* its second half reads as zeroes */
	PLACE_ZERO, /* all of it does */
	PLACE_SWAP, /* it holds what the other slot has there */
};

struct step {
	enum step_kind kind;
	unsigned line, column;
	/*
	 * Owned, or NULL: text to find, command, name of a status, reason, section, partition or
	 * kind of version, path.
	 */
	char *text;
	/* Owned, or NULL: what an output must hold; a file's content; a version's name. */
	char *expect;
	uint64_t timeout_ms;
	int status; /* the exit status a command must have */
	unsigned slot; /* 0 is a, 1 is b; the source of a clone */
	enum step_target target;
	enum step_place place;
	uint64_t block; /* of 4096 bytes; a copy's number for boot-state and gpt */
	uint64_t count; /* blocks, or boots at most; 0: any number */
	uint64_t bytes; /* of a root that is filled up; 0: as it is */
	unsigned tries; /* of an installed version; 0: as the image has */
	bool retry; /* install even what was refused */
	bool next; /* the version is that of the run's --next image, not of a kind */
};

struct scenario {
	char *file; /* owned: as named in messages */
	char *name; /* owned: the file's name without .scn */
	char *title; /* owned; the name when the file gives none */
	bool needs_ssh, needs_watchdog;
	bool needs_next; /* a step installs it */
	bool starts_confirmed;
	bool records_writes;
	uint64_t memory_bytes, disk_bytes, cpus; /* 0: the lab's default */
	uint64_t second_bytes; /* 0: no second disk */
	uint32_t sector_bytes, second_sector_bytes; /* 0: the lab's default */
	const char *bus, *cache, *watchdog; /* NULL: the lab's default */
	char *rtc; /* owned; NULL: the host's time */
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
