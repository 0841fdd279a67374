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

static const struct bundle_piece *piece_of(const struct install_job *job)
{
	return &job->front.manifest.part[BUNDLE_SELECTOR];
}

/* ---- what the machine has ----------------------------------------------------------- */

static bool from_area(struct install_job *job, uint8_t *place)
{
	const struct bundle_piece *want = piece_of(job);
	struct bs_selector_image image = { .bytes = (uint32_t)want->bytes };

	memcpy(image.sha256, want->sha256, sizeof(image.sha256));
	for (unsigned area = 0; area < BS_SELECTORS; area++)
		if (bs_selector_holds(&job->dev.bs, area, &image) &&
		    selector_part_in_area(&job->dev.ops, area, &image, place))
			return true;
	return false;
}

static bool from_esp(struct install_job *job, uint8_t *place)
{
	const struct bundle_piece *want = piece_of(job);
	_cleanup_blk_ struct blk *esp = NULL;
	const size_t len = (size_t)want->bytes;
	struct gpt_partition p;
	struct disk_ops ops;

	if (gpt_find_name(&job->gpt, GPT_NAME_ESP, &p) ||
	    blk_new_window(job->disk, gpt_offset_bytes(&job->gpt, &p),
			   gpt_size_bytes(&job->gpt, &p), &esp))
		return false;
	ops = blk_disk_ops(esp);
	return selector_part_on_esp(&ops, esp->size_bytes, len, want->sha256, place);
}

int install_selector_open(struct install_job *job, struct err *err)
{
	const struct bundle_piece *want = piece_of(job);
	uint8_t *place;

	if (blk_new_memory(bundle_align(want->bytes), &job->target.part[BUNDLE_SELECTOR]))
		return err_oom(err);
	place = blk_memory(job->target.part[BUNDLE_SELECTOR]);
	if (!from_area(job, place))
		job->selector_on_esp = from_esp(job, place);
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
	struct selector_part part = {
		.data = blk_memory(job->target.part[BUNDLE_SELECTOR]),
		.len = (size_t)piece_of(job)->bytes,
		.allow_refused = job->wish->retry,
		.state = &job->dev.ops,
		.on_esp = job->selector_on_esp,
	};
	char version[VERSION_TEXT_SIZE];
	int r;

	job->selector = INSTALL_SELECTOR_NONE;
	if (!selector_part_version(part.data, part.len, version))
		return 0;
	job->selector = INSTALL_SELECTOR_OLDER;
	if (is_older(&job->dev.bs, version))
		return 0;
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
