/* slotctl status: what the slots hold, and how the last boots went. */
#include <inttypes.h>
#include <stdio.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/json.h"
#include "lib/core/bytes.h"
#include "update/commands.h"
#include "update/device.h"

struct options {
	bool json;
	const char *run_dir;
};

static const struct arg_option options[] = {
	{ "json", 0, ARG_FLAG, NULL, "machine-readable, stable", offsetof(struct options, json) },
	{ "run-dir", 0, ARG_STR, "DIR", "where early init left its notes (default: /run/kiln)",
	  offsetof(struct options, run_dir) },
	{ .name = NULL },
};

static const char *running_name(const struct device *dev)
{
	return dev->counted ? bs_slot_name(dev->running) : "unknown";
}

static void text_slot(const struct device *dev, unsigned i)
{
	const struct bs_slot *s = &dev->bs.slot[i];
	bool running = dev->counted && dev->running == i;

	printf("%s slot %s  %-8s", running ? "*" : " ", bs_slot_name(i), bs_status_name(s->status));
	if (s->status == BS_EMPTY) {
		putchar('\n');
		return;
	}
	printf(" %s %s  %s  priority %u", s->image.name, s->image.version,
	       s->good ? "good" : "not confirmed", s->priority);
	if (!s->good)
		printf("  %u of %u tries left", s->tries_left, s->tries_max);
	else if (s->unconfirmed)
		printf("  %u unconfirmed boots", s->unconfirmed);
	if (s->reason != BS_REASON_NONE)
		printf("  last failure: %s", bs_reason_text(s->reason));
	putchar('\n');
}

static void print_text(const struct device *dev)
{
	const struct bs *bs = &dev->bs;

	printf("disk %s, running slot %s%s\n", dev->disk_path, running_name(dev),
	       !dev->counted		  ? " (this boot was not counted)" :
	       bs_boot_confirmed(bs) ? ", confirmed" :
				       ", not confirmed yet");
	for (unsigned i = 0; i < BS_SLOTS; i++)
		text_slot(dev, i);
	if (bs->rebuilt)
		printf("  the boot state was lost and rebuilt from the slots\n");
	printf("boots, newest first:\n");
	for (unsigned i = 0; i < BS_RING_MAX && bs->ring[i].number; i++) {
		const struct bs_boot *b = &bs->ring[i];

		printf("  %6" PRIu64 "  slot %s  %s", b->number, bs_slot_name(b->slot),
		       bs_stage_name(b->stage));
		if (b->reason != BS_REASON_NONE)
			printf(": %s", bs_reason_text(b->reason));
		putchar('\n');
	}
}

static void json_slot(struct json *j, const struct bs_slot *s, unsigned i)
{
	char hex[2 * sizeof(s->image.root_hash) + 1];

	json_open(j, NULL, '{');
	json_str(j, "slot", bs_slot_name(i));
	json_str(j, "status", bs_status_name(s->status));
	if (s->status != BS_EMPTY) {
		bytes_to_hex(s->image.root_hash, 32, hex);
		json_str(j, "image", s->image.name);
		json_str(j, "version", s->image.version);
		json_str(j, "root_hash", hex);
		json_u64(j, "epoch", s->image.epoch);
		json_bool(j, "good", s->good);
		json_u64(j, "priority", s->priority);
		json_u64(j, "tries_left", s->tries_left);
		json_u64(j, "unconfirmed_boots", s->unconfirmed);
		json_str(j, "stage", bs_stage_name(s->stage));
		json_str(j, "reason", bs_reason_name(s->reason));
	}
	json_close(j);
}

static void print_json(const struct device *dev, struct buf *out)
{
	struct json j = JSON_INIT(out);

	json_open(&j, NULL, '{');
	json_str(&j, "disk", dev->disk_path);
	json_str(&j, "running", dev->counted ? bs_slot_name(dev->running) : NULL);
	json_bool(&j, "confirmed", dev->counted && bs_boot_confirmed(&dev->bs));
	json_u64(&j, "boots", dev->bs.boots);
	json_u64(&j, "rollback_floor", dev->bs.floor);
	json_bool(&j, "rebuilt", dev->bs.rebuilt);
	json_open(&j, "slots", '[');
	for (unsigned i = 0; i < BS_SLOTS; i++)
		json_slot(&j, &dev->bs.slot[i], i);
	json_close(&j);
	json_open(&j, "history", '[');
	for (unsigned i = 0; i < BS_RING_MAX && dev->bs.ring[i].number; i++) {
		json_open(&j, NULL, '{');
		json_u64(&j, "boot", dev->bs.ring[i].number);
		json_str(&j, "slot", bs_slot_name(dev->bs.ring[i].slot));
		json_str(&j, "stage", bs_stage_name(dev->bs.ring[i].stage));
		json_str(&j, "reason", bs_reason_name(dev->bs.ring[i].reason));
		json_close(&j);
	}
	json_close(&j);
	json_close(&j);
}

static int run(const struct command *cmd, int argc, char **argv, struct err *err)
{
	static struct device dev;
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct options opts = { 0 };

	if (args_parse(cmd, argc, argv, &opts, err) < 0)
		return EXIT_USAGE;
	if (device_open(&dev, opts.run_dir, false, err))
		return EXIT_FAILED;
	if (opts.json) {
		print_json(&dev, &out);
		puts(buf_ok(&out) ? out.data : "{}");
	} else {
		print_text(&dev);
	}
	device_done(&dev);
	return EXIT_OK;
}

const struct command cmd_status = {
	.name = "status",
	.synopsis = "[OPTION...]",
	.summary = "show the slots, their versions and tries, and the last boots",
	.options = options,
	.run = run,
};
