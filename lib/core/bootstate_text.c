/*
 * Words and sentences for what the boot state says. The words are an interface
 * (slotctl --json, metrics): never change one.
 */
#include "lib/core/bootstate.h"

static const char *const status_names[BS_STATUS_COUNT] = {
	[BS_EMPTY] = "empty",
	[BS_WRITING] = "writing",
	[BS_READY] = "ready",
	[BS_BAD] = "bad",
};

static const char *const stage_names[BS_STAGE_COUNT] = {
	[BS_STAGE_NONE] = "none",
	[BS_STAGE_SELECTED] = "selected",
	[BS_STAGE_LOADED] = "loaded",
	[BS_STAGE_KERNEL] = "kernel",
	[BS_STAGE_VERITY] = "verity",
	[BS_STAGE_ROOT] = "root",
	[BS_STAGE_USERSPACE] = "userspace",
	[BS_STAGE_CONFIRMED] = "confirmed",
};

static const struct {
	const char *name;
	const char *text;
} reasons[BS_REASON_COUNT] = {
	[BS_REASON_NONE] = { "none", "nothing failed" },
	[BS_REASON_NO_VERDICT] = { "no-verdict",
		"it stopped without a word (reset, hang, panic or power cut)" },
	[BS_REASON_TRIES_EXHAUSTED] = { "tries-exhausted", "its tries were used up" },
	[BS_REASON_NO_PARTITION] = { "no-partition",
		"a partition of the slot is missing or too small" },
	[BS_REASON_UKI_READ] = { "uki-read", "the UKI could not be read" },
	[BS_REASON_UKI_SIZE] = { "uki-size", "the UKI does not fit its partition" },
	[BS_REASON_UKI_HASH] = { "uki-hash", "the UKI is damaged: its hash is wrong" },
	[BS_REASON_UKI_REFUSED] = { "uki-refused", "the firmware refused the UKI" },
	[BS_REASON_UKI_RETURNED] = { "uki-returned",
		"the UKI came back without starting a kernel" },
	[BS_REASON_MEMORY] = { "memory", "there was not enough memory" },
	[BS_REASON_BELOW_FLOOR] = { "below-floor", "it is older than the rollback floor" },
	[BS_REASON_CMDLINE] = { "cmdline", "its kernel command line lacks verity parameters" },
	[BS_REASON_MODULES] = { "modules", "a kernel module did not load" },
	[BS_REASON_NO_DEVICE] = { "no-device", "the disk did not appear" },
	[BS_REASON_SIGNATURE] = { "signature",
		"the signature of its root hash is missing or wrong" },
	[BS_REASON_VERITY] = { "verity", "its root failed verification" },
	[BS_REASON_ROOT_MOUNT] = { "root-mount", "its root could not be mounted" },
	[BS_REASON_STATE] = { "state", "the state partition could not be set up" },
	[BS_REASON_SWITCH_ROOT] = { "switch-root", "the switch to its root failed" },
	[BS_REASON_HEALTH] = { "health", "a health check failed" },
	[BS_REASON_HEALTH_TIMEOUT] = { "health-timeout",
		"the health checks did not finish in time" },
	[BS_REASON_OPERATOR] = { "operator", "an operator said so" },
	[BS_REASON_OTHER] = { "other", "for a reason this version does not know" },
	[BS_REASON_PANIC] = { "panic", "its kernel panicked" },
	[BS_REASON_WATCHDOG] = { "watchdog",
		"it hung, and the hardware watchdog reset the machine" },
	[BS_REASON_RELAPSE] = { "relapse",
		"it was confirmed, then stopped without a word soon after" },
	[BS_REASON_SHUT_DOWN] = { "shut-down", "it was shut down before it was confirmed" },
};

const char *bs_status_name(enum bs_status status)
{
	return (unsigned int)status < BS_STATUS_COUNT ? status_names[status] : "unknown";
}

const char *bs_stage_name(enum bs_stage stage)
{
	return (unsigned int)stage < BS_STAGE_COUNT ? stage_names[stage] : "unknown";
}

const char *bs_reason_name(enum bs_reason reason)
{
	return (unsigned int)reason < BS_REASON_COUNT ? reasons[reason].name : "unknown";
}

const char *bs_reason_text(enum bs_reason reason)
{
	return (unsigned int)reason < BS_REASON_COUNT ? reasons[reason].text : "unknown";
}

const char *bs_end_name(enum bs_end end)
{
	static const char *const names[BS_END_COUNT] = {
		[BS_END_UNKNOWN] = "unknown",
		[BS_END_SETTLED] = "settled",
		[BS_END_SHUT_DOWN] = "shut-down",
	};

	return (unsigned int)end < BS_END_COUNT ? names[end] : "unknown";
}

const char *bs_selector_status_name(enum bs_selector_status status)
{
	static const char *const names[BS_SELECTOR_STATUS_COUNT] = {
		[BS_SELECTOR_EMPTY] = "empty",
		[BS_SELECTOR_TRIAL] = "trial",
		[BS_SELECTOR_GOOD] = "good",
		[BS_SELECTOR_BAD] = "bad",
	};

	return (unsigned int)status < BS_SELECTOR_STATUS_COUNT ? names[status] : "unknown";
}

static const struct {
	const char *name, *text;
} selector_reasons[BS_SELECTOR_REASON_COUNT] = {
	[BS_SELECTOR_OK] = { "none", "nothing failed" },
	[BS_SELECTOR_NO_VERDICT] = { "no-verdict", "it hung or reset the machine" },
	[BS_SELECTOR_NOT_CONFIRMED] = { "not-confirmed",
		"the boots through it were not confirmed" },
	[BS_SELECTOR_READ] = { "read", "it cannot be read" },
	[BS_SELECTOR_HASH] = { "hash", "it is damaged: its hash is wrong" },
	[BS_SELECTOR_MEMORY] = { "memory", "there was not enough memory" },
	[BS_SELECTOR_REFUSED] = { "refused", "the firmware refused it" },
	[BS_SELECTOR_RETURNED] = { "returned", "it came back" },
	[BS_SELECTOR_OTHER] = { "other", "for a reason this version does not know" },
};

const char *bs_selector_reason_name(enum bs_selector_reason reason)
{
	return (unsigned int)reason < BS_SELECTOR_REASON_COUNT ? selector_reasons[reason].name :
								 "unknown";
}

const char *bs_selector_reason_text(enum bs_selector_reason reason)
{
	return (unsigned int)reason < BS_SELECTOR_REASON_COUNT ? selector_reasons[reason].text :
								 "unknown";
}

const char *bs_slot_name(unsigned int slot)
{
	return slot == 0 ? "a" : slot == 1 ? "b" : "none";
}

const char *bs_error_text(int error)
{
	if (error < 0)
		return error == DISK_READ_ONLY ? "the disk is read-only" : "input/output error";
	switch ((enum bs_error)error) {
	case BS_OK:
		return "no error";
	case BS_E_LOST:
		return "both copies of the boot state are unreadable";
	case BS_E_NEWER:
		return "the boot state was written by a newer kiln";
	case BS_E_READBACK:
		return "the boot state did not read back as written";
	case BS_E_MAGIC:
		return "no boot state here";
	case BS_E_SEAL:
		return "the boot state is damaged";
	case BS_E_FIELD:
		return "a value makes no sense";
	case BS_E_NO_SLOT:
		return "no slot can be started";
	case BS_E_SLOT:
		return "that is not the running slot";
	case BS_E_STATUS:
		return "the slot's status does not allow that";
	case BS_E_RUNNING:
		return "the running slot is never written";
	case BS_E_ONLY_GOOD:
		return "that would give up a slot that can boot for one not confirmed yet";
	case BS_E_REFUSED:
		return "this image failed here before and is refused";
	case BS_E_FLOOR:
		return "the image is older than the rollback floor";
	case BS_E_DIFFERENT:
		return "the slot holds another image";
	}
	return "unknown error";
}
