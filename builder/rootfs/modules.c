/* See modules.h. */
#include "builder/rootfs/modules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builder/rootfs/rootfs.h"
#include "builder/rootfs/tree.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/path.h"
#include "lib/core/watchdog.h"

#define INDEX_MAX_BYTES (64u << 20)
#define NAME_MAX_BYTES 128
#define DEPTH_MAX 64

int modules_list_add(struct recipe_strv *v, const char *s)
{
	char **item = realloc(v->item, (v->n + 1) * sizeof(*item));

	if (!item)
		return -ENOMEM;
	v->item = item;
	item[v->n] = strdup(s);
	return item[v->n] ? (v->n++, 0) : -ENOMEM;
}

void rootfs_strv_done(struct recipe_strv *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->item[i]);
	free(v->item);
	*v = (struct recipe_strv){ 0 };
}

/* "dm_verity" of "kernel/drivers/md/dm-verity.ko.xz", @len bytes long; false when too long. */
static bool module_name(const char *path, size_t len, char name[NAME_MAX_BYTES])
{
	size_t from = len, n;

	while (from && path[from - 1] != '/')
		from--;
	n = len - from;
	for (size_t i = 0; i + 3 <= n; i++)
		if (!strncmp(path + from + i, ".ko", 3)) {
			n = i;
			break;
		}
	if (n >= NAME_MAX_BYTES)
		return false;
	for (size_t i = 0; i < n; i++)
		name[i] = path[from + i] == '-' ? '_' : path[from + i];
	name[n] = '\0';
	return true;
}

static int read_index(struct tree *t, const char *version, const char *file, bool required,
		      char **ret, struct err *err)
{
	char path[512];
	int r;

	snprintf(path, sizeof(path), "usr/lib/modules/%s/%s", version, file);
	r = tree_read(t, path, INDEX_MAX_BYTES, ret, NULL);
	if (r == -ENOENT && !required) {
		*ret = strdup("");
		return *ret ? 0 : err_oom(err);
	}
	return r < 0 ? err_errno(err, r, "cannot read /%s", path) : 0;
}

/* One line of modules.dep: "PATH: NEEDS...". */
static int add_module(struct modules *m, char *line, struct err *err)
{
	char name[NAME_MAX_BYTES], *colon = strchr(line, ':');
	struct module *item;

	if (!colon || !module_name(line, (size_t)(colon - line), name))
		return err_set(err, -EBADMSG, "modules.dep has a broken line '%.80s'", line);
	if (m->n == MODULES_MAX)
		return err_set(err, -E2BIG, "more than %u modules", MODULES_MAX);
	*colon = '\0';
	item = realloc(m->item, (m->n + 1) * sizeof(*item));
	if (!item)
		return err_oom(err);
	m->item = item;
	item = &m->item[m->n++];
	*item = (struct module){ strdup(name), strdup(line), strdup(colon + 1), false };
	return item->name && item->path && item->needs ? 0 : err_oom(err);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct module *)a)->name, ((const struct module *)b)->name);
}

int modules_read(struct tree *t, const char *version, struct modules *ret, struct err *err)
{
	_cleanup_free_ char *dep = NULL;
	struct modules m = { 0 };
	char *save = NULL;
	int r = read_index(t, version, "modules.dep", true, &dep, err);

	if (r == 0)
		r = read_index(t, version, "modules.builtin", false, &m.builtin, err);
	if (r == 0)
		r = read_index(t, version, "modules.softdep", false, &m.softdep, err);
	if (r == 0)
		r = read_index(t, version, "modules.alias", false, &m.alias, err);
	if (r == 0)
		for (char *line = strtok_r(dep, "\n", &save); r == 0 && line;
		     line = strtok_r(NULL, "\n", &save))
			r = add_module(&m, line, err);
	if (r < 0) {
		modules_done(&m);
		return r;
	}
	if (m.n)
		qsort(m.item, m.n, sizeof(*m.item), by_name);
	*ret = m;
	return 0;
}

void modules_done(struct modules *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->item[i].name);
		free(m->item[i].path);
		free(m->item[i].needs);
	}
	free(m->item);
	free(m->builtin);
	free(m->softdep);
	free(m->alias);
	*m = (struct modules){ 0 };
}

struct module *modules_find(const struct modules *m, const char *name)
{
	char plain[NAME_MAX_BYTES];
	struct module key = { .name = plain };

	if (!m->n || !module_name(name, strlen(name), plain))
		return NULL;
	return bsearch(&key, m->item, m->n, sizeof(key), by_name);
}

bool modules_builtin(const struct modules *m, const char *name)
{
	char plain[NAME_MAX_BYTES], have[NAME_MAX_BYTES];

	if (!module_name(name, strlen(name), plain))
		return false;
	for (const char *line = m->builtin; *line;) {
		size_t n = strcspn(line, "\n");

		if (module_name(line, n, have) && !strcmp(have, plain))
			return true;
		line += n + (line[n] == '\n');
	}
	return false;
}

struct order {
	const struct modules *m;
	struct recipe_strv *out;
	int depth;
};

static int place(struct order *o, const struct module *mod);

/* A soft dependency names a module or an alias; what is neither is built in or absent. */
static int place_soft(struct order *o, const char *name)
{
	struct module *mod = modules_find(o->m, name);
	char want[NAME_MAX_BYTES + 16];
	const char *at = o->m->alias;
	int r = 0;

	if (mod)
		return place(o, mod);
	snprintf(want, sizeof(want), "alias %s ", name);
	while (r == 0 && (at = strstr(at, want))) {
		char target[NAME_MAX_BYTES];
		size_t n = strcspn(at + strlen(want), "\n");

		if ((at == o->m->alias || at[-1] == '\n') && n < sizeof(target)) {
			memcpy(target, at + strlen(want), n);
			target[n] = '\0';
			mod = modules_find(o->m, target);
			r = mod ? place(o, mod) : 0;
		}
		at += strlen(want);
	}
	return r;
}

/* "softdep NAME pre: A B post: C": only what must come before. */
static int place_softdeps(struct order *o, const struct module *mod)
{
	char want[NAME_MAX_BYTES + 16];
	const char *at = o->m->softdep;
	int r = 0;

	snprintf(want, sizeof(want), "softdep %s pre:", mod->name);
	while (r == 0 && (at = strstr(at, want))) {
		_cleanup_free_ char *list = NULL;
		char *save = NULL;

		at += strlen(want);
		list = strndup(at, strcspn(at, "\n"));
		if (!list)
			return -ENOMEM;
		for (char *w = strtok_r(list, " ", &save); r == 0 && w && strcmp(w, "post:");
		     w = strtok_r(NULL, " ", &save))
			r = place_soft(o, w);
	}
	return r;
}

static int place(struct order *o, const struct module *mod)
{
	_cleanup_free_ char *needs = NULL;
	char *save = NULL;
	int r = 0;

	for (size_t i = 0; i < o->out->n; i++)
		if (!strcmp(o->out->item[i], mod->path))
			return 0;
	if (o->depth >= DEPTH_MAX)
		return -ELOOP;
	needs = strdup(mod->needs);
	if (!needs)
		return -ENOMEM;
	o->depth++;
	r = place_softdeps(o, mod);
	for (char *w = strtok_r(needs, " ", &save); r == 0 && w; w = strtok_r(NULL, " ", &save)) {
		struct module *dep = modules_find(o->m, w);

		if (dep && dep != mod)
			r = place(o, dep);
	}
	o->depth--;
	return r < 0 ? r : modules_list_add(o->out, mod->path);
}

int modules_load_order(const struct modules *m, const struct module *mod, struct recipe_strv *out)
{
	struct order o = { .m = m, .out = out };

	return place(&o, mod);
}

/* ---- what early init loads ---------------------------------------------------------- */

/* Of these, whatever the kernel has as a module; the rest is built in or not for it. */
static const struct {
	const char *group;
	const char *names[12];
} groups[] = {
	{ "virtio", { "virtio_pci", "virtio_mmio", "virtio_blk", "virtio_scsi", "sd_mod" } },
	{ "nvme", { "nvme" } },
	{ "ahci", { "ahci", "ata_piix", "sd_mod" } },
	{ "usb",
	  { "xhci_pci", "ehci_pci", "ohci_pci", "uhci_hcd", "usb_storage", "uas", "sd_mod" } },
	{ "scsi",
	  { "sd_mod", "virtio_scsi", "vmw_pvscsi", "hv_storvsc", "mptspi", "mptsas", "mpt3sas",
	    "megaraid_sas" } },
	/* The timers of Intel and AMD chipsets, and what finds them; one described by ACPI. */
	{ "watchdog",
	  { "i6300esb", "lpc_ich", "i2c_i801", "iTCO_wdt", "sp5100_tco", "wdat_wdt" } },
};

/* What a watchdog that the selector arms needs, all of it, to be fed. */
static const struct {
	enum watchdog_kind kind;
	const char *names[3];
} watchdog_drivers[] = {
	{ WATCHDOG_I6300ESB, { "i6300esb" } },
	{ WATCHDOG_ITCO, { "iTCO_wdt", "lpc_ich" } },
};

_Static_assert(ARRAY_SIZE(watchdog_drivers) == WATCHDOG_KINDS, "each watchdog has drivers");

static const char *const always[] = {
	"crc32c_intel", "crc32c_generic", "libcrc32c", "sha256_ssse3", "sha256_generic", "dm_mod",
	"dm_verity",	"squashfs",	  "overlay",   "ext4",	       "efivarfs",
};

static int add_optional(const struct modules *m, const char *name, struct recipe_strv *out)
{
	const struct module *mod = modules_find(m, name);

	return mod ? modules_load_order(m, mod, out) : 0;
}

static int add_group(const struct modules *m, const char *name, struct recipe_strv *out,
		     struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		if (strcmp(groups[i].group, name))
			continue;
		for (const char *const *p = groups[i].names; r == 0 && *p; p++)
			r = add_optional(m, *p, out);
		return r;
	}
	if (!modules_find(m, name) && !modules_builtin(m, name))
		return err_set(err, -ENOENT,
			       "kernel.initrd: '%s' is neither a group (virtio, nvme, ahci, usb, "
			       "scsi, watchdog) nor a module of this kernel",
			       name);
	return add_optional(m, name, out);
}

int rootfs_initrd_modules(const char *tree, const char *kernel_version,
			  const struct recipe_strv *wanted, struct recipe_strv *ret,
			  struct err *err)
{
	struct recipe_strv out = { 0 };
	struct modules m = { 0 };
	struct tree t;
	int r = tree_open(&t, tree, err);

	if (r == 0)
		r = modules_read(&t, kernel_version, &m, err);
	/* First, so that a panic over any of the others leaves its last words in the firmware. */
	if (r == 0)
		r = add_optional(&m, "efi_pstore", &out);
	for (size_t i = 0; r == 0 && i < wanted->n; i++)
		r = add_group(&m, wanted->item[i], &out, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(always); i++)
		r = add_optional(&m, always[i], &out);
	tree_close(&t);
	modules_done(&m);
	if (r < 0) {
		rootfs_strv_done(&out);
		return r == -ENOMEM || r == -ELOOP ?
			       err_errno(err, r, "kernel %s: ordering the modules",
					 kernel_version) :
			       r;
	}
	*ret = out;
	return 0;
}

static bool loaded_early(const struct modules *m, const char *name, const struct recipe_strv *paths)
{
	const struct module *mod = modules_find(m, name);

	for (size_t i = 0; mod && i < paths->n; i++)
		if (!strcmp(paths->item[i], mod->path))
			return true;
	return modules_builtin(m, name);
}

int rootfs_watchdogs(const char *tree, const char *kernel_version, const struct recipe_strv *initrd,
		     unsigned *ret, struct err *err)
{
	struct modules m = { 0 };
	unsigned set = 0;
	struct tree t;
	int r = tree_open(&t, tree, err);

	if (r == 0)
		r = modules_read(&t, kernel_version, &m, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(watchdog_drivers); i++) {
		const char *const *name = watchdog_drivers[i].names;

		while (*name && loaded_early(&m, *name, initrd))
			name++;
		set |= *name ? 0 : 1u << watchdog_drivers[i].kind;
	}
	tree_close(&t);
	modules_done(&m);
	if (r == 0)
		*ret = set;
	return r;
}
