/*
 * The ways in which a version can misbehave, as data. Units and files are those
 * a careless maintainer would ship; nothing in kiln knows of them.
 */
#include <string.h>

#include "lib/base/cleanup.h"
#include "qemu/candidate.h"
#include "qemu/rootedit.h"

#define HEALTH "usr/lib/kiln/health.conf"
#define UNIT "usr/lib/systemd/system/lab-fault.service"
#define WANTED "usr/lib/systemd/system/multi-user.target.wants/lab-fault.service"
#define SCRIPT "usr/lib/kiln/lab-fault"

/* The deadlines are short: the machine shall not take longer over it than the proof needs. */
#define REQUIRED "TIMEOUT_S=60\nSOAK_S=3\nUNIT=lab-fault.service\n"
#define WATCHED "TIMEOUT_S=180\nSOAK_S=45\nUNIT=lab-fault.service\n"

#define EDIT_WANTED { .path = WANTED, .link = "../lab-fault.service" }

static const struct root_edit unit_fails[] = {
	{ .path = HEALTH, .content = REQUIRED },
	{ .path = UNIT, .content = "[Service]\nType=oneshot\nExecStart=/bin/false\n" },
	EDIT_WANTED,
};

static const struct root_edit unit_hangs[] = {
	{ .path = HEALTH, .content = "TIMEOUT_S=30\nSOAK_S=3\nUNIT=lab-fault.service\n" },
	{ .path = UNIT, .content = "[Service]\nType=oneshot\nTimeoutStartSec=infinity\n"
				   "ExecStart=/bin/sleep infinity\n" },
	EDIT_WANTED,
};

static const struct root_edit unit_crashes[] = {
	{ .path = HEALTH, .content = WATCHED },
	{ .path = UNIT, .content = "[Service]\nExecStart=/bin/sh -c 'sleep 30; kill -SEGV $$'\n" },
	EDIT_WANTED,
};

static const struct root_edit panics_in_boot[] = {
	{ .path = UNIT, .content = "[Service]\nType=oneshot\nExecStart=/usr/lib/kiln/lab-fault\n" },
	{ .path = SCRIPT, .content = "#!/bin/sh\necho c >/proc/sysrq-trigger\n", .mode = 0755 },
	EDIT_WANTED,
};

static const struct root_edit memory_eaten[] = {
	{ .path = UNIT, .content = "[Service]\nType=oneshot\nExecStart=/usr/lib/kiln/lab-fault\n" },
	{ .path = SCRIPT, .mode = 0755,
	  .content = "#!/bin/sh\n"
		     "echo 2 >/proc/sys/vm/panic_on_oom\n"
		     "echo 1 >/proc/sys/vm/overcommit_memory\n"
		     "exec dd if=/dev/zero of=/dev/null bs=1T count=1 iflag=fullblock\n" },
	EDIT_WANTED,
};

static const struct root_edit panics_later[] = {
	{ .path = UNIT, .content = "[Service]\nExecStart=/usr/lib/kiln/lab-fault\n" },
	{ .path = SCRIPT, .mode = 0755,
	  .content = "#!/bin/sh\n"
		     "until slotctl status --json | grep -q '\"confirmed\": *true'; do\n"
		     "	sleep 1\n"
		     "done\n"
		     "sleep 2\n"
		     "echo c >/proc/sysrq-trigger\n" },
	EDIT_WANTED,
};

static const struct root_edit init_missing[] = { { .path = "usr/sbin/init" } };

#define EDITS(e) .edits = (e), .n_edits = ARRAY_SIZE(e)

static const struct candidate_kind kinds[] = {
	{ .name = "healthy" },
	/* With nothing to run as init the kernel panics, as it does for a broken one. */
	{ .name = "kernel-panics", .cmdline = "rdinit=/none init=/none" },
	{ .name = "memory-short", .cmdline = "mem=64M" },
	{ .name = "kernel-hangs", .hangs = true },
	{ .name = "init-exits", .init_exits = true },
	{ .name = "module-missing", .module = "/lib/modules/none/none.ko" },
	{ .name = "other-key", .other_key = true },
	{ .name = "init-missing", EDITS(init_missing) },
	{ .name = "unit-fails", EDITS(unit_fails) },
	{ .name = "unit-hangs", EDITS(unit_hangs) },
	{ .name = "unit-crashes", EDITS(unit_crashes) },
	{ .name = "panics-in-boot", EDITS(panics_in_boot) },
	{ .name = "memory-eaten", EDITS(memory_eaten) },
	{ .name = "panics-later", EDITS(panics_later) },
};

const struct candidate_kind *candidate_kind(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	return NULL;
}

const char *const *candidate_kind_names(void)
{
	static const char *names[ARRAY_SIZE(kinds) + 1];

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		names[i] = kinds[i].name;
	return names;
}
