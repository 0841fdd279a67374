/*
 * A recipe, read: what a team wants in its image, with every default filled in.
 *
 * The YAML keys, types, units, defaults and documentation are one table in
 * schema.c; recipe(5) and `kiln recipe --schema` are made from it. Everything
 * here belongs to the recipe and lives until recipe_free(). Lists may be empty
 * (n == 0), strings are NULL only where it says so.
 */
#ifndef BUILDER_RECIPE_RECIPE_H
#define BUILDER_RECIPE_RECIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

/* Limits of what is read from outside. */
#define RECIPE_FILE_MAX_BYTES (1u << 20)
#define RECIPE_INCLUDE_DEPTH_MAX 16
#define RECIPE_LIST_MAX 4096

struct recipe_strv {
	char **item;
	size_t n;
};

struct recipe_file {
	char *path; /* absolute path in the image */
	char *source; /* absolute host path, found beside the naming recipe; NULL: another kind */
	char *content; /* literal content; NULL: another kind */
	char *link; /* symbolic link target; NULL for a regular file */
	uint32_t mode; /* permission bits, default 0644 */
	uint32_t uid, gid; /* default 0 */
};

struct recipe_user {
	char *name;
	uint32_t uid; /* also its group's GID */
	char *shell; /* default /usr/sbin/nologin */
	char *home; /* default /var/home/NAME, made at first boot; */
	struct recipe_strv groups; /* further groups */
};

struct recipe_script {
	char *run; /* host path of the script, resolved like recipe_file.source */
};

struct recipe_check {
	char *unit; /* systemd unit that must be active; NULL if another kind */
	char *run; /* host path of a script shipped in the image; NULL if another kind */
	uint32_t port; /* local TCP port that must accept; 0 if another kind */
};

struct recipe {
	char *name; /* IMAGE_ID: [a-z0-9][a-z0-9._-]* */
	char *version; /* IMAGE_VERSION */
	char *architecture; /* Debian's name; "amd64" */
	char *dir; /* folder of the top recipe file, absolute; NULL when read from memory */
	char *shipped_dir; /* folder of kiln's own recipes, absolute; NULL when there is none */
	char *file; /* path of the top recipe file as given */

	char *suite; /* distribution.suite: bookworm, trixie */
	struct recipe_strv components; /* distribution.components: main */
	bool updates, security; /* distribution.updates, .security: default true */

	struct recipe_strv packages;
	struct recipe_file *files;
	size_t n_files;
	struct recipe_user *users;
	size_t n_users;
	struct recipe_strv units_enable, units_disable, units_mask; /* services.* */
	struct recipe_script *scripts;
	size_t n_scripts;

	char *kernel_package; /* kernel.package */
	char *kernel_cmdline; /* kernel.cmdline, added to what kiln sets */
	/* kernel.modules kept in the root: names, globs, or "all"; dependencies follow. */
	struct recipe_strv kernel_modules;
	/* kernel.initrd: groups (virtio, nvme, ahci, usb, scsi) or names, for the initramfs. */
	struct recipe_strv initrd_modules;

	uint64_t root_slot_bytes; /* slots.root, default 1G */
	uint64_t boot_slot_bytes; /* slots.boot, default 64M */

	uint64_t state_bytes; /* state.size, default 512M */
	uint32_t state_version; /* state.version, default 1: the layout of /var it writes */
	uint32_t state_reads; /* state.reads, default 1: the oldest layout it can use */
	bool state_grow; /* state.grow, default true: take the rest of the disk at first boot */
	struct recipe_strv persist; /* state.persist: absolute paths kept on the state partition */

	uint32_t health_tries; /* health.tries, default 3, 1..15 */
	uint32_t health_timeout_s; /* health.timeout, default 120 */
	uint32_t health_soak_s; /* health.soak, default 10 */
	uint32_t health_settle_s; /* health.settle, default 300 */
	struct recipe_check *checks;
	size_t n_checks;

	char *update_url; /* update.url; NULL: nothing looks for updates by itself */
	uint32_t update_check_s; /* update.check, default 24h */
	uint32_t update_jitter_s; /* update.jitter, default 1h */
	uint64_t update_limit_bytes; /* update.limit per second; 0, the default: no limit */
	char *update_reboot; /* update.reboot: never, the default, now or HH:MM */
	char *update_proxy; /* update.proxy, or NULL */
	/* update.cacert, .cert, .key: paths on the machine, or NULL. */
	char *update_cacert, *update_cert, *update_key;

	/* image.setuid: absolute paths allowed setuid/setgid beyond those packages bring. */
	struct recipe_strv allow_setuid;
	bool credentials; /* image.credentials, default false: systemd imports credentials */
	struct recipe_strv outputs; /* disk, qcow2; default disk */
};

/*
 * Read @path with its includes, check everything and fill the defaults.
 * @version overrides the recipe's version (NULL: keep). All errors are collected
 * in @err, one "file:line:col: what" block each with the offending line and a
 * caret. Returns 0 and an owned *ret, -EINVAL for a wrong recipe, or another
 * negative errno when it cannot be read.
 */
int recipe_load(const char *path, const char *version, struct recipe **ret, struct err *err);

/* NULL-safe; returns NULL. */
struct recipe *recipe_free(struct recipe *r);

/* The merged recipe with all defaults as YAML that recipe_load() reads back to the same. */
void recipe_show(const struct recipe *r, struct buf *out);

/* The JSON Schema of a recipe file, for editors. */
void recipe_schema(struct buf *out);

/* recipe(5) in man(7) macros. */
void recipe_manual(struct buf *out);

#endif
