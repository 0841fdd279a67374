/* See crash_slots.h. */
#include "qemu/crash_slots.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "qemu/image.h"
#include "qemu/slotread.h"
#include "verity/tree.h"

static void find_parts(struct crash_slots *s)
{
	for (unsigned slot = 0; slot < BS_SLOTS; slot++) {
		const char *const names[CRASH_SLOT_PARTS] = {
			gpt_name_boot[slot], gpt_name_root[slot], gpt_name_verity[slot],
			gpt_name_sig[slot],
		};

		for (unsigned i = 0; i < CRASH_SLOT_PARTS; i++) {
			const struct gpt *gpt = &s->shadow->gpt;
			struct gpt_partition p;

			if (gpt_find_name(gpt, names[i], &p))
				continue;
			s->part[slot][i].start = gpt_offset_bytes(gpt, &p);
			s->part[slot][i].end = s->part[slot][i].start + gpt_size_bytes(gpt, &p);
		}
	}
}

int crash_slots_open(struct crash_slots *s, const char *base, const char *path, struct err *err)
{
	int r;

	*s = (struct crash_slots){ .path = strdup(path) };
	if (!s->path)
		return err_oom(err);
	r = image_copy(base, path, 0, err);
	if (r < 0)
		return r;
	s->shadow = offdisk_open(path, true, err);
	if (!s->shadow)
		return -EINVAL;
	find_parts(s);
	return 0;
}

unsigned crash_slots_hit(const struct crash_slots *s, const struct writelog_entry *e)
{
	for (unsigned slot = 0; slot < BS_SLOTS; slot++)
		for (unsigned i = 0; i < CRASH_SLOT_PARTS; i++)
			if (e->offset_bytes < s->part[slot][i].end &&
			    e->offset_bytes + e->len > s->part[slot][i].start)
				return slot;
	return BS_SLOT_NONE;
}

int crash_slots_flush(struct crash_slots *s, const struct writelog *log, size_t end,
		      struct err *err)
{
	int r = 0;

	for (; r == 0 && s->durable < end; s->durable++) {
		const struct writelog_entry *e = &log->entry[s->durable];

		if (e->kind == WRITELOG_WRITE && crash_slots_hit(s, e) != BS_SLOT_NONE)
			r = writelog_replay(log, e, e->len, s->shadow->blk);
	}
	return r < 0 ? err_errno(err, r, "cannot replay the write log") : 0;
}

/* Root and tree against the root hash that the UKI has on its command line. */
static bool root_is_whole(const struct crash_slots *s, unsigned slot, const struct slot_content *c)
{
	const struct verity_params *v = &c->verity;
	const struct verity_options opts = {
		.data_start_bytes = s->part[slot][1].start,
		.hash_start_bytes = s->part[slot][2].start,
	};
	_cleanup_close_ int fd = -1;

	if (!s->part[slot][1].end || !s->part[slot][2].end)
		return true;
	fd = open(s->path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && !verity_tree_check(fd, v->data_blocks * VERITY_BLOCK_BYTES, fd, v->salt,
					     v->salt_bytes, v->root_hash, &opts, NULL);
}

bool crash_slots_whole(const struct crash_slots *s, unsigned slot, const struct slotdesc *image)
{
	_cleanup_slot_content_ struct slot_content c = SLOT_CONTENT_NONE;
	uint8_t digest[DIGEST_BYTES];

	if (slot_content_read(s->shadow, slot, &c, NULL) < 0 ||
	    c.image.uki_bytes != image->uki_bytes ||
	    memcmp(c.image.uki_sha256, image->uki_sha256, sizeof(digest)))
		return false;
	digest_bytes(c.uki, (size_t)c.image.uki_bytes, digest);
	return !memcmp(digest, image->uki_sha256, sizeof(digest)) && root_is_whole(s, slot, &c);
}

void crash_slots_done(struct crash_slots *s)
{
	offdisk_free(s->shadow);
	if (s->path)
		(void)unlink(s->path);
	free(s->path);
}
