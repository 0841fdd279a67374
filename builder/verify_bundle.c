/*
 * Verifying a bundle: see verify.h. It is unpacked into files without a name, as a
 * machine would unpack it into a slot, and what a boot would verify is verified there.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "builder/bundle/read.h"
#include "builder/verify.h"
#include "builder/verify_chain.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/core/cmdline.h"
#include "lib/core/pe.h"
#include "verity/sigfile.h"
#include "verity/tree.h"

static int refused(int r)
{
	return r > 0 ? VERIFY_REFUSED : r;
}

/* A file that is gone when it is closed, for what may be as large as a root. */
static int open_scratch(int *ret_fd, struct err *err)
{
	const char *dir = getenv("TMPDIR");
	int fd = open(dir ? dir : "/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_errno(err, -errno, "no temporary file in %s", dir ? dir : "/var/tmp");
	*ret_fd = fd;
	return 0;
}

static int extract(const struct bundle_file *f, enum bundle_part part, int *ret_fd,
		   struct err *err)
{
	int r = open_scratch(ret_fd, err);

	return r ? r : refused(bundle_file_extract(f, part, *ret_fd, err));
}

/* A part of at most 1 GiB as memory. */
static int load(const struct bundle_file *f, enum bundle_part part, char **ret, struct err *err)
{
	uint64_t bytes = f->manifest.part[part].bytes;
	_cleanup_free_ char *data = malloc(bytes);
	_cleanup_close_ int fd = -1;
	int r = data ? extract(f, part, &fd, err) : err_oom(err);

	if (r)
		return r;
	r = io_pread_all(fd, data, bytes, 0);
	if (r)
		return err_errno(err, r, "cannot read the %s again", bundle_part_name(part));
	*ret = TAKE_PTR(data);
	return 0;
}

/* Name, version and root hash in the UKI's command line, which is what runs. */
static int check_uki(const struct bundle_file *f, char **ret_cmdline, struct err *err)
{
	char name[IMAGE_NAME_SIZE], version[VERSION_TEXT_SIZE];
	_cleanup_free_ char *uki = NULL, *line = NULL;
	uint64_t len = f->manifest.part[BUNDLE_UKI].bytes;
	struct pe_section s;
	struct pe pe;
	int r = load(f, BUNDLE_UKI, &uki, err);

	if (r)
		return r;
	r = pe_parse(uki, len, len, &pe);
	if (r == PE_OK)
		r = pe_section_find(&pe, ".cmdline", &s);
	if (r != PE_OK)
		return err_set(err, VERIFY_REFUSED, "the UKI: %s", pe_error_text(r));
	line = strndup(uki + s.offset, s.bytes);
	if (!line)
		return err_oom(err);
	if (cmdline_get(line, strlen(line), "kiln.image", name, sizeof(name)) ||
	    cmdline_get(line, strlen(line), "kiln.version", version, sizeof(version)) ||
	    strcmp(name, f->manifest.name) || strcmp(version, f->manifest.version))
		return err_set(err, VERIFY_REFUSED, "the UKI is not of %s %s", f->manifest.name,
			       f->manifest.version);
	*ret_cmdline = TAKE_PTR(line);
	return 0;
}

/* The hash tree as a device derives it: the signed file, and the signed root hash. */
static int derive_tree(const struct bundle_file *f, int root, int tree, struct err *err)
{
	const struct bundle_manifest *m = &f->manifest;
	uint8_t hash[VERITY_HASH_BYTES], sha256[DIGEST_BYTES];
	int r = verity_tree_write(root, m->part[BUNDLE_ROOT].bytes, m->salt, m->salt_len, m->uuid,
				  tree, hash, NULL, err);

	if (r)
		return r;
	if (memcmp(hash, m->root_hash, sizeof(hash)))
		return err_set(err, VERIFY_REFUSED, "the root has another root hash");
	r = digest_fd(tree, sha256, NULL);
	if (r)
		return err_errno(err, r, "cannot read the hash tree again");
	if (memcmp(sha256, m->part[BUNDLE_VERITY].sha256, sizeof(sha256)))
		return err_set(err, VERIFY_REFUSED, "the hash tree is not the signed one");
	return 0;
}

static int check_slot(const struct bundle_file *f, const struct verify_trust *trust,
		      struct buf *report, struct err *err)
{
	_cleanup_free_ char *cmdline = NULL, *sig_bytes = NULL, *selector = NULL;
	_cleanup_close_ int root = -1, tree = -1;
	struct verify_chain c = { .what = "bundle", .whole_file = true };
	static struct sigfile sig;
	int r = check_uki(f, &cmdline, err);

	if (r == 0)
		r = load(f, BUNDLE_SIG, &sig_bytes, err);
	if (r == 0)
		r = load(f, BUNDLE_SELECTOR, &selector, err);
	if (r == 0)
		r = extract(f, BUNDLE_ROOT, &root, err);
	if (r == 0)
		r = open_scratch(&tree, err);
	if (r == 0)
		r = derive_tree(f, root, tree, err);
	if (r)
		return r;
	c.cmdline = cmdline;
	c.root_fd = root;
	c.tree_fd = tree;
	c.root_bytes = f->manifest.part[BUNDLE_ROOT].bytes;
	c.tree_bytes = f->manifest.part[BUNDLE_VERITY].bytes;
	c.sig = (const uint8_t *)sig_bytes;
	c.sig_len = f->manifest.part[BUNDLE_SIG].bytes;
	r = verify_chain(&c, trust, &sig, report, err);
	if (r == 0 && memcmp(sig.root, f->manifest.root_hash, sizeof(sig.root)))
		r = err_set(err, VERIFY_REFUSED, "UKI and manifest name different root hashes");
	return r;
}

int verify_bundle(const char *path, const struct verify_trust *trust, struct buf *report,
		  struct err *err)
{
	_cleanup_bundle_file_ struct bundle_file f = BUNDLE_FILE_INIT;
	int r = bundle_file_open(path, trust->pem, trust->len, &f, err);

	if (r)
		return err_add(err, refused(r), "%s", path);
	buf_addf(report, "ok  %-12s  the manifest is signed: %s %s for %s\n", "bundle",
		 f.manifest.name, f.manifest.version, f.manifest.arch);
	r = bundle_file_check(&f, err);
	if (r)
		return err_add(err, refused(r), "%s", path);
	buf_addf(report, "ok  %-12s  %u chunks are the signed ones, and nothing is beside them\n",
		 "bundle", f.index.n_chunks);
	r = check_slot(&f, trust, report, err);
	return r ? err_add(err, r, "%s", path) : 0;
}
