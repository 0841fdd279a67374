/* slotctl retry: try a version, or a newer selector, again although it failed here. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "install/selector_part.h"
#include "lib/base/err.h"
#include "update/commands.h"
#include "update/operator.h"

#define SELECTOR "selector"

struct options {
	bool reboot;
	const char *run_dir;
};

static const struct arg_option options[] = {
	{ "reboot", 0, ARG_FLAG, NULL, "and reboot", offsetof(struct options, reboot) },
	{ "run-dir", 0, ARG_STR, "DIR", "where early init left its notes (default: /run/kiln)",
	  offsetof(struct options, run_dir) },
	{ .name = NULL },
};

static int retry(struct device *dev, unsigned slot, struct err *err)
{
	const struct bs_slot *s = &dev->bs.slot[slot];
	int r = bs_retry(&dev->bs, slot);

	if (r)
		return operator_refused(dev, "retry", slot, r, err);
	if (device_store(dev, err))
		return EXIT_FAILED;
	printf("slot %s with %s %s is first in line again, with %u tries\n", bs_slot_name(slot),
	       s->image.name, s->image.version, s->tries_left);
	return EXIT_OK;
}

/* ---- selectors ---- */

/* The later one of those that failed; false: none did. */
static bool failed_selector(const struct bs *bs, unsigned *ret_area)
{
	bool found = false;

	for (unsigned i = 0; i < BS_SELECTORS; i++) {
		const struct bs_selector *s = &bs->selectors.area[i];

		if (s->status == BS_SELECTOR_EMPTY || bs_selector_holds(bs, i, &s->image))
			continue;
		if (!found || version_compare(s->image.version,
					      bs->selectors.area[*ret_area].image.version) > 0)
			*ret_area = i;
		found = true;
	}
	return found;
}

/* Is there anything but the rules against trying @area? */
static int check_selector(const struct device *dev, unsigned area, struct err *err)
{
	static uint8_t bytes[BS_SELECTOR_MAX_BYTES];
	const struct bs_selector_image *image = &dev->bs.selectors.area[area].image;
	const char *used;
	unsigned next;

	if (!selector_part_in_area(&dev->ops, area, image, bytes))
		return err_set(err, EXIT_REFUSED,
			       "no retry: selector %s is damaged where it lies; install a version "
			       "that brings it: slotctl install --retry",
			       image->version);
	if (!bs_selector_choose(&dev->bs, 0, &next))
		return 0;
	used = dev->bs.selectors.area[next].image.version;
	if (version_compare(used, image->version) <= 0)
		return 0;
	return err_set(err, EXIT_REFUSED, "no retry: selector %s is in use, and %s is older", used,
		       image->version);
}

static int retry_selector(struct device *dev, struct err *err)
{
	const struct bs_selector *s;
	unsigned area;
	int r;

	if (!failed_selector(&dev->bs, &area))
		return err_set(err, EXIT_REFUSED, "no retry: no newer selector failed here");
	s = &dev->bs.selectors.area[area];
	r = check_selector(dev, area, err);
	if (r)
		return r;
	r = bs_selector_retry(&dev->bs, area);
	if (r == BS_E_RUNNING)
		return err_set(err, EXIT_REFUSED,
			       "no retry: this boot was started through selector %s, and is not "
			       "confirmed yet",
			       s->image.version);
	if (r)
		return err_set(err, EXIT_REFUSED, "no retry: selector %s: %s", s->image.version,
			       bs_error_text(r));
	if (device_store(dev, err))
		return EXIT_FAILED;
	printf("selector %s is tried again at the next boot\n", s->image.version);
	return EXIT_OK;
}

/* ---- the verb ---- */

/* @what is NULL, a slot, or "selector"; @slot is it where it is a slot. */
static int retry_what(struct device *dev, const char *what, unsigned slot, struct err *err)
{
	if (what && strcmp(what, SELECTOR) == 0)
		return retry_selector(dev, err);
	if (!what && operator_other_slot(dev, &slot, err))
		return EXIT_FAILED;
	return retry(dev, slot, err);
}

static int run(const struct command *cmd, int argc, char **argv, struct err *err)
{
	static struct device dev;
	struct options opts = { 0 };
	int n = args_parse(cmd, argc, argv, &opts, err), r;
	const char *what = n > 0 ? argv[1] : NULL;
	unsigned slot = 0;

	if (n < 0 || operator_check_reboot(cmd->name, opts.reboot, opts.run_dir, err) ||
	    (what && strcmp(what, SELECTOR) != 0 && operator_slot(what, &slot, err)))
		return EXIT_USAGE;
	if (device_open(&dev, opts.run_dir, true, err))
		return EXIT_FAILED;
	r = retry_what(&dev, what, slot, err);
	device_done(&dev);
	return r ? r : operator_finish(opts.reboot, err);
}

const struct command cmd_retry = {
	.name = "retry",
	.synopsis = "[OPTION...] [a|b|selector]",
	.summary = "Try a version or selector again that failed here",
	.options = options,
	.max_args = 1,
	.run = run,
	.details = "The slot, by default the one that does not run, gets all its tries back and\n"
		   "is first in line; its image is no longer refused. \"selector\" is the newer\n"
		   "selector that failed: the next boot tries it.",
};
