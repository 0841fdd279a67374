/* See operator.h. */
#include "update/operator.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/args.h"
#include "lib/base/err.h"
#include "update/systemd.h"

int operator_slot(const char *text, unsigned *ret, struct err *err)
{
	if (strcmp(text, "a") != 0 && strcmp(text, "b") != 0)
		return err_set(err, -EINVAL, "'%s' is no slot: a or b", text);
	*ret = text[0] == 'b';
	return 0;
}

int operator_other_slot(const struct device *dev, unsigned *ret, struct err *err)
{
	if (!dev->counted)
		return err_set(err, -EINVAL,
			       "this boot was not counted in the boot state, so it is not known "
			       "which slot is the other one; reboot first");
	*ret = !dev->running;
	return 0;
}

/* The slot's status does not allow it: say which status, and the way on from there. */
static void explain_status(const struct device *dev, unsigned slot, struct err *err)
{
	const struct bs_slot *s = &dev->bs.slot[slot];
	const char *name = bs_slot_name(slot), *version = s->image.version;

	if (s->status == BS_EMPTY)
		err_append(err, "slot %s is empty; install a version first", name);
	else if (s->status == BS_WRITING)
		err_append(err,
			   "the install of %s to slot %s is not finished; finish it, or install "
			   "another version",
			   version, name);
	else if (s->status == BS_BAD)
		err_append(err,
			   "slot %s holds %s, which failed: %s; to try it again: "
			   "slotctl retry %s",
			   name, version, bs_reason_text(s->reason), name);
	else if (s->good)
		err_append(err,
			   "slot %s holds %s, which is good; to go back to it: slotctl rollback",
			   name, version);
	else if (s->tries_left)
		err_append(err,
			   "slot %s holds %s, which was never confirmed and has %u of %u tries "
			   "left; to start it: slotctl boot-once %s",
			   name, version, s->tries_left, s->tries_max, name);
	else
		err_append(err,
			   "slot %s holds %s, which was never confirmed and has no tries left; to "
			   "try it again: slotctl retry %s",
			   name, version, name);
}

int operator_refused(const struct device *dev, const char *verb, unsigned slot, int error,
		     struct err *err)
{
	const struct bs_slot *s = &dev->bs.slot[slot];
	const char *name = bs_slot_name(slot);

	err_set(err, 0, "no %s: ", verb);
	switch (error) {
	case BS_E_STATUS:
		explain_status(dev, slot, err);
		break;
	case BS_E_FLOOR:
		err_append(err,
			   "slot %s holds %s of epoch %" PRIu64 ", below the rollback floor "
			   "%" PRIu64 " of this machine; install a version that is not older",
			   name, s->image.version, s->image.epoch, dev->bs.floor);
		break;
	case BS_E_RUNNING:
		err_append(err, "slot %s was started last and is no failed trial", name);
		break;
	default:
		err_append(err, "slot %s: %s", name, bs_error_text(error));
	}
	return EXIT_REFUSED;
}

int operator_check_reboot(const char *verb, bool reboot, const char *run_dir, struct err *err)
{
	if (!reboot || !run_dir)
		return 0;
	return err_set(err, -EINVAL,
		       "%s: --reboot is for the running machine, --run-dir for another one", verb);
}

int operator_finish(bool reboot, struct err *err)
{
	fflush(stdout);
	if (reboot)
		return systemd_reboot(err) ? EXIT_FAILED : EXIT_OK;
	puts("It takes effect at the next boot: systemctl reboot");
	return EXIT_OK;
}
