/* See provision_text.h. */
#include "install/provision_text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/args.h"
#include "lib/base/buf.h"
#include "lib/base/digest.h"
#include "lib/base/json.h"

/* "931.5 GiB": binary units with one digit, as lsblk(8) has them. */
static void add_size(struct buf *out, uint64_t bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
	double size = (double)bytes / 1024;
	unsigned unit = 0;

	for (; size >= 1024 && unit < 3; unit++)
		size /= 1024;
	buf_addf(out, "%.1f %s", size, units[unit]);
}

static void add_target(const struct provision_story *s, struct buf *out)
{
	const struct target *t = s->target;

	buf_addf(out, "%s: ", t->path);
	if (!t->exists)
		buf_adds(out, "a new file, ");
	add_size(out, t->size_bytes);
	buf_addf(out, ", sectors of %u bytes%s%s\n", t->sector_bytes, *t->model ? ", " : "",
		 t->model);
}

void provision_announce(const struct provision_story *s, struct buf *out)
{
	const struct slotdesc *image = &s->source->image;
	char hex[DIGEST_HEX_SIZE];

	digest_hex(image->root_hash, sizeof(image->root_hash), hex);
	buf_addf(out, "%s %s from %s, root hash %.16s%s, goes to\n", image->name, image->version,
		 s->from, hex, s->is_signed ? ", signed" : "");
	add_target(s, out);
	if (s->target->contents.len)
		buf_addf(out, "It holds\n%s", s->target->contents.data);
	else if (s->target->exists)
		buf_adds(out, "It holds nothing that is known here.\n");
	if (s->discard)
		buf_adds(out, "Every block of it is discarded first.\n");
}

static void add_pace(const char *verb, uint64_t bytes, uint64_t ms, struct buf *out)
{
	buf_addf(out, "  %s ", verb);
	add_size(out, bytes);
	buf_addf(out, " in %" PRIu64 ".%" PRIu64 " s", ms / 1000, ms % 1000 / 100);
}

void provision_summary(const struct provision_story *s, struct buf *out)
{
	const struct slotdesc *image = &s->source->image;
	const struct provision_report *r = s->report;
	char hex[DIGEST_HEX_SIZE];

	digest_hex(image->root_hash, sizeof(image->root_hash), hex);
	buf_addf(out, "%s %s is in slot a of %s\n", image->name, image->version, s->target->path);
	add_pace("wrote", r->written_bytes, r->write_ms, out);
	buf_adds(out, ", ");
	add_size(out, r->zeroed_bytes);
	buf_adds(out, " of them zeroes\n");
	add_pace("read back", r->written_bytes, r->check_ms, out);
	buf_addf(out, ": it is root hash %.16s, and all the rest is as it was meant\n", hex);
	buf_adds(out, "  slot b is empty; the first boot formats the state partition\n");
}

/* The lines of what was found, as members of an array. */
static void json_lines(struct json *j, const char *key, const struct buf *text)
{
	const char *line = text->len ? text->data : "";

	json_open(j, key, '[');
	while (*line) {
		size_t len = strcspn(line, "\n"), skip = strspn(line, " ");
		char *copy = str_printf("%.*s", (int)(len - skip), line + skip);

		if (!copy)
			j->out->oom = true;
		else
			json_str(j, NULL, copy);
		free(copy);
		line += len + (line[len] == '\n');
	}
	json_close(j);
}

void provision_json(const struct provision_story *s, struct buf *out)
{
	const struct slotdesc *image = &s->source->image;
	struct json j = JSON_INIT(out);
	char hex[DIGEST_HEX_SIZE];

	digest_hex(image->root_hash, sizeof(image->root_hash), hex);
	j.compact = true;
	json_open(&j, NULL, '{');
	json_str(&j, "result", s->report ? "installed" : "planned");
	json_str(&j, "target", s->target->path);
	json_u64(&j, "target_bytes", s->target->size_bytes);
	json_u64(&j, "sector_bytes", s->target->sector_bytes);
	json_str(&j, "model", *s->target->model ? s->target->model : NULL);
	json_lines(&j, "holds", &s->target->contents);
	json_str(&j, "name", image->name);
	json_str(&j, "version", image->version);
	json_str(&j, "root_hash", hex);
	json_bool(&j, "signed", s->is_signed);
	json_u64(&j, "copy_bytes", s->plan->copy_bytes);
	json_u64(&j, "state_bytes", s->plan->state_bytes);
	json_bool(&j, "done", s->report != NULL);
	if (s->report) {
		json_bool(&j, "discarded", s->report->discarded);
		json_u64(&j, "zeroed_bytes", s->report->zeroed_bytes);
		json_u64(&j, "write_ms", s->report->write_ms);
		json_u64(&j, "check_ms", s->report->check_ms);
	}
	json_close(&j);
	buf_addc(out, '\n');
}

void provision_json_failed(int status, const char *reason, const char *message, struct buf *out)
{
	struct json j = JSON_INIT(out);

	j.compact = true;
	json_open(&j, NULL, '{');
	json_str(&j, "result", status == EXIT_REFUSED ? "refused" : "failed");
	json_str(&j, "reason", reason);
	json_str(&j, "message", message);
	json_close(&j);
	buf_addc(out, '\n');
}
