/*
 * The rules of newer selectors: which one the selector on the ESP may start, and what
 * becomes of it.
 *
 * The invariant: no start of a newer selector is ever needed. Each is counted before it is
 * made, and when the counts end, or anything is in doubt, the answer is "none" and the
 * selector on the ESP boots by itself.
 */
#include "lib/core/bootstate.h"

#include "lib/core/bytes.h"
#include "lib/core/platform.h"

bool bs_selector_image_valid(const struct bs_selector_image *image)
{
	return image->bytes && image->bytes <= BS_SELECTOR_MAX_BYTES &&
	       version_field_valid(image->version, sizeof(image->version));
}

/* ---- the anchor ---- */

static bool startable(const struct bs_selector *s)
{
	if (s->status == BS_SELECTOR_TRIAL)
		return s->tries_left > 0;
	return s->status == BS_SELECTOR_GOOD && s->unconfirmed < BS_SELECTOR_UNCONFIRMED_MAX;
}

static void end_trial_without_tries(struct bs_selector *s)
{
	if (s->status == BS_SELECTOR_TRIAL && !s->tries_left)
		s->status = BS_SELECTOR_BAD;
}

bool bs_selector_to_blame(const struct bs *bs)
{
	return bs->selectors.through < BS_SELECTORS && bs->selectors.stage < BS_STAGE_SELECTED;
}

void bs_selector_close(struct bs *bs)
{
	struct bs_selectors *sel = &bs->selectors;
	struct bs_selector *s;

	if (sel->through >= BS_SELECTORS)
		return;
	s = &sel->area[sel->through];
	if (sel->stage < BS_STAGE_CONFIRMED && s->status != BS_SELECTOR_EMPTY)
		s->reason = sel->stage < BS_STAGE_KERNEL ? BS_SELECTOR_NO_VERDICT :
							   BS_SELECTOR_NOT_CONFIRMED;
	end_trial_without_tries(s);
	sel->through = BS_SELECTOR_NONE;
	sel->stage = BS_STAGE_NONE;
}

bool bs_selector_choose(const struct bs *bs, unsigned int failed_mask, unsigned int *ret_area)
{
	for (unsigned int i = 0; i < BS_SELECTORS; i++) {
		unsigned int area = (bs->selectors.first + i) % BS_SELECTORS;

		if (failed_mask & 1u << area || !startable(&bs->selectors.area[area]))
			continue;
		*ret_area = area;
		return true;
	}
	return false;
}

int bs_selector_count_start(struct bs *bs, unsigned int area)
{
	struct bs_selector *s;

	if (area >= BS_SELECTORS)
		return BS_E_SLOT;
	s = &bs->selectors.area[area];
	if (!startable(s))
		return BS_E_STATUS;
	if (s->status == BS_SELECTOR_TRIAL)
		s->tries_left--;
	if (s->unconfirmed < UINT8_MAX)
		s->unconfirmed++;
	s->reason = BS_SELECTOR_OK;
	bs->selectors.through = (uint8_t)area;
	bs->selectors.stage = BS_STAGE_NONE;
	return BS_OK;
}

int bs_selector_failed(struct bs *bs, unsigned int area, enum bs_selector_reason reason)
{
	struct bs_selector *s;

	if (area >= BS_SELECTORS || bs->selectors.area[area].status == BS_SELECTOR_EMPTY)
		return BS_E_SLOT;
	s = &bs->selectors.area[area];
	s->reason = reason;
	if (reason != BS_SELECTOR_READ && reason != BS_SELECTOR_MEMORY)
		s->status = BS_SELECTOR_BAD;
	end_trial_without_tries(s);
	bs->selectors.through = BS_SELECTOR_NONE;
	bs->selectors.stage = BS_STAGE_NONE;
	return BS_OK;
}

/* ---- the boot under way ---- */

/*
 * A selector that does not even count the start of a slot has not come up, whatever runs now:
 * then this boot was started without it, and could not be counted.
 */
void bs_selector_reached(struct bs *bs, enum bs_stage stage)
{
	struct bs_selectors *sel = &bs->selectors;

	if (sel->through >= BS_SELECTORS || stage <= sel->stage)
		return;
	if (stage == BS_STAGE_SELECTED || sel->stage >= BS_STAGE_SELECTED)
		sel->stage = stage;
}

void bs_selector_confirmed(struct bs *bs)
{
	struct bs_selectors *sel = &bs->selectors;
	unsigned int through = sel->stage >= BS_STAGE_SELECTED ? sel->through : BS_SELECTOR_NONE;

	for (unsigned int i = 0; i < BS_SELECTORS; i++) {
		struct bs_selector *s = &sel->area[i];

		if (i == through && s->status != BS_SELECTOR_EMPTY) {
			s->status = BS_SELECTOR_GOOD;
			s->tries_left = 0;
			s->unconfirmed = 0;
			s->reason = BS_SELECTOR_OK;
			sel->stage = BS_STAGE_CONFIRMED;
		} else if (s->status == BS_SELECTOR_GOOD &&
			   s->unconfirmed >= BS_SELECTOR_UNCONFIRMED_MAX) {
			/*
			 * It was left, perhaps for a fault that was not its own, such as bad
			 * images or power cuts: one more start, at the next boot.
			 */
			s->unconfirmed = BS_SELECTOR_UNCONFIRMED_MAX - 1;
		}
	}
}

/* ---- installing ---- */

static bool same_bytes(const struct bs_selector_image *a, const struct bs_selector_image *b)
{
	return a->bytes == b->bytes && !memcmp(a->sha256, b->sha256, sizeof(a->sha256));
}

bool bs_selector_holds(const struct bs *bs, unsigned int area,
		       const struct bs_selector_image *image)
{
	return area < BS_SELECTORS && startable(&bs->selectors.area[area]) &&
	       same_bytes(&bs->selectors.area[area].image, image);
}

/* How much would be lost with @s. */
static unsigned int worth(const struct bs_selector *s)
{
	if (s->status == BS_SELECTOR_GOOD)
		return startable(s) ? 3 : 2;
	return startable(s) ? 1 : 0;
}

/* Failures of the disk and of images are no fault of the bytes. */
static bool is_refused(const struct bs_selector *s, const struct bs_selector_image *image)
{
	if (s->status != BS_SELECTOR_BAD || !same_bytes(&s->image, image))
		return false;
	return s->reason == BS_SELECTOR_NO_VERDICT || s->reason == BS_SELECTOR_REFUSED ||
	       s->reason == BS_SELECTOR_RETURNED || s->reason == BS_SELECTOR_OTHER;
}

int bs_selector_install_begin(struct bs *bs, const struct bs_selector_image *image,
			      bool allow_refused, unsigned int *ret_area)
{
	struct bs_selectors *sel = &bs->selectors;
	unsigned int target = 1u - sel->first;

	if (!bs_selector_image_valid(image))
		return BS_E_FIELD;
	for (unsigned int i = 0; i < BS_SELECTORS; i++)
		if (!allow_refused && is_refused(&sel->area[i], image))
			return BS_E_REFUSED;
	if (worth(&sel->area[target]) > worth(&sel->area[sel->first]))
		target = sel->first;
	memset(&sel->area[target], 0, sizeof(sel->area[target]));
	if (sel->through == target) {
		sel->through = BS_SELECTOR_NONE;
		sel->stage = BS_STAGE_NONE;
	}
	*ret_area = target;
	return BS_OK;
}

int bs_selector_install_commit(struct bs *bs, unsigned int area,
			       const struct bs_selector_image *image)
{
	if (area >= BS_SELECTORS)
		return BS_E_SLOT;
	if (bs->selectors.area[area].status != BS_SELECTOR_EMPTY)
		return BS_E_STATUS;
	if (!bs_selector_image_valid(image))
		return BS_E_FIELD;
	bs->selectors.area[area] = (struct bs_selector){
		.status = BS_SELECTOR_TRIAL, .tries_left = BS_SELECTOR_TRIES, .image = *image,
	};
	bs->selectors.first = (uint8_t)area;
	return BS_OK;
}

int bs_selector_prefer(struct bs *bs, unsigned int area)
{
	if (area >= BS_SELECTORS)
		return BS_E_SLOT;
	if (!startable(&bs->selectors.area[area]))
		return BS_E_STATUS;
	bs->selectors.first = (uint8_t)area;
	return BS_OK;
}

int bs_selector_retry(struct bs *bs, unsigned int area)
{
	struct bs_selector *s;

	if (area >= BS_SELECTORS)
		return BS_E_SLOT;
	if (bs->selectors.through == area)
		return BS_E_RUNNING;
	s = &bs->selectors.area[area];
	if (s->status == BS_SELECTOR_EMPTY || startable(s))
		return BS_E_STATUS;
	/* What was confirmed once keeps that, so that no trial is preferred to it. */
	if (s->status != BS_SELECTOR_GOOD) {
		s->status = BS_SELECTOR_TRIAL;
		s->tries_left = BS_SELECTOR_TRIES;
	}
	s->unconfirmed = 0;
	s->reason = BS_SELECTOR_OK;
	bs->selectors.first = (uint8_t)area;
	return BS_OK;
}
