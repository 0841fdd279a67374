/*
 * See initramfs.h. Parents of module paths are made once each, in the order the
 * modules need them, so the archive is a function of the module list.
 */
#include "uki/initramfs.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "uki/cpio.h"
#include "uki/zpack.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"

#define PATH_BYTES_MAX 1024

/* Paths of directories already in the archive; few enough for a linear search. */
struct dirs {
	char *path[INITRAMFS_MODULES_MAX];
	size_t n;
};

static void dirs_done(struct dirs *d)
{
	for (size_t i = 0; i < d->n; i++)
		free(d->path[i]);
}

static int dirs_add(struct cpio *c, struct dirs *d, const char *path, size_t len, struct err *err)
{
	for (size_t i = 0; i < d->n; i++)
		if (strlen(d->path[i]) == len && !memcmp(d->path[i], path, len))
			return 0;
	if (d->n == ARRAY_SIZE(d->path))
		return err_set(err, -EFBIG, "the modules lie in more than %zu directories",
			       ARRAY_SIZE(d->path));
	d->path[d->n] = strndup(path, len);
	if (!d->path[d->n])
		return err_oom(err);
	cpio_dir(c, d->path[d->n++], 0755);
	return 0;
}

static int add_parents(struct cpio *c, struct dirs *d, const char *path, struct err *err)
{
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		int r = dirs_add(c, d, path, (size_t)(slash - path), err);

		if (r < 0)
			return r;
	}
	return 0;
}

static bool module_path_ok(const char *path)
{
	size_t len = strlen(path);

	return len > 3 && len < PATH_BYTES_MAX && !strncmp(path, "lib/modules/", 12) &&
	       !strcmp(path + len - 3, ".ko") && !strstr(path, "/../") && !strchr(path, '\n');
}

static int add_host_file(struct cpio *c, const char *host, const char *path, uint32_t mode,
			 struct err *err)
{
	_cleanup_free_ char *data = NULL;
	size_t len;
	int r = io_read_file(host, INITRAMFS_FILE_MAX_BYTES, &data, &len, err);

	if (r < 0)
		return r;
	if (c->out->len + len > INITRAMFS_MAX_BYTES)
		return err_set(err, -EFBIG, "the initramfs grows beyond %u MiB at %s",
			       INITRAMFS_MAX_BYTES >> 20, path);
	cpio_file(c, path, mode, data, len);
	return 0;
}

static int add_modules(struct cpio *c, const struct initramfs_options *o, struct err *err)
{
	__attribute__((cleanup(dirs_done))) struct dirs dirs = { .n = 0 };
	_cleanup_buf_ struct buf list = BUF_INIT;
	int r;

	if (o->n_modules > INITRAMFS_MODULES_MAX)
		return err_set(err, -EFBIG, "%zu modules for the initramfs, the limit is %u",
			       o->n_modules, INITRAMFS_MODULES_MAX);
	for (size_t i = 0; i < o->n_modules; i++) {
		if (!module_path_ok(o->modules[i]))
			return err_set(err, -EINVAL, "'%s' is not lib/modules/.../*.ko",
				       o->modules[i]);
		buf_addf(&list, "/%s\n", o->modules[i]);
	}
	if (!buf_ok(&list))
		return err_oom(err);
	cpio_file(c, "modules.list", 0644, list.data, list.len);
	for (size_t i = 0; i < o->n_modules; i++) {
		_cleanup_free_ char *host = path_join(o->modules_dir, o->modules[i]);

		if (!host)
			return err_oom(err);
		r = add_parents(c, &dirs, o->modules[i], err);
		if (r == 0)
			r = add_host_file(c, host, o->modules[i], 0644, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_certificates(const char *pem, struct err *err)
{
	if (!pem || !strstr(pem, "-----BEGIN CERTIFICATE-----"))
		return err_set(err, -EINVAL, "the initramfs needs the image signers' certificates");
	if (strstr(pem, "PRIVATE KEY"))
		return err_set(err, -EINVAL, "refusing to put a private key into the initramfs");
	return 0;
}

int initramfs_build(const struct initramfs_options *o, struct buf *ret,
		    uint64_t *ret_unpacked_bytes, struct err *err)
{
	static const char *const empty_dirs[] = { "proc", "sys", "dev", "sysroot", "run", "keys" };
	_cleanup_buf_ struct buf raw = BUF_INIT;
	struct cpio c = CPIO_INIT(&raw, (uint32_t)o->epoch_s);
	int r = check_certificates(o->certificates, err);

	if (r < 0)
		return r;
	cpio_dir(&c, ".", 0755);
	for (size_t i = 0; i < ARRAY_SIZE(empty_dirs); i++)
		cpio_dir(&c, empty_dirs[i], 0755);
	r = add_host_file(&c, o->init, "init", 0755, err);
	if (r < 0)
		return err_add(err, r, "early init");
	cpio_file(&c, "keys/image.pem", 0644, o->certificates, strlen(o->certificates));
	r = add_modules(&c, o, err);
	if (r < 0)
		return r;
	cpio_end(&c);
	if (!buf_ok(&raw))
		return err_oom(err);
	r = zpack_zstd(raw.data, raw.len, o->zstd_level ? o->zstd_level : INITRAMFS_ZSTD_LEVEL, ret,
		       err);
	if (r < 0)
		return err_add(err, r, "initramfs");
	if (ret_unpacked_bytes)
		*ret_unpacked_bytes = raw.len;
	return 0;
}
