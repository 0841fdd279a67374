/* See install_selector.h. */
#include "update/install_selector.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "install/selector_part.h"
#include "lib/base/blk.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "update/install_job.h"

/* A file on a fresh FAT lies in one piece, which begins at a sector. */
#define ESP_STEP_BYTES 512u
#define ESP_WINDOW_BYTES (256u * 1024)

static const struct bundle_piece *piece_of(const struct install_job *job)
{
	return &job->front.manifest.part[BUNDLE_SELECTOR];
}

static bool is_it(const struct bundle_piece *want, const uint8_t *bytes)
{
	uint8_t sha256[DIGEST_BYTES];

	digest_bytes(bytes, (size_t)want->bytes, sha256);
	return !memcmp(sha256, want->sha256, sizeof(sha256));
}

/* ---- what the machine has ----------------------------------------------------------- */

static bool from_area(struct install_job *job, uint8_t *place)
{
	const struct bundle_piece *want = piece_of(job);

	for (unsigned area = 0; area < BS_SELECTORS; area++) {
		const struct bs_selector *s = &job->dev.bs.selectors.area[area];
		const struct disk_ops *ops = &job->dev.ops;

		if (s->image.bytes == want->bytes &&
		    !memcmp(s->image.sha256, want->sha256, sizeof(want->sha256)) &&
		    !ops->read(ops->ctx, BS_SELECTOR_OFFSET(area), place, (size_t)want->bytes) &&
		    is_it(want, place))
			return true;
	}
	return false;
}

static struct blk *open_esp(struct install_job *job)
{
	struct gpt_partition p;
	struct blk *esp;

	if (gpt_find_name(&job->gpt, GPT_NAME_ESP, &p) ||
	    blk_new_window(job->disk, gpt_offset_bytes(&job->gpt, &p),
			   gpt_size_bytes(&job->gpt, &p), &esp))
		return NULL;
	return esp;
}

/* Not found, for whatever reason, only means that it is fetched. */
static bool from_esp(struct install_job *job, uint8_t *place)
{
	const struct bundle_piece *want = piece_of(job);
	_cleanup_free_ uint8_t *window = malloc(ESP_WINDOW_BYTES);
	_cleanup_blk_ struct blk *esp = open_esp(job);

	for (uint64_t at = 0; window && esp && at < esp->size_bytes; at += ESP_WINDOW_BYTES) {
		uint64_t left = esp->size_bytes - at;
		size_t n = left < ESP_WINDOW_BYTES ? (size_t)left : ESP_WINDOW_BYTES;

		if (blk_read(esp, at, window, n))
			return false;
		for (size_t i = 0; i + ESP_STEP_BYTES <= n; i += ESP_STEP_BYTES)
			if (window[i] == 'M' && window[i + 1] == 'Z' &&
			    !blk_read(esp, at + i, place, (size_t)want->bytes) &&
			    is_it(want, place))
				return true;
	}
	return false;
}

int install_selector_open(struct install_job *job, struct err *err)
{
	const struct bundle_piece *want = piece_of(job);
	uint8_t *place;

	if (blk_new_memory(bundle_align(want->bytes), &job->target.part[BUNDLE_SELECTOR]))
		return err_oom(err);
	place = blk_memory(job->target.part[BUNDLE_SELECTOR]);
	/* What was looked at and is not it must not stay: behind a selector there are zeroes. */
	if (!from_area(job, place) && !from_esp(job, place))
		memset(place, 0, (size_t)want->bytes);
	return 0;
}

/* ---- into the boot-state partition ------------------------------------------------------ */

/* Is a later one than @version what the next boot would start? Of the ESP's nothing is known. */
static bool is_older(const struct bs *bs, const char *version)
{
	unsigned area;

	return bs_selector_choose(bs, 0, &area) &&
	       version_compare(version, bs->selectors.area[area].image.version) < 0;
}

int install_selector_put(struct install_job *job, struct err *err)
{
	_cleanup_blk_ struct blk *esp = open_esp(job);
	struct disk_ops esp_ops;
	struct selector_part part = {
		.data = blk_memory(job->target.part[BUNDLE_SELECTOR]),
		.len = (size_t)piece_of(job)->bytes,
		.allow_refused = job->wish->retry,
		.state = &job->dev.ops,
	};
	char version[VERSION_TEXT_SIZE];
	int r;

	job->selector = INSTALL_SELECTOR_NONE;
	if (!selector_part_version(part.data, part.len, version))
		return 0;
	job->selector = INSTALL_SELECTOR_OLDER;
	if (is_older(&job->dev.bs, version))
		return 0;
	if (esp) {
		esp_ops = blk_disk_ops(esp);
		part.esp = &esp_ops;
		part.esp_bytes = esp->size_bytes;
	}
	r = selector_part_install(&part, err);
	job->selector = r == SELECTOR_PART_OK	      ? INSTALL_SELECTOR_NEXT :
			r == SELECTOR_PART_SAME	      ? INSTALL_SELECTOR_SAME :
			r == SELECTOR_PART_E_REFUSED  ? INSTALL_SELECTOR_REFUSED :
							INSTALL_SELECTOR_NONE;
	if (r == SELECTOR_PART_E_STATE || r == SELECTOR_PART_E_READBACK)
		return -EIO;
	return r < 0 ? r : 0;
}

const char *install_selector_name(enum install_selector selector)
{
	static const char *const names[] = {
		[INSTALL_SELECTOR_SAME] = "same",	[INSTALL_SELECTOR_NEXT] = "next",
		[INSTALL_SELECTOR_OLDER] = "older",	[INSTALL_SELECTOR_REFUSED] = "refused",
		[INSTALL_SELECTOR_NONE] = "unusable",
	};

	return names[selector];
}
