/* `kiln inspect`: a disk, a bundle, or a published image's directory; in words or as JSON. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "builder/bundle/read.h"
#include "builder/commands.h"
#include "builder/disk/inspect.h"
#include "builder/inspect_bundle.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/json.h"
#include "lib/base/path.h"
#include "lib/core/watchdog.h"

struct inspect_options {
	bool json;
	const char *since;
};

static const struct arg_option options[] = {
	{ "json", 'j', ARG_FLAG, NULL, "print JSON", offsetof(struct inspect_options, json) },
	{ "since", 's', ARG_STR, "BUNDLE",
	  "of a bundle: what a machine that runs BUNDLE's version would fetch",
	  offsetof(struct inspect_options, since) },
	{ 0 },
};

static void hex32(const uint8_t bytes[32], char out[DIGEST_HEX_SIZE])
{
	digest_hex(bytes, 32, out);
}

static const char *type_name(const struct guid *type)
{
	static const struct {
		const struct guid *type;
		const char *name;
	} names[] = {
		{ &gpt_type_esp, "EFI system" },
		{ &gpt_type_kiln_state, "kiln boot state" },
		{ &gpt_type_kiln_boot, "kiln UKI" },
		{ &gpt_type_root_x64, "root x86-64" },
		{ &gpt_type_root_verity_x64, "root verity x86-64" },
		{ &gpt_type_root_sig_x64, "root verity signature x86-64" },
		{ &gpt_type_root_arm64, "root arm64" },
		{ &gpt_type_root_verity_arm64, "root verity arm64" },
		{ &gpt_type_root_sig_arm64, "root verity signature arm64" },
		{ &gpt_type_linux, "Linux" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (guid_equal(type, names[i].type))
			return names[i].name;
	return "unknown";
}

static void json_partitions(struct json *j, const struct gpt *gpt)
{
	json_open(j, "partitions", '[');
	for (unsigned i = 0; i < gpt->n_entries; i++) {
		char type[GUID_TEXT_SIZE], unique[GUID_TEXT_SIZE];
		struct gpt_partition p;

		if (gpt_partition_at(gpt, i, &p) != GPT_OK)
			continue;
		guid_format(&p.type, type);
		guid_format(&p.unique, unique);
		json_open(j, NULL, '{');
		json_u64(j, "number", i + 1);
		json_str(j, "name", p.name);
		json_u64(j, "offset_bytes", gpt_offset_bytes(gpt, &p));
		json_u64(j, "size_bytes", gpt_size_bytes(gpt, &p));
		json_str(j, "type", type);
		json_str(j, "guid", unique);
		json_close(j);
	}
	json_close(j);
}

static void json_verity(struct json *j, const struct verity_params *v)
{
	char root[DIGEST_HEX_SIZE], salt[2 * VERITY_SALT_MAX + 1];

	hex32(v->root_hash, root);
	digest_hex(v->salt, v->salt_bytes, salt);
	json_open(j, "verity", '{');
	json_str(j, "root_hash", root);
	json_u64(j, "data_blocks", v->data_blocks);
	json_u64(j, "hash_start_block", v->hash_start_block);
	json_str(j, "salt", salt);
	json_close(j);
}

static void json_watchdogs(struct json *j, unsigned set)
{
	json_open(j, "watchdogs", '[');
	for (unsigned kind = 0; kind < WATCHDOG_KINDS; kind++)
		if (set & 1u << kind)
			json_str(j, NULL, watchdog_name(kind));
	json_close(j);
}

static void json_state(struct json *j, const struct bs_slot *s)
{
	json_str(j, "status", bs_status_name(s->status));
	json_bool(j, "good", s->good);
	json_u64(j, "priority", s->priority);
	json_u64(j, "tries_left", s->tries_left);
	json_u64(j, "unconfirmed_boots", s->unconfirmed);
	json_str(j, "stage", bs_stage_name(s->stage));
	json_str(j, "reason", bs_reason_name(s->reason));
}

static void json_slot(struct json *j, const struct disk_facts *f, unsigned slot)
{
	const struct disk_slot_facts *s = &f->slot[slot];
	char hex[DIGEST_HEX_SIZE];

	json_open(j, NULL, '{');
	json_str(j, "slot", bs_slot_name(slot));
	if (f->bs_error == BS_OK)
		json_state(j, &f->bs.slot[slot]);
	if (s->has_descriptor) {
		json_str(j, "name", s->descriptor.name);
		json_str(j, "version", s->descriptor.version);
		json_u64(j, "epoch", s->descriptor.epoch);
		hex32(s->descriptor.root_hash, hex);
		json_str(j, "root_hash", hex);
		json_open(j, "uki", '{');
		json_u64(j, "bytes", s->descriptor.uki_bytes);
		hex32(s->descriptor.uki_sha256, hex);
		json_str(j, "sha256", hex);
		json_bool(j, "hash_right", s->uki_hash_right);
		json_str(j, "kernel", s->kernel);
		json_str(j, "cmdline", s->cmdline);
		json_watchdogs(j, s->watchdogs);
		json_close(j);
		if (s->has_verity)
			json_verity(j, &s->verity);
	}
	json_close(j);
}

static int print_json(const char *path, const struct disk_facts *f, struct err *err)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct json j = JSON_INIT(&out);
	char guid[GUID_TEXT_SIZE];

	guid_format(&f->gpt.disk, guid);
	json_open(&j, NULL, '{');
	json_str(&j, "disk", path);
	json_u64(&j, "bytes", f->bytes);
	json_str(&j, "guid", guid);
	json_partitions(&j, &f->gpt);
	json_open(&j, "boot_state", '{');
	json_bool(&j, "valid", f->bs_error == BS_OK);
	if (f->bs_error == BS_OK) {
		json_u64(&j, "sequence", f->bs.sequence);
		json_u64(&j, "boots", f->bs.boots);
		json_u64(&j, "floor", f->bs.floor);
		json_str(&j, "current", bs_slot_name(f->bs.current));
	}
	json_close(&j);
	json_open(&j, "slots", '[');
	for (unsigned i = 0; i < BS_SLOTS; i++)
		json_slot(&j, f, i);
	json_close(&j);
	json_close(&j);
	if (!buf_ok(&out))
		return err_oom(err);
	puts(out.data);
	return 0;
}

static void print_partitions(const struct gpt *gpt)
{
	printf("\n%4s  %-11s %12s %10s  %s\n", "part", "name", "offset", "size", "type");
	for (unsigned i = 0; i < gpt->n_entries; i++) {
		struct gpt_partition p;

		if (gpt_partition_at(gpt, i, &p) == GPT_OK)
			printf("%4u  %-11s %12" PRIu64 " %6" PRIu64 " MiB  %s\n", i + 1, p.name,
			       gpt_offset_bytes(gpt, &p), gpt_size_bytes(gpt, &p) >> 20,
			       type_name(&p.type));
	}
}

static void print_state(const struct bs_slot *s)
{
	printf("  state      %s, %s, priority %u", bs_status_name(s->status),
	       s->good ? "good" : "not yet good", s->priority);
	if (s->status == BS_READY && !s->good)
		printf(", %u of %u tries left", s->tries_left, s->tries_max);
	if (s->reason != BS_REASON_NONE)
		printf("; last boot: %s", bs_reason_text(s->reason));
	putchar('\n');
}

static void print_watchdogs(unsigned set)
{
	char names[WATCHDOG_TEXT_SIZE];

	watchdog_format(set, names);
	if (set)
		printf("  a hang     is reset and counted where there is a watchdog: %s\n", names);
	else
		printf("  a hang     of kernel or systemd waits for a person (no watchdog)\n");
}

static void print_slot(const struct disk_facts *f, unsigned slot)
{
	const struct disk_slot_facts *s = &f->slot[slot];
	char hex[DIGEST_HEX_SIZE];

	printf("\nslot %s\n", bs_slot_name(slot));
	if (f->bs_error == BS_OK && f->bs.slot[slot].status != BS_EMPTY)
		print_state(&f->bs.slot[slot]);
	if (!s->has_descriptor) {
		printf("  empty\n");
		return;
	}
	hex32(s->descriptor.root_hash, hex);
	printf("  image      %s %s\n", s->descriptor.name, s->descriptor.version);
	printf("  root hash  %s\n", hex);
	if (s->has_verity)
		printf("  root       %.1f MiB\n",
		       (double)s->verity.data_blocks * VERITY_BLOCK_BYTES / 1048576);
	hex32(s->descriptor.uki_sha256, hex);
	printf("  UKI        %.1f MiB, kernel %s, SHA-256 %s (%s)\n",
	       (double)s->descriptor.uki_bytes / 1048576, s->kernel ? s->kernel : "unknown", hex,
	       s->uki_hash_right ? "right" : "WRONG: the bytes are others");
	if (s->cmdline)
		printf("  cmdline    %s\n", s->cmdline);
	print_watchdogs(s->watchdogs);
}

static void print_text(const char *path, const struct disk_facts *f)
{
	char guid[GUID_TEXT_SIZE];

	guid_format(&f->gpt.disk, guid);
	printf("disk %s\n", path);
	printf("  size       %" PRIu64 " MiB, GUID %s%s\n", f->bytes >> 20, guid,
	       f->gpt.from_backup ? " (primary table damaged, read from the backup)" : "");
	if (f->bs_error == BS_OK)
		printf("  boot state %" PRIu64 " boots, last started slot %s\n", f->bs.boots,
		       bs_slot_name(f->bs.current));
	else
		printf("  boot state %s\n", bs_error_text(f->bs_error));
	print_partitions(&f->gpt);
	for (unsigned i = 0; i < BS_SLOTS; i++)
		print_slot(f, i);
}

static int run(const struct command *cmd, int argc, char **argv, struct err *err)
{
	struct inspect_options o = { 0 };
	_cleanup_free_ char *path = NULL;
	struct disk_facts *f = NULL;
	int r = args_parse(cmd, argc, argv, &o, err);

	if (r < 0)
		return EXIT_USAGE;
	if (bundle_file_is(argv[1]))
		return inspect_bundle(argv[1], o.since, o.json, err) ? EXIT_FAILED : EXIT_OK;
	if (o.since) {
		err_set(err, -EINVAL, "--since is about bundles, and %s is none", argv[1]);
		return EXIT_FAILED;
	}
	r = disk_find(argv[1], &path, err);
	if (r == 0)
		r = disk_inspect(path, &f, err);
	if (r < 0)
		return EXIT_FAILED;
	if (o.json)
		r = print_json(path, f, err);
	else
		print_text(path, f);
	disk_facts_free(f);
	return r < 0 ? EXIT_FAILED : EXIT_OK;
}

const struct command cmd_inspect = {
	.name = "inspect",
	.synopsis = "[--json] [--since BUNDLE] DISK|BUNDLE|DIR",
	.summary = "Show partitions, slots, versions and boot state of an image, or a bundle",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = run,
	.details = "Reads a disk, a disk image, a bundle, or the directory of a published image.\n"
		   "Nothing is verified but the hash of each UKI: see 'kiln verify'.",
};
