/*
 * The key directory: opening it, and making a whole one at once. See keys.h.
 *
 * A new directory is filled under a temporary name and renamed without
 * replacing, so that two kilns started together end up with one set of keys.
 */
#include "builder/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/atomic_file.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"
#include "verity/cms.h"
#include "verity/keygen.h"

#define KEY_FILE_MAX 65536
#define DEVELOPMENT_FILE "DEVELOPMENT"

static const char development_text[] =
	"These keys were made by kiln for development, without a passphrase and on a\n"
	"machine that is online. Images signed with them must not leave your desk.\n";

char *keys_dir(const char *dir, struct err *err)
{
	const char *env = getenv("KILN_KEYS"), *config = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");
	char *path;

	if (dir)
		path = strdup(dir);
	else if (env && *env)
		path = strdup(env);
	else if (config && *config == '/')
		path = str_printf("%s/kiln/keys", config);
	else if (home && *home == '/')
		path = str_printf("%s/.config/kiln/keys", home);
	else {
		err_set(err, -ENOENT,
			"no place for keys: HOME is not set; name one with --keys or KILN_KEYS");
		return NULL;
	}
	if (!path)
		err_oom(err);
	return path;
}

/* Read one PEM file; a private one must belong to us alone. */
static int read_pem(const char *dir, const char *name, bool private, char **ret_text,
		    struct err *err)
{
	_cleanup_free_ char *path = path_join(dir, name);
	_cleanup_close_ int fd = -1;
	char *text;
	struct stat st;
	int r;

	if (!path)
		return err_oom(err);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return err_errno(err, -errno, "cannot open %s", path);
	if (fstat(fd, &st))
		return err_errno(err, -errno, "cannot stat %s", path);
	if (!S_ISREG(st.st_mode) || st.st_size > KEY_FILE_MAX)
		return err_set(err, -EINVAL, "%s is not a file of at most %d bytes", path,
			       KEY_FILE_MAX);
	if (private && (st.st_mode & 077))
		return err_set(
			err, -EACCES,
			"%s is a private key others can read (mode %04o); "
			       "chmod 0600 it if nobody did",
			path, (unsigned)st.st_mode & 07777);
	if (private && st.st_uid != geteuid() && geteuid() != 0)
		return err_set(err, -EACCES, "%s belongs to user %u", path, (unsigned)st.st_uid);
	text = calloc(1, (size_t)st.st_size + 1);
	if (!text)
		return err_oom(err);
	r = io_read_all(fd, text, (size_t)st.st_size);
	if (r) {
		keygen_wipe(text);
		return err_errno(err, r, "cannot read %s", path);
	}
	*ret_text = text;
	return 0;
}

static bool exists_in(const char *dir, const char *name)
{
	_cleanup_free_ char *path = path_join(dir, name);

	return path && access(path, F_OK) == 0;
}

/* Every private key in the directory, also those not needed now, must be private. */
static int check_modes(const char *dir, struct err *err)
{
	static const char *const names[] = { "root.key", "PK.key", "KEK.key", "db.key" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char *text = NULL;
		int r;

		/* The offline root and platform keys may be kept elsewhere, as they should. */
		if (!exists_in(dir, names[i]))
			continue;
		r = read_pem(dir, names[i], true, &text, err);
		keygen_wipe(text);
		if (r)
			return r;
	}
	return 0;
}

static int load(const char *dir, struct keys *k, struct err *err)
{
	int r;

	k->dir = strdup(dir);
	if (!k->dir)
		return err_oom(err);
	r = read_pem(dir, "image.key", true, &k->image_key_pem, err);
	if (r)
		return r;
	r = read_pem(dir, "image.crt", false, &k->image_cert_pem, err);
	if (r)
		return r;
	r = read_pem(dir, "root.crt", false, &k->root_cert_pem, err);
	if (r)
		return r;
	r = check_modes(dir, err);
	if (r)
		return r;
	k->development = exists_in(dir, DEVELOPMENT_FILE);
	r = cms_fingerprint(k->image_cert_pem, strlen(k->image_cert_pem), k->fingerprint, err);
	return r ? err_add(err, r, "%s/image.crt", dir) : 0;
}

static int write_private(const char *dir, const char *name, const char *text, struct err *err)
{
	_cleanup_free_ char *path = path_join(dir, name);
	_cleanup_close_ int fd = -1;
	int r;

	if (!path)
		return err_oom(err);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_errno(err, -errno, "cannot create %s", path);
	r = io_write_all(fd, text, strlen(text));
	if (r == 0 && (fchmod(fd, 0600) || fsync(fd)))
		r = -errno;
	return r ? err_errno(err, r, "cannot write %s", path) : 0;
}

/* Make NAME.key and NAME.crt in @dir; *ret_key and *ret_cert may be asked for, to sign others. */
static int make_pair(const char *dir, const char *name, const struct keygen_request *req,
		     char **ret_key, char **ret_cert, struct err *err)
{
	char *key = NULL;
	_cleanup_free_ char *cert = NULL;
	char file[64];
	int r;

	r = keygen_make(req, &key, &cert, err);
	if (r)
		return err_add(err, r, "cannot make the key '%s'", name);
	snprintf(file, sizeof(file), "%s.key", name);
	r = write_private(dir, file, key, err);
	if (r == 0) {
		snprintf(file, sizeof(file), "%s.crt", name);
		r = write_private(dir, file, cert, err);
	}
	if (r == 0 && ret_key) {
		*ret_key = TAKE_PTR(key);
		*ret_cert = TAKE_PTR(cert);
	}
	keygen_wipe(key);
	return r;
}

static int fill_dir(const char *dir, struct err *err)
{
	static const struct {
		const char *name, *common_name;
	} firmware[] = {
		{ "PK", "kiln development PK" },
		{ "KEK", "kiln development KEK" },
		{ "db", "kiln development db" },
	};
	struct keygen_request req = { .use = KEYGEN_ROOT, .rsa_bits = 3072,
				      .common_name = "kiln development root" };
	char *root_key = NULL;
	_cleanup_free_ char *root_cert = NULL;
	int r;

	r = make_pair(dir, "root", &req, &root_key, &root_cert, err);
	if (r)
		return r;
	req = (struct keygen_request){ .use = KEYGEN_CODE_SIGN, .rsa_bits = 3072,
				       .common_name = "kiln development image signing",
				       .issuer_cert_pem = root_cert, .issuer_key_pem = root_key };
	r = make_pair(dir, "image", &req, NULL, NULL, err);
	keygen_wipe(root_key);
	/* Every firmware reads RSA-2048; many read nothing longer. */
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(firmware); i++) {
		req = (struct keygen_request){ .use = KEYGEN_SECURE_BOOT, .rsa_bits = 2048,
					       .common_name = firmware[i].common_name };
		r = make_pair(dir, firmware[i].name, &req, NULL, NULL, err);
	}
	return r ? r : write_private(dir, DEVELOPMENT_FILE, development_text, err);
}

static int sync_dir(const char *dir)
{
	_cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) ? -errno : 0;
}

/* 0 when @dir exists afterwards: made by us (*ret_created) or by someone quicker. */
static int create_dir(const char *dir, bool *ret_created, struct err *err)
{
	_cleanup_free_ char *parent = strdup(dir), *tmp = NULL;
	char *slash;
	int r;

	if (!parent)
		return err_oom(err);
	for (size_t n = strlen(parent); n > 1 && parent[n - 1] == '/'; n--)
		parent[n - 1] = '\0';
	tmp = str_printf("%s.XXXXXX", parent);
	if (!tmp)
		return err_oom(err);
	slash = strrchr(parent, '/');
	if (slash && slash != parent) {
		*slash = '\0';
		r = path_mkdirs(parent);
		if (r)
			return err_errno(err, r, "cannot make %s", parent);
	}
	if (!mkdtemp(tmp)) /* mode 0700 */
		return err_errno(err, -errno, "cannot make a directory for keys beside %s", dir);
	r = fill_dir(tmp, err);
	if (r == 0 && (r = sync_dir(tmp)))
		err_errno(err, r, "cannot sync %s", tmp);
	if (r == 0 && renameat2(AT_FDCWD, tmp, AT_FDCWD, dir, RENAME_NOREPLACE) == 0) {
		atomic_sync_parent(dir);
		*ret_created = true;
		return 0;
	}
	if (r == 0 && errno != EEXIST)
		r = err_errno(err, -errno, "cannot rename %s to %s", tmp, dir);
	path_remove_tree(tmp);
	return r;
}

int keys_open(const char *dir, bool create, struct keys **ret_keys, bool *ret_created,
	      struct err *err)
{
	_cleanup_free_ char *path = keys_dir(dir, err);
	struct keys *k;
	bool created = false;
	int r;

	if (!path)
		return -ENOENT;
	if (access(path, F_OK) != 0) {
		if (errno != ENOENT)
			return err_errno(err, -errno, "cannot look at %s", path);
		if (!create)
			return err_set(err, -ENOENT,
				       "there are no keys in %s; 'kiln keys init' makes some",
				       path);
		r = create_dir(path, &created, err);
		if (r)
			return r;
	}
	k = calloc(1, sizeof(*k));
	if (!k)
		return err_oom(err);
	r = load(path, k, err);
	if (r) {
		keys_free(k);
		return r;
	}
	*ret_keys = k;
	if (ret_created)
		*ret_created = created;
	return 0;
}

struct keys *keys_free(struct keys *keys)
{
	if (!keys)
		return NULL;
	free(keys->dir);
	free(keys->image_cert_pem);
	keygen_wipe(keys->image_key_pem);
	free(keys->root_cert_pem);
	free(keys);
	return NULL;
}

int keys_sign(const struct keys *keys, const void *content, size_t len, uint8_t **ret_der,
	      size_t *ret_der_len, struct err *err)
{
	_cleanup_free_ uint8_t *der = NULL;
	size_t der_len;
	int r;

	r = cms_sign(keys->image_cert_pem, keys->image_key_pem, content, len, &der, &der_len, err);
	if (r)
		return err_add(err, r, "cannot sign with %s/image.key", keys->dir);
	/* What a machine would refuse must not leave the house. */
	r = cms_verify(der, der_len, content, len, keys->image_cert_pem,
		       strlen(keys->image_cert_pem), err);
	if (r)
		return err_add(err, r < 0 ? r : -EINVAL, "the new signature does not verify");
	*ret_der = TAKE_PTR(der);
	*ret_der_len = der_len;
	return 0;
}

int keys_sign_root(const struct keys *keys, const uint8_t root[32], uint8_t **ret_der,
		   size_t *ret_der_len, struct err *err)
{
	char hex[DIGEST_HEX_SIZE];

	digest_hex(root, 32, hex);
	return keys_sign(keys, hex, 64, ret_der, ret_der_len, err);
}

int keys_trust(const char *cert, const char *dir, char **ret_pem, struct err *err)
{
	struct keys *keys = NULL;
	int r;

	if (cert)
		return io_read_file(cert, CMS_PEM_MAX, ret_pem, NULL, err);
	r = keys_open(dir, false, &keys, NULL, err);
	if (r) {
		err_append(err, "\n--cert FILE names a certificate to trust");
		return r;
	}
	*ret_pem = TAKE_PTR(keys->image_cert_pem);
	keys_free(keys);
	return 0;
}
