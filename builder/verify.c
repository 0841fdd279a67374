/* See verify.h: one slot's chain, used for artefacts; and the list of published files. */
#include "builder/verify.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "builder/publish/publish.h"
#include "builder/verify_chain.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"
#include "lib/core/pe.h"
#include "verity/sigfile.h"

#define SUMS_FILE "SHA256SUMS"
#define SUMS_MAX (1 << 20)
#define UKI_MAX (512 << 20)
#define STEM_MAX 255

/* "<64 hex>  NAME": the file's bytes are those. */
static int check_sum_line(const char *dir, char *line, struct err *err)
{
	uint8_t want[DIGEST_BYTES], got[DIGEST_BYTES];
	_cleanup_free_ char *path = NULL;
	char *name;
	int r;

	if (strlen(line) < 67 || line[64] != ' ')
		return err_set(err, VERIFY_REFUSED, "%s/%s: a line is not HASH  NAME", dir,
			       SUMS_FILE);
	line[64] = '\0';
	name = line + 66; /* a blank, then ' ' or '*' */
	if (strchr(name, '/') || digest_unhex(line, want, sizeof(want)))
		return err_set(err, VERIFY_REFUSED, "%s/%s: '%s' is wrong", dir, SUMS_FILE, name);
	path = path_join(dir, name);
	if (!path)
		return err_oom(err);
	r = digest_file(path, got, NULL, err);
	if (r)
		return r;
	if (memcmp(want, got, sizeof(want)) != 0)
		return err_set(err, VERIFY_REFUSED, "%s is not the file that %s lists", path,
			       SUMS_FILE);
	return 0;
}

static int check_sums(const char *dir, struct buf *report, struct err *err)
{
	_cleanup_free_ char *path = path_join(dir, SUMS_FILE), *text = NULL;
	unsigned n = 0;
	char *line, *save;
	int r;

	if (!path)
		return err_oom(err);
	r = io_read_file(path, SUMS_MAX, &text, NULL, err);
	if (r)
		return r;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save), n++) {
		r = check_sum_line(dir, line, err);
		if (r)
			return r;
	}
	if (n == 0)
		return err_set(err, VERIFY_REFUSED, "%s lists nothing", path);
	buf_addf(report, "ok  files         %u artefacts are those of %s\n", n, SUMS_FILE);
	return 0;
}

/* The NAME_VERSION_ARCH of the only root hash in @dir. */
static int find_stem(const char *dir, char stem[STEM_MAX + 1], struct err *err)
{
	static const char suffix[] = "." PUBLISH_ROOTHASH;
	_cleanup_closedir_ DIR *d = opendir(dir);
	struct dirent *e;
	unsigned n = 0;

	if (!d)
		return err_errno(err, -errno, "cannot read %s", dir);
	while ((e = readdir(d))) {
		size_t len = strlen(e->d_name);

		if (len <= sizeof(suffix) - 1 ||
		    strcmp(e->d_name + len - (sizeof(suffix) - 1), suffix) != 0)
			continue;
		len -= sizeof(suffix) - 1;
		memcpy(stem, e->d_name, len);
		stem[len] = '\0';
		n++;
	}
	if (n != 1)
		return err_set(err, -ENOENT, "%s holds %u images, not one", dir, n);
	return 0;
}

static char *artefact(const char *dir, const char *stem, const char *suffix)
{
	return str_printf("%s/%s.%s", dir, stem, suffix);
}

/* The root hash file and the CMS file say what the signature partition's JSON says. */
static int check_side_files(const char *dir, const char *stem, const struct sigfile *sig,
			    struct err *err)
{
	_cleanup_free_ char *hash_path = artefact(dir, stem, PUBLISH_ROOTHASH), *hash = NULL;
	_cleanup_free_ char *p7s_path = artefact(dir, stem, PUBLISH_ROOTHASH_P7S), *p7s = NULL;
	size_t hash_len, p7s_len;
	char hex[DIGEST_HEX_SIZE];
	int r = hash_path && p7s_path ? 0 : err_oom(err);

	if (r == 0)
		r = io_read_file(hash_path, 128, &hash, &hash_len, err);
	if (r == 0)
		r = io_read_file(p7s_path, CMS_DER_MAX, &p7s, &p7s_len, err);
	if (r)
		return r;
	digest_hex(sig->root, sizeof(sig->root), hex);
	if (strncmp(hash, hex, 64) != 0 || (hash_len != 64 && strcmp(hash + 64, "\n") != 0))
		return err_set(err, VERIFY_REFUSED, "%s is not the root hash that was signed",
			       hash_path);
	if (p7s_len != sig->der_len || memcmp(p7s, sig->der, p7s_len) != 0)
		return err_set(err, VERIFY_REFUSED, "%s is not the signature in %s.%s", p7s_path,
			       stem, PUBLISH_VERITY_SIG);
	return 0;
}

static int read_uki(const char *path, char **ret_cmdline, struct err *err)
{
	_cleanup_free_ char *uki = NULL;
	struct pe_section s;
	struct pe pe;
	size_t len;
	int r = io_read_file(path, UKI_MAX, &uki, &len, err);

	if (r)
		return r;
	r = pe_parse(uki, len, len, &pe);
	if (r == PE_OK)
		r = pe_section_find(&pe, ".cmdline", &s);
	if (r != PE_OK)
		return err_set(err, VERIFY_REFUSED, "%s: %s", path, pe_error_text(r));
	*ret_cmdline = strndup(uki + s.offset, s.bytes);
	return *ret_cmdline ? 0 : err_oom(err);
}

static int check_chain(const char *dir, const char *stem, const struct verify_trust *trust,
		       struct buf *report, struct err *err)
{
	_cleanup_free_ char *root = artefact(dir, stem, PUBLISH_ROOT);
	_cleanup_free_ char *tree = artefact(dir, stem, PUBLISH_VERITY);
	_cleanup_free_ char *json = artefact(dir, stem, PUBLISH_VERITY_SIG);
	_cleanup_free_ char *uki = artefact(dir, stem, PUBLISH_UKI), *cmdline = NULL, *bytes = NULL;
	struct verify_chain c = { .what = "artefacts" };
	_cleanup_close_ int root_fd = -1, tree_fd = -1;
	static struct sigfile sig;
	size_t len;
	int r;

	if (!root || !tree || !json || !uki)
		return err_oom(err);
	r = read_uki(uki, &cmdline, err);
	if (r == 0)
		r = io_read_file(json, SIGFILE_BYTES, &bytes, &len, err);
	if (r)
		return r;
	root_fd = open(root, O_RDONLY | O_CLOEXEC);
	tree_fd = open(tree, O_RDONLY | O_CLOEXEC);
	if (root_fd < 0 || tree_fd < 0)
		return err_errno(err, -errno, "cannot open %s or its tree", root);
	c.root_fd = root_fd;
	c.tree_fd = tree_fd;
	c.cmdline = cmdline;
	c.sig = (const uint8_t *)bytes;
	c.sig_len = len;
	if (io_size(root_fd, &c.root_bytes) || io_size(tree_fd, &c.tree_bytes))
		return err_set(err, -EIO, "cannot tell the size of %s", root);
	c.whole_file = true;
	r = verify_chain(&c, trust, &sig, report, err);
	return r ? r : check_side_files(dir, stem, &sig, err);
}

int verify_artefacts(const char *dir, const struct verify_trust *trust, struct buf *report,
		     struct err *err)
{
	_cleanup_free_ char *raw = NULL, *bundle = NULL;
	char stem[STEM_MAX + 1];
	int r = find_stem(dir, stem, err);

	if (r == 0)
		r = check_sums(dir, report, err);
	if (r == 0)
		r = check_chain(dir, stem, trust, report, err);
	if (r)
		return r;
	raw = artefact(dir, stem, PUBLISH_RAW);
	bundle = artefact(dir, stem, PUBLISH_BUNDLE);
	if (!raw || !bundle)
		return err_oom(err);
	if (access(bundle, F_OK) == 0)
		r = verify_bundle(bundle, trust, report, err);
	if (r)
		return r;
	return access(raw, F_OK) == 0 ? verify_disk(raw, trust, report, err) : 0;
}
