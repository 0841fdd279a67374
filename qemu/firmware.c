/* See firmware.h. */
#include "qemu/firmware.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/path.h"

static const char *const places[] = {
	"/usr/share/OVMF/OVMF_CODE_4M.fd", /* Debian 12 and later */
	"/usr/share/OVMF/OVMF_CODE.fd", /* Debian 11, Fedora */
	"/usr/share/edk2/x64/OVMF_CODE.4m.fd", /* Arch */
	"/usr/share/edk2/ovmf/OVMF_CODE.fd",
	"/usr/share/qemu/ovmf-x86_64-code.bin", /* openSUSE */
	NULL,
};

/* @name with the first @from replaced by @to; NULL when it has none or memory is out. */
static char *swapped(const char *name, const char *from, const char *to)
{
	const char *hit = strstr(name, from);

	if (!hit)
		return NULL;
	return str_printf("%.*s%s%s", (int)(hit - name), name, to, hit + strlen(from));
}

static char *existing(char *path)
{
	if (path && access(path, R_OK) == 0)
		return path;
	free(path);
	return NULL;
}

/*
 * OVMF_CODE_4M.secboot.fd has no store of its own name: the plain OVMF_VARS_4M.fd belongs to it.
 */
static char *vars_beside(const char *code)
{
	static const char *const flavours[] = { ".secboot.strictnx", ".secboot", NULL };
	const char *base = path_base(code);
	_cleanup_free_ char *dir = strndup(code, (size_t)(base - code)), *name = NULL;
	char *hit;

	name = swapped(base, "CODE", "VARS");
	if (!name)
		name = swapped(base, "code", "vars");
	if (!dir || !name)
		return NULL;
	hit = existing(str_printf("%s%s", dir, name));
	for (int i = 0; !hit && flavours[i]; i++) {
		_cleanup_free_ char *plain = swapped(name, flavours[i], "");

		if (plain)
			hit = existing(str_printf("%s%s", dir, plain));
	}
	return hit;
}

int firmware_find(const char *path, struct firmware *ret, struct err *err)
{
	struct firmware f = { 0 };

	if (!path)
		path = getenv("KILN_OVMF");
	for (int i = 0; !path && places[i]; i++)
		if (access(places[i], R_OK) == 0)
			path = places[i];
	if (!path)
		return err_set(err, -ENOENT,
			       "no UEFI firmware found\n"
			       "Install it (Debian: apt-get install ovmf), or name its code "
			       "file with --firmware=PATH or KILN_OVMF.");
	if (access(path, R_OK) < 0)
		return err_errno(err, -errno, "cannot read the firmware %s", path);
	f.vars = vars_beside(path);
	if (!f.vars)
		return err_set(err, -ENOENT,
			       "%s: no variable store beside it\n"
			       "Name the file with CODE in its name; the same name with VARS "
			       "must exist.",
			       path);
	f.code = realpath(path, NULL);
	f.smm = strstr(path_base(path), "secboot") != NULL;
	if (!f.code) {
		firmware_done(&f);
		return err_errno(err, -errno, "%s", path);
	}
	*ret = f;
	return 0;
}

void firmware_done(struct firmware *f)
{
	free(f->code);
	free(f->vars);
	*f = (struct firmware){ 0 };
}
