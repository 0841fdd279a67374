/* See schema.h: the table itself. */
#include "builder/recipe/schema.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builder/recipe/strv.h"
#include "lib/base/buf.h"

#define MIB (1024ull * 1024)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)
/* 65534 is nobody, 65535 is the invalid 16-bit id. */
#define UID_MAX 65533

static int fault_set(struct schema_fault *f, const char *at_key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int fault_set(struct schema_fault *f, const char *at_key, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->what, sizeof(f->what), fmt, ap);
	va_end(ap);
	f->at_key = at_key;
	return -EINVAL;
}

static int finish_file(void *item, struct schema_fault *fault)
{
	struct recipe_file *f = item;
	int kinds = !!f->source + !!f->content + !!f->link;

	if (!kinds)
		return fault_set(fault, NULL,
				 "a file needs one of 'source', 'content' or 'link'");
	if (kinds > 1)
		return fault_set(fault, f->link ? "link" : "content",
				 "a file has only one of 'source', 'content' and 'link'");
	return 0;
}

static int finish_user(void *item, struct schema_fault *fault)
{
	struct recipe_user *u = item;

	if (!strcmp(u->name, "root"))
		return fault_set(fault, "name", "root exists in every image");
	if (!u->home)
		u->home = str_printf("/var/home/%s", u->name);
	return u->home ? 0 : -ENOMEM;
}

static int finish_check(void *item, struct schema_fault *fault)
{
	struct recipe_check *c = item;
	int kinds = !!c->unit + !!c->run + !!c->port;

	if (kinds != 1)
		return fault_set(fault, NULL,
				 "a check has exactly one of 'unit', 'run' and 'port'");
	return 0;
}

/* One bind mount inside another would hide what the inner one keeps. */
static int accept_persist(const struct recipe *r, const void *value, struct schema_fault *fault)
{
	const char *path = value;

	for (size_t i = 0; i < r->persist.n; i++) {
		const char *other = r->persist.item[i];
		size_t n = strlen(other), m = strlen(path);

		if (n < m && !strncmp(other, path, n) && path[n] == '/')
			return fault_set(fault, NULL, "'%.80s' is kept already with '%.80s'", path,
					 other);
		if (m < n && !strncmp(other, path, m) && other[m] == '/')
			return fault_set(fault, NULL, "'%.80s' would keep '%.80s' a second time",
					 path, other);
	}
	return 0;
}

/* Without these no boot would ever be judged, and no version confirmed. */
static int accept_mask(const struct recipe *r, const void *value, struct schema_fault *fault)
{
	static const char *const needed[] = {
		"kiln-health.service", "kiln-unhealthy.service", "kiln-booted.service",
		"kiln-shutdown.service", "kiln-settle.service", "kiln-settle.timer",
		"multi-user.target",
	};
	const char *unit = value;

	(void)r;
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (!strcmp(unit, needed[i]))
			return fault_set(fault, NULL,
					 "'%s' judges or records every boot: it cannot be masked",
					 unit);
	return 0;
}

static int accept_user(const struct recipe *r, const void *value, struct schema_fault *fault)
{
	const struct recipe_user *u = value;

	for (size_t i = 0; i < r->n_users; i++) {
		const struct recipe_user *other = &r->users[i];

		if (other->uid == u->uid && strcmp(other->name, u->name))
			return fault_set(fault, "uid", "uid %u belongs to user '%s' already",
					 u->uid, other->name);
	}
	return 0;
}

#define AT(type_, field_) .offset = offsetof(struct type_, field_)

static const struct schema_key distribution_keys[] = {
	{ .key = "suite", .type = SCHEMA_TEXT, AT(recipe, suite), .word = &word_suite,
	  .required = true,
	  .doc = "The Debian release the packages come from. A recipe names a suite, never a "
		 "mirror: where packages are fetched is the host's business." },
	{ .key = "components", .type = SCHEMA_WORDS, AT(recipe, components),
	  .word = &word_component, .default_yaml = "main",
	  .doc = "Parts of the archive packages may come from." },
	{ .key = "updates", .type = SCHEMA_BOOL, AT(recipe, updates), .default_yaml = "true",
	  .doc = "Also use the suite's point-release updates." },
	{ .key = "security", .type = SCHEMA_BOOL, AT(recipe, security), .default_yaml = "true",
	  .doc = "Also use the suite's security updates." },
	{ 0 },
};

static const struct schema_key file_keys[] = {
	{ .key = "path", .type = SCHEMA_TEXT, AT(recipe_file, path), .word = &word_path,
	  .required = true, .doc = "Where the file goes: absolute, without '.' or '..'." },
	{ .key = "source", .type = SCHEMA_HOST, AT(recipe_file, source),
	  .doc = "File of the host with the content, beside the recipe that names it." },
	{ .key = "content", .type = SCHEMA_TEXT, AT(recipe_file, content), .word = &word_content,
	  .doc = "The content itself; use a YAML block ('|') for several lines." },
	{ .key = "link", .type = SCHEMA_TEXT, AT(recipe_file, link), .word = &word_link,
	  .doc = "Make a symbolic link to this target instead." },
	{ .key = "mode", .type = SCHEMA_MODE, AT(recipe_file, mode), .default_yaml = "0644",
	  .max = 07777, .doc = "Permission bits in octal." },
	{ .key = "uid", .type = SCHEMA_UINT, AT(recipe_file, uid), .default_yaml = "0",
	  .max = UID_MAX, .doc = "Numeric owner." },
	{ .key = "gid", .type = SCHEMA_UINT, AT(recipe_file, gid), .default_yaml = "0",
	  .max = UID_MAX, .doc = "Numeric group." },
	{ 0 },
};

static const struct schema_key user_keys[] = {
	{ .key = "name", .type = SCHEMA_TEXT, AT(recipe_user, name), .word = &word_user,
	  .required = true, .doc = "Login name, and the name of its group." },
	{ .key = "uid", .type = SCHEMA_UINT, AT(recipe_user, uid), .required = true, .min = 1,
	  .max = UID_MAX, .doc = "Numeric user id, and its group's." },
	{ .key = "shell", .type = SCHEMA_TEXT, AT(recipe_user, shell), .word = &word_path,
	  .default_yaml = "/usr/sbin/nologin", .doc = "Login shell." },
	{ .key = "home", .type = SCHEMA_TEXT, AT(recipe_user, home), .word = &word_path,
	  .doc = "Home folder; /var/home/NAME when left out. Made at first boot." },
	{ .key = "groups", .type = SCHEMA_WORDS, AT(recipe_user, groups), .word = &word_user,
	  .doc = "Further groups, which packages or other users bring." },
	{ 0 },
};

static const struct schema_key service_keys[] = {
	{ .key = "enable", .type = SCHEMA_WORDS, AT(recipe, units_enable), .word = &word_unit,
	  .doc = "Units that start at boot." },
	{ .key = "disable", .type = SCHEMA_WORDS, AT(recipe, units_disable), .word = &word_unit,
	  .doc = "Units that packages enable and this image does not want." },
	{ .key = "mask", .type = SCHEMA_WORDS, AT(recipe, units_mask), .word = &word_unit,
	  .accept = accept_mask,
	  .doc = "Units that can never start." },
	{ 0 },
};

static const struct schema_key script_keys[] = {
	{ .key = "run", .type = SCHEMA_HOST, AT(recipe_script, run), .required = true,
	  .doc = "The script, beside the recipe that names it." },
	{ 0 },
};

static const struct schema_key kernel_keys[] = {
	{ .key = "package", .type = SCHEMA_TEXT, AT(recipe, kernel_package), .word = &word_package,
	  .default_yaml = "linux-image-amd64",
	  .doc = "The kernel's package. Debian's cloud kernels start faster under emulation, but "
		 "have no driver for a hardware watchdog: a hang may wait for a person." },
	{ .key = "cmdline", .type = SCHEMA_TEXT, AT(recipe, kernel_cmdline),
	  .word = &word_cmdline, .default_yaml = "console=ttyS0",
	  .doc = "Kernel options after those kiln sets itself (image identity, verity parameters, "
		 "ro, panic=-1). Options that would leave the verified start are refused." },
	{ .key = "modules", .type = SCHEMA_WORDS, AT(recipe, kernel_modules), .word = &word_module,
	  .doc = "Kernel modules kept in the image: names, shell patterns, or all. What they "
		 "depend on follows by itself; every other module is left out." },
	{ .key = "initrd", .type = SCHEMA_WORDS, AT(recipe, initrd_modules), .word = &word_initrd,
	  .default_yaml = "watchdog virtio nvme ahci",
	  .doc = "What the initramfs loads: to find its disk the groups virtio, nvme, ahci, usb "
		 "and scsi; watchdog, so that a hang ends in a counted reboot; or names of "
		 "modules. Of a group whatever the kernel has." },
	{ 0 },
};

static const struct schema_key slot_keys[] = {
	{ .key = "root", .type = SCHEMA_SIZE, AT(recipe, root_slot_bytes), .default_yaml = "1G",
	  .min = 8 * MIB, .max = TIB, .align = MIB,
	  .doc = "Space for the compressed root of each of the two slots. It cannot grow later: "
		 "leave room for the versions to come." },
	{ .key = "boot", .type = SCHEMA_SIZE, AT(recipe, boot_slot_bytes), .default_yaml = "64M",
	  .min = 16 * MIB, .max = 2 * GIB, .align = MIB,
	  .doc = "Space for kernel, initramfs and command line of each slot." },
	{ 0 },
};

static const struct schema_key state_keys[] = {
	{ .key = "size", .type = SCHEMA_SIZE, AT(recipe, state_bytes), .default_yaml = "512M",
	  .min = 16 * MIB, .max = 16 * TIB, .align = MIB,
	  .doc = "Size of the state partition in the image as built." },
	{ .key = "grow", .type = SCHEMA_BOOL, AT(recipe, state_grow), .default_yaml = "true",
	  .doc = "Take the rest of the disk at first boot." },
	{ .key = "version", .type = SCHEMA_UINT, AT(recipe, state_version), .default_yaml = "1",
	  .max = INT32_MAX,
	  .doc = "Number of the layout of /var that this version writes. Raise it when an older "
		 "version could not use /var any more: going back to one is then refused." },
	{ .key = "reads", .type = SCHEMA_UINT, AT(recipe, state_reads), .default_yaml = "1",
	  .max = INT32_MAX,
	  .doc = "The oldest layout of /var that this version can still use or convert, at most "
		 "state.version. A machine with an older one does not install it." },
	{ .key = "persist", .type = SCHEMA_WORDS, AT(recipe, persist), .word = &word_persist,
	  .accept = accept_persist,
	  .doc = "Files and folders outside /var that survive updates and reboots. /var and /root "
		 "always do; every other change to /etc is gone at the next boot." },
	{ 0 },
};

static const struct schema_key check_keys[] = {
	{ .key = "unit", .type = SCHEMA_TEXT, AT(recipe_check, unit), .word = &word_unit,
	  .doc = "This systemd unit must be active." },
	{ .key = "run", .type = SCHEMA_HOST, AT(recipe_check, run),
	  .doc = "This script, shipped in the image, must exit with 0." },
	{ .key = "port", .type = SCHEMA_UINT, AT(recipe_check, port), .min = 1, .max = 65535,
	  .doc = "This local TCP port must accept a connection." },
	{ 0 },
};

static const struct schema_object file_object = {
	.keys = file_keys, .size_bytes = sizeof(struct recipe_file), .identity = "path",
	.finish = finish_file, .doc = "Exactly one of source, content and link is given.",
};
static const struct schema_object user_object = {
	.keys = user_keys, .size_bytes = sizeof(struct recipe_user), .identity = "name",
	.finish = finish_user,
};
static const struct schema_object script_object = {
	.keys = script_keys, .size_bytes = sizeof(struct recipe_script),
};
static const struct schema_object check_object = {
	.keys = check_keys, .size_bytes = sizeof(struct recipe_check), .finish = finish_check,
	.doc = "Exactly one of unit, run and port is given.",
};

static const struct schema_key health_keys[] = {
	{ .key = "tries", .type = SCHEMA_UINT, AT(recipe, health_tries), .default_yaml = "3",
	  .min = 1, .max = 15,
	  .doc = "How often a new version may start without being confirmed before the machine "
		 "falls back." },
	{ .key = "timeout", .type = SCHEMA_DURATION, AT(recipe, health_timeout_s),
	  .default_yaml = "120s", .min = 5, .max = 3600,
	  .doc = "Time from the start of user space until every check must have passed." },
	{ .key = "soak", .type = SCHEMA_DURATION, AT(recipe, health_soak_s),
	  .default_yaml = "10s", .max = 3600,
	  .doc = "How long all of it must then hold before the version is confirmed: a service "
		 "that crashes within this time is caught. A unit of the checks that is started "
		 "again meanwhile begins the time anew." },
	{ .key = "settle", .type = SCHEMA_DURATION, AT(recipe, health_settle_s),
	  .default_yaml = "5m", .max = 86400,
	  .doc = "How long the machine must have been up before a confirmed boot counts as a "
		 "success whatever comes; 0s: as soon as it is confirmed. When twice as many boots "
		 "in a row as there are tries stop without a word before that, the machine falls "
		 "back." },
	{ .key = "checks", .type = SCHEMA_ITEMS, AT(recipe, checks),
	  .count_offset = offsetof(struct recipe, n_checks), .object = &check_object,
	  .doc = "What must be true, besides the system being up, for a version to be good." },
	{ 0 },
};

static const struct schema_key update_keys[] = {
	{ .key = "url", .type = SCHEMA_TEXT, AT(recipe, update_url), .word = &word_url,
	  .doc = "Where the newest bundle is found. When it is set, kiln-update.timer looks there "
		 "by itself and installs what is newer than what runs; include "
		 "fragments/update.yaml with it." },
	{ .key = "check", .type = SCHEMA_DURATION, AT(recipe, update_check_s),
	  .default_yaml = "24h", .min = 300, .max = 30 * 86400,
	  .doc = "How long after a look the next one follows. The first one comes 10 minutes after "
		 "the boot." },
	{ .key = "jitter", .type = SCHEMA_DURATION, AT(recipe, update_jitter_s),
	  .default_yaml = "1h", .max = 30 * 86400,
	  .doc = "A look is put off by up to this, by chance, so that not all machines come at "
		 "once." },
	{ .key = "limit", .type = SCHEMA_SIZE, AT(recipe, update_limit_bytes),
	  .default_yaml = "0", .max = TIB, .align = 1024,
	  .doc = "How much may be downloaded per second; 0 for no limit." },
	{ .key = "reboot", .type = SCHEMA_TEXT, AT(recipe, update_reboot), .word = &word_reboot,
	  .default_yaml = "never",
	  .doc = "When the machine restarts into what it installed by itself: never, now, or at a "
		 "time of day, by its own clock." },
	{ .key = "proxy", .type = SCHEMA_TEXT, AT(recipe, update_proxy), .word = &word_proxy,
	  .doc = "Download through this proxy: http, https or socks5h." },
	{ .key = "cacert", .type = SCHEMA_TEXT, AT(recipe, update_cacert), .word = &word_path,
	  .doc = "File in the image with the certificates to trust in a web server, in PEM, "
		 "instead of Debian's." },
	{ .key = "cert", .type = SCHEMA_TEXT, AT(recipe, update_cert), .word = &word_path,
	  .doc = "File on the machine with its own certificate, in PEM, for a web server that "
		 "asks. Below /var, or kept by state.persist, every machine has its own." },
	{ .key = "key", .type = SCHEMA_TEXT, AT(recipe, update_key), .word = &word_path,
	  .doc = "File on the machine with the key of that certificate; left out when it is in the "
		 "same file. It need be readable by root only." },
	{ 0 },
};

static const struct schema_key image_keys[] = {
	{ .key = "setuid", .type = SCHEMA_WORDS, AT(recipe, allow_setuid), .word = &word_path,
	  .doc = "Files allowed to be setuid or setgid beyond those that packages bring." },
	{ .key = "credentials", .type = SCHEMA_BOOL, AT(recipe, credentials),
	  .default_yaml = "false",
	  .doc = "Let systemd take credentials that the machine or its hypervisor hands over by "
		 "SMBIOS or fw_cfg. Keys, passwords and host names can come that way, but so can "
		 "any unit (systemd 257) or file: whoever configures the machine is then root in "
		 "it. Otherwise an image runs what was built into it, and nothing else." },
	{ 0 },
};

static const struct schema_object distribution_object = { .keys = distribution_keys };
static const struct schema_object service_object = {
	.keys = service_keys, .exclusive = true,
	.doc = "A unit named in two of the lists counts where the later file names it.",
};
static const struct schema_object kernel_object = { .keys = kernel_keys };
static const struct schema_object slot_object = { .keys = slot_keys };
static const struct schema_object state_object = { .keys = state_keys };
static const struct schema_object health_object = { .keys = health_keys };
static const struct schema_object update_object = { .keys = update_keys };
static const struct schema_object image_object = { .keys = image_keys };

static const struct schema_key recipe_keys[] = {
	{ .key = "name", .type = SCHEMA_TEXT, AT(recipe, name), .word = &word_image,
	  .required = true, .doc = "Name of the image: IMAGE_ID of os-release, and the beginning "
				   "of every artefact's file name." },
	{ .key = "version", .type = SCHEMA_TEXT, AT(recipe, version), .word = &word_version,
	  .required = true,
	  .doc = "Version of the image, compared by the UAPI.10 rules. --image-version overrides "
		 "it." },
	{ .key = "architecture", .type = SCHEMA_TEXT, AT(recipe, architecture),
	  .word = &word_architecture, .default_yaml = "amd64",
	  .doc = "Debian's name of the architecture." },
	{ .key = "include", .type = SCHEMA_INCLUDE, .word = &word_link,
	  .doc = "Recipes this one builds on; see INCLUDES." },
	{ .key = "distribution", .type = SCHEMA_MAP, .object = &distribution_object,
	  .doc = "Where packages come from." },
	{ .key = "packages", .type = SCHEMA_WORDS, AT(recipe, packages), .word = &word_package,
	  .doc = "Packages to install, with all they depend on; nothing that is only "
		 "recommended." },
	{ .key = "files", .type = SCHEMA_ITEMS, AT(recipe, files),
	  .count_offset = offsetof(struct recipe, n_files), .object = &file_object,
	  .doc = "Files to put into the image after the packages." },
	{ .key = "users", .type = SCHEMA_ITEMS, AT(recipe, users),
	  .count_offset = offsetof(struct recipe, n_users), .object = &user_object,
	  .accept = accept_user, .doc = "Users to make." },
	{ .key = "services", .type = SCHEMA_MAP, .object = &service_object,
	  .doc = "Which systemd units run." },
	{ .key = "scripts", .type = SCHEMA_ITEMS, AT(recipe, scripts),
	  .count_offset = offsetof(struct recipe, n_scripts), .object = &script_object,
	  .doc = "Scripts run in the assembled tree, in order, in a sandbox without network and "
		 "without the host's files." },
	{ .key = "kernel", .type = SCHEMA_MAP, .object = &kernel_object, .doc = "The kernel." },
	{ .key = "slots", .type = SCHEMA_MAP, .object = &slot_object,
	  .doc = "Sizes of the two slots, A and B." },
	{ .key = "state", .type = SCHEMA_MAP, .object = &state_object,
	  .doc = "What a machine keeps." },
	{ .key = "health", .type = SCHEMA_MAP, .object = &health_object,
	  .doc = "When a version counts as good." },
	{ .key = "update", .type = SCHEMA_MAP, .object = &update_object,
	  .doc = "How machines get new versions by themselves." },
	{ .key = "image", .type = SCHEMA_MAP, .object = &image_object,
	  .doc = "What the image allows." },
	{ .key = "outputs", .type = SCHEMA_WORDS, AT(recipe, outputs), .word = &word_output,
	  .default_yaml = "disk",
	  .doc = "What is written besides the parts of a slot: the raw disk image, or also one for "
		 "QEMU." },
	{ 0 },
};

const struct schema_object schema_recipe = { .keys = recipe_keys,
					      .size_bytes = sizeof(struct recipe) };

const struct schema_key *schema_find(const struct schema_object *o, const char *name)
{
	for (const struct schema_key *k = o->keys; k->key; k++)
		if (!strcmp(k->key, name))
			return k;
	return NULL;
}

bool schema_is_text(const struct schema_key *k)
{
	return k->type == SCHEMA_TEXT || k->type == SCHEMA_HOST;
}

static void release_items(const struct schema_key *k, char *base)
{
	char **array = (char **)(base + k->offset);
	size_t *n = (size_t *)(base + k->count_offset);

	for (size_t i = 0; i < *n; i++)
		schema_release(k->object, *array + i * k->object->size_bytes);
	free(*array);
	*array = NULL;
	*n = 0;
}

void schema_release(const struct schema_object *o, void *base)
{
	for (const struct schema_key *k = o->keys; k->key; k++) {
		char **text = (char **)((char *)base + k->offset);

		if (schema_is_text(k)) {
			free(*text);
			*text = NULL;
		} else if (k->type == SCHEMA_WORDS) {
			strv_done((struct recipe_strv *)text);
		} else if (k->type == SCHEMA_ITEMS) {
			release_items(k, base);
		} else if (k->type == SCHEMA_MAP) {
			schema_release(k->object, base);
		}
	}
}
