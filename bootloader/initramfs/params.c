#include "bootloader/initramfs/params.h"

#include <errno.h>
#include <stdlib.h>

#include "bootloader/initramfs/boot.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/core/bytes.h"
#include "lib/core/cmdline.h"

static int get(const char *line, size_t len, const char *key, char *ret, size_t size,
	       struct err *err)
{
	int r = cmdline_get(line, len, key, ret, size);

	if (r)
		return err_set(err, -EINVAL, "%s: %s", key, cmdline_error_text(r));
	return 0;
}

int params_parse(const char *line, size_t len, struct params *ret, struct err *err)
{
	struct params p = { 0 };
	int r;

	r = cmdline_check(line, len, "kiln.");
	if (r)
		return err_set(err, -EINVAL, "kernel command line: %s", cmdline_error_text(r));
	r = get(line, len, "kiln.image", p.image, sizeof(p.image), err);
	if (!r)
		r = get(line, len, "kiln.version", p.version, sizeof(p.version), err);
	if (r)
		return r;
	if (!version_valid(p.version, true) || !version_valid(p.image, true))
		return err_set(err, -EINVAL, "kiln.image or kiln.version has odd characters");
	r = verity_params_from_cmdline(line, len, &p.verity);
	if (r)
		return err_set(err, -EINVAL, "kiln.verity: %s", verity_error_text(r));
	bytes_to_hex(p.verity.root_hash, sizeof(p.verity.root_hash), p.roothash);
	*ret = p;
	return 0;
}

int step_cmdline(struct boot *b, struct err *err)
{
	_cleanup_free_ char *line = NULL;
	size_t len;
	int r;

	r = io_read_file("/proc/cmdline", CMDLINE_MAX, &line, &len, err);
	if (!r)
		r = params_parse(line, len, &b->params, err);
	b->has_params = !r;
	return r;
}
