/*
 * See pipeline.h. Every stage is one function that reads what earlier ones left
 * in struct build; build_done() releases whatever was reached.
 */
#include "builder/pipeline.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "builder/additions.h"
#include "builder/bundle/make.h"
#include "builder/disk/disk.h"
#include "builder/keys.h"
#include "builder/provenance.h"
#include "builder/publish/publish.h"
#include "builder/recipe/recipe.h"
#include "builder/resolve/fetch.h"
#include "builder/resolve/lock.h"
#include "builder/resolve/resolve.h"
#include "builder/resolve/store.h"
#include "builder/rootfs/manifest.h"
#include "builder/rootfs/rootfs.h"
#include "builder/rootfs/sandbox.h"
#include "builder/squash/squash.h"
#include "builder/workdir.h"
#include "lib/base/atomic_file.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/data.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/log.h"
#include "lib/base/progress.h"
#include "lib/core/verity_table.h"
#include "lib/core/watchdog.h"
#include "uki/initramfs.h"
#include "uki/uki.h"
#include "verity/sigfile.h"
#include "verity/tree.h"

#define OS_RELEASE_MAX (64u << 10)
#define MANIFEST_MAX (256u << 20)

struct build {
	const struct pipeline_options *o;
	struct recipe *recipe;
	struct lock *lock;
	char *lock_path;
	struct store *store;
	struct sandbox *sandbox;
	struct workdir work;
	struct additions additions;
	struct rootfs_result tree;
	struct keys *keys;
	struct publish *publish;
	char *manifest_path; /* text of the tree's manifest */
	struct manifest manifest;
	char *cmdline;
	uint8_t salt[VERITY_DIGEST_BYTES], root_hash[VERITY_DIGEST_BYTES];
	uint64_t root_bytes, uki_bytes, initrd_bytes;
	struct made_bundle bundle;
};

static void build_done(struct build *b)
{
	made_bundle_done(&b->bundle);
	publish_free(b->publish);
	keys_free(b->keys);
	manifest_done(&b->manifest);
	rootfs_result_done(&b->tree);
	additions_done(&b->additions);
	if (b->sandbox && b->o->keep && b->work.path) {
		log_step("Kept", "%s", b->work.path);
		workdir_keep(&b->work);
	}
	if (b->sandbox)
		workdir_close(&b->work, b->sandbox);
	sandbox_free(b->sandbox);
	store_free(b->store);
	lock_free(b->lock);
	recipe_free(b->recipe);
	free(b->lock_path);
	free(b->manifest_path);
	free(b->cmdline);
}

static void warn(const char *text)
{
	log_warning("%s", text);
}

static int get_packages(struct build *b, struct err *err)
{
	const struct pipeline_options *o = b->o;
	struct resolve_options resolve = {
		.mirrors = o->mirrors, .n_mirrors = o->n_mirrors, .lock_path = b->lock_path,
		.locked = o->locked, .offline = o->offline, .warn = warn,
	};
	struct fetch_options fetch = {
		.mirrors = o->mirrors, .n_mirrors = o->n_mirrors, .offline = o->offline,
	};
	bool changed = false;
	int r = store_open(NULL, &b->store, err);

	if (r < 0)
		return r;
	resolve.store = fetch.store = b->store;
	r = resolve_lock(b->recipe, &resolve, &b->lock, &changed, err);
	if (r < 0)
		return r;
	log_step(changed ? "Locked" : "Lock", "%s: %zu packages of %s", b->lock_path,
		 b->lock->n_packages, b->recipe->suite);
	return fetch_packages(b->lock, &fetch, err);
}

/* The ids of the lock for rootfs; the names still belong to the lock. */
static int ids_of_lock(const struct lock *l, struct rootfs_ids *ret, struct err *err)
{
	ret->n = 0;
	ret->item = calloc(l->n_users + l->n_groups + 1, sizeof(*ret->item));
	if (!ret->item)
		return err_oom(err);
	for (size_t i = 0; i < l->n_users; i++)
		ret->item[ret->n++] = (struct rootfs_id){ .name = l->users[i].name,
							  .id = l->users[i].uid };
	for (size_t i = 0; i < l->n_groups; i++)
		ret->item[ret->n++] = (struct rootfs_id){ .name = l->groups[i].name,
							  .group = true,
							  .id = l->groups[i].gid };
	return 0;
}

static uint32_t group_of(const struct rootfs_ids *ids, const struct rootfs_id *user)
{
	for (size_t i = 0; i < ids->n; i++)
		if (ids->item[i].group && !strcmp(ids->item[i].name, user->name))
			return ids->item[i].id;
	return user->id;
}

/* Remember the ids that packages were given, unless the lock must not change. */
static int keep_ids(struct build *b, struct err *err)
{
	const struct rootfs_ids *ids = &b->tree.ids;
	int r = 0;

	for (size_t i = 0; i < ids->n && r == 0; i++)
		r = ids->item[i].group ?
			    lock_set_group(b->lock, ids->item[i].name, ids->item[i].id) :
			    lock_set_user(b->lock, ids->item[i].name, ids->item[i].id,
					  group_of(ids, &ids->item[i]));
	if (r < 0)
		return err_oom(err);
	return b->o->locked ? 0 : lock_write(b->lock, b->lock_path, err);
}

static int make_tree(struct build *b, struct err *err)
{
	_cleanup_free_ struct rootfs_deb *debs = calloc(b->lock->n_packages + 1, sizeof(*debs));
	struct rootfs_ids ids = { 0 };
	struct rootfs_options o = {
		.work_dir = b->work.path, .recipe = b->recipe, .debs = debs,
		.n_debs = b->lock->n_packages, .inject = b->additions.item,
		.n_inject = b->additions.n, .epoch_s = b->lock->timestamp, .ids = &ids,
		.engine = b->o->faithful ? ROOTFS_FAITHFUL : ROOTFS_FAST,
		.verbose = b->o->verbose,
	};
	int r = debs ? ids_of_lock(b->lock, &ids, err) : err_oom(err);

	for (size_t i = 0; r == 0 && i < b->lock->n_packages; i++) {
		const struct lock_package *p = &b->lock->packages[i];

		debs[i] = (struct rootfs_deb){ .name = p->name, .version = p->version,
					       .arch = p->arch,
					       .path = store_path(b->store, p->sha256) };
		if (!debs[i].path)
			r = err_oom(err);
	}
	if (r == 0)
		r = rootfs_build(&o, b->sandbox, &b->tree, err);
	for (size_t i = 0; debs && i < b->lock->n_packages; i++)
		free((char *)debs[i].path);
	free(ids.item);
	return r < 0 ? r : keep_ids(b, err);
}

/* Inside the sandbox: the manifest of the tree as text, and the tree as squashfs. */
static int pack_inside(void *arg, struct err *err)
{
	struct build *b = arg;
	struct squash_options o = {
		.tree = b->tree.tree, .output = publish_path(b->publish, PUBLISH_ROOT),
		.epoch_s = b->lock->timestamp,
	};
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct manifest m = { 0 };
	int r = manifest_walk(b->tree.tree, &m, err);

	if (r == 0) {
		manifest_print(&m, &text);
		r = buf_ok(&text) ? atomic_file_write(b->manifest_path, text.data, text.len, 0644,
						      err) :
				    err_oom(err);
	}
	o.manifest = &m;
	if (r == 0)
		r = squash_pack(&o, &b->root_bytes, err);
	if (r == 0)
		r = squash_check_fit(b->tree.tree, &m, b->root_bytes, b->recipe->root_slot_bytes,
				     err);
	manifest_done(&m);
	return r;
}

static int pack(struct build *b, struct err *err)
{
	const char *image = publish_path(b->publish, PUBLISH_ROOT);
	_cleanup_free_ char *text = NULL;
	struct stat st;
	int r;

	b->manifest_path = workdir_path(&b->work, "manifest");
	if (!b->manifest_path || !image)
		return err_oom(err);
	r = sandbox_run(b->sandbox, pack_inside, b, err);
	if (r < 0)
		return r;
	if (stat(image, &st) < 0)
		return err_errno(err, -errno, "cannot read %s", image);
	b->root_bytes = (uint64_t)st.st_size;
	r = io_read_file(b->manifest_path, MANIFEST_MAX, &text, NULL, err);
	if (r == 0)
		r = manifest_parse(text, &b->manifest, err);
	if (r == 0)
		r = squash_read_back(image, &b->manifest, err);
	if (r == 0)
		log_step("Packed", "%zu paths into %.1f MiB, read back and compared", b->manifest.n,
			 (double)b->root_bytes / 1048576);
	return r;
}

static int hash_root(struct build *b, struct err *err)
{
	_cleanup_close_ int data = -1, tree = -1;
	const char *tree_path = publish_path(b->publish, PUBLISH_VERITY);
	struct progress *p = progress_new("Verity", b->root_bytes, true);
	struct verity_options o = { .progress = p };
	uint8_t uuid[VERITY_UUID_BYTES];
	int r;

	verity_derive(b->recipe->name, b->recipe->version, b->salt, uuid);
	data = open(publish_path(b->publish, PUBLISH_ROOT), O_RDONLY | O_CLOEXEC);
	tree = open(tree_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (data < 0 || tree < 0)
		r = err_errno(err, -errno, "cannot open %s", tree_path);
	else
		r = verity_tree_write(data, b->root_bytes, b->salt, sizeof(b->salt), uuid, tree,
				      b->root_hash, &o, err);
	progress_free(p);
	return r;
}

static int sign_root(struct build *b, struct err *err)
{
	_cleanup_free_ uint8_t *der = NULL;
	static struct sigfile sig;
	static uint8_t padded[SIGFILE_BYTES];
	char hex[65];
	size_t der_len;
	int r = keys_sign_root(b->keys, b->root_hash, &der, &der_len, err);

	if (r < 0)
		return r;
	if (der_len > sizeof(sig.der))
		return err_set(err, -EFBIG, "the signature has %zu bytes", der_len);
	digest_hex(b->root_hash, sizeof(b->root_hash), hex);
	memset(&sig, 0, sizeof(sig));
	memcpy(sig.root, b->root_hash, sizeof(sig.root));
	memcpy(sig.fingerprint, b->keys->fingerprint, sizeof(sig.fingerprint));
	sig.has_fingerprint = true;
	memcpy(sig.der, der, der_len);
	sig.der_len = der_len;
	r = sigfile_write(&sig, padded, err);
	if (r == 0)
		r = publish_write(b->publish, PUBLISH_ROOTHASH, hex, 64, err);
	if (r == 0)
		r = publish_write(b->publish, PUBLISH_ROOTHASH_P7S, der, der_len, err);
	if (r == 0)
		r = publish_write(b->publish, PUBLISH_VERITY_SIG, padded, sizeof(padded), err);
	if (r == 0)
		log_step("Signed", "root hash %s", hex);
	return r;
}

static int make_initrd(struct build *b, struct buf *initrd, struct err *err)
{
	_cleanup_free_ char *init = data_path("kiln-init", err);
	struct initramfs_options o = {
		.init = init, .modules_dir = b->tree.modules_dir,
		.modules = (const char *const *)b->tree.modules.item,
		.n_modules = b->tree.modules.n, .certificates = b->keys->image_cert_pem,
		.epoch_s = b->lock->timestamp,
	};

	return init ? initramfs_build(&o, initrd, NULL, err) : -ENOENT;
}

/* A kernel that hangs stays so unless something outside it resets the machine. */
static void tell_watchdogs(unsigned set, const char *release)
{
	char names[WATCHDOG_TEXT_SIZE];

	watchdog_format(set, names);
	if (set)
		log_step("Watchdog", "%s: a kernel that hangs is reset and counted", names);
	else
		log_warning("kernel %s can feed no watchdog that is armed before it starts: a "
			    "hang of it or of systemd waits for a person", release);
}

static int make_uki(struct build *b, struct err *err)
{
	_cleanup_buf_ struct buf initrd = BUF_INIT, uki = BUF_INIT;
	_cleanup_free_ char *os_release = NULL, *os_release_path = NULL;
	struct verity_params verity = {
		.data_blocks = b->root_bytes / VERITY_BLOCK_BYTES,
		.hash_start_block = VERITY_HASH_START_BLOCK, .salt_bytes = sizeof(b->salt),
	};
	struct uki_cmdline c = {
		.image = b->recipe->name, .version = b->recipe->version, .verity = &verity,
		.watchdogs = b->tree.watchdogs, .credentials = b->recipe->credentials,
		.extra = b->recipe->kernel_cmdline,
	};
	_cleanup_free_ char *stub = data_path("kiln-stub-x64.efi", err);
	struct uki_options o = { .stub = stub, .kernel = b->tree.kernel_path,
				 .release = b->tree.kernel_version };
	int r;

	if (!stub)
		return -ENOENT;
	memcpy(verity.root_hash, b->root_hash, sizeof(verity.root_hash));
	memcpy(verity.salt, b->salt, sizeof(b->salt));
	r = uki_cmdline_build(&c, &b->cmdline, err);
	if (r == 0 && !b->tree.kernel_path)
		r = err_set(err, -EINVAL, "%s: no kernel: set kernel.package", b->o->recipe);
	if (r == 0)
		r = make_initrd(b, &initrd, err);
	os_release_path = str_printf("%s/usr/lib/os-release", b->tree.tree);
	if (r == 0)
		r = os_release_path ? io_read_file(os_release_path, OS_RELEASE_MAX, &os_release,
						   NULL, err) :
				      err_oom(err);
	if (r < 0)
		return r;
	o.cmdline = b->cmdline;
	o.os_release = os_release;
	o.initrd = initrd.data;
	o.initrd_len = initrd.len;
	r = uki_build(&o, &uki, err);
	if (r == 0)
		r = uki_check_fit(uki.len, b->recipe->boot_slot_bytes, err);
	if (r == 0)
		r = publish_write(b->publish, PUBLISH_UKI, uki.data, uki.len, err);
	b->initrd_bytes = initrd.len;
	b->uki_bytes = uki.len;
	if (r < 0)
		return r;
	log_step("UKI", "kernel %s, %.1f MiB, initramfs %.2f MiB", o.release,
		 (double)uki.len / 1048576, (double)initrd.len / 1048576);
	tell_watchdogs(b->tree.watchdogs, o.release);
	return 0;
}

static int sign_manifest(void *arg, const void *content, size_t len, uint8_t **ret_der,
			 size_t *ret_der_len, struct err *err)
{
	return keys_sign(arg, content, len, ret_der, ret_der_len, err);
}

static int make_bundle(struct build *b, struct err *err)
{
	_cleanup_free_ char *selector = data_path("kiln-selector-x64.efi", err);
	struct make_options o = {
		.manifest = { .epoch = b->lock->timestamp, .tries = b->recipe->health_tries,
			      .state_min = b->recipe->state_reads,
			      .state_max = b->recipe->state_version,
			      .salt_len = sizeof(b->salt) },
		.part = { [BUNDLE_UKI] = publish_path(b->publish, PUBLISH_UKI),
			  [BUNDLE_ROOT] = publish_path(b->publish, PUBLISH_ROOT),
			  [BUNDLE_VERITY] = publish_path(b->publish, PUBLISH_VERITY),
			  [BUNDLE_SIG] = publish_path(b->publish, PUBLISH_VERITY_SIG),
			  [BUNDLE_SELECTOR] = selector },
		.output = publish_path(b->publish, PUBLISH_BUNDLE),
		.sign = sign_manifest, .arg = b->keys,
	};
	struct bundle_manifest *m = &o.manifest;
	uint8_t salt[VERITY_DIGEST_BYTES];
	int r;

	if (!selector)
		return -ENOENT;
	snprintf(m->name, sizeof(m->name), "%s", b->recipe->name);
	snprintf(m->version, sizeof(m->version), "%s", b->recipe->version);
	snprintf(m->arch, sizeof(m->arch), "%s", b->recipe->architecture);
	verity_derive(b->recipe->name, b->recipe->version, salt, m->uuid);
	memcpy(m->salt, b->salt, sizeof(b->salt));
	memcpy(m->root_hash, b->root_hash, sizeof(m->root_hash));
	r = bundle_make(&o, &b->bundle, err);
	if (r == 0)
		log_step("Bundle", "%.1f MiB in %u chunks", (double)b->bundle.file_bytes / 1048576,
			 b->bundle.n_chunks);
	return r;
}

static bool wants(const struct recipe *r, const char *output)
{
	for (size_t i = 0; i < r->outputs.n; i++)
		if (!strcmp(r->outputs.item[i], output))
			return true;
	return false;
}

static int make_disk(struct build *b, struct err *err)
{
	_cleanup_free_ char *selector = data_path("kiln-selector-x64.efi", err);
	struct disk_options o = {
		.name = b->recipe->name, .version = b->recipe->version, .selector = selector,
		.uki = publish_path(b->publish, PUBLISH_UKI),
		.root = publish_path(b->publish, PUBLISH_ROOT),
		.verity = publish_path(b->publish, PUBLISH_VERITY),
		.verity_sig = publish_path(b->publish, PUBLISH_VERITY_SIG),
		.root_slot_bytes = b->recipe->root_slot_bytes,
		.boot_slot_bytes = b->recipe->boot_slot_bytes,
		.state_bytes = b->recipe->state_bytes, .tries = b->recipe->health_tries,
		.slot_entries = b->bundle.entries, .n_slot_entries = b->bundle.n_slot_chunks,
		.epoch_s = b->lock->timestamp, .output = publish_path(b->publish, PUBLISH_RAW),
	};
	int r;

	if (!selector)
		return -ENOENT;
	memcpy(o.root_hash, b->root_hash, sizeof(o.root_hash));
	r = disk_build(&o, err);
	if (r == 0 && wants(b->recipe, "qcow2"))
		r = disk_qcow2(o.output, publish_path(b->publish, PUBLISH_QCOW2), err);
	return r;
}

static int publish_all(struct build *b, struct pipeline_result *ret, struct err *err)
{
	struct provenance_inputs in = {
		.recipe = b->recipe, .lock = b->lock, .tree = &b->tree, .manifest = &b->manifest,
		.cmdline = b->cmdline, .salt = b->salt, .root_hash = b->root_hash,
		.root_bytes = b->root_bytes,
	};
	const char *dir;
	struct stat st;
	int r = provenance_publish(b->publish, &in, err);

	if (r == 0)
		r = publish_commit(b->publish, &dir, err);
	if (r < 0)
		return r;
	digest_hex(b->root_hash, sizeof(b->root_hash), ret->root_hash);
	ret->name = strdup(b->recipe->name);
	ret->version = strdup(b->recipe->version);
	ret->dir = strdup(dir);
	ret->disk = str_printf("%s/%s.raw", dir, publish_stem(b->publish));
	ret->root_bytes = b->root_bytes;
	ret->uki_bytes = b->uki_bytes;
	ret->initrd_bytes = b->initrd_bytes;
	ret->n_packages = b->lock->n_packages;
	if (!ret->name || !ret->version || !ret->dir || !ret->disk)
		return err_oom(err);
	if (stat(ret->disk, &st) == 0)
		ret->disk_allocated_bytes = (uint64_t)st.st_blocks * 512;
	return 0;
}

static int open_keys(struct build *b, struct err *err)
{
	bool created = false;
	int r = keys_open(b->o->keys_dir, true, &b->keys, &created, err);

	if (r == 0 && created)
		log_warning("made DEVELOPMENT keys in %s: good for trying things out, not for "
			    "production; see 'kiln keys --help'",
			    b->keys->dir);
	else if (r == 0 && b->keys->development)
		log_warning("signing with the development keys in %s", b->keys->dir);
	return r;
}

static int prepare(struct build *b, struct err *err)
{
	int r = recipe_load(b->o->recipe, b->o->version, &b->recipe, err);

	if (r < 0)
		return r;
	log_step("Recipe", "%s %s", b->recipe->name, b->recipe->version);
	b->lock_path = b->o->lock ? strdup(b->o->lock) : lock_path_for(b->o->recipe);
	if (!b->lock_path)
		return err_oom(err);
	r = sandbox_new(&b->sandbox, err);
	if (r == 0)
		r = open_keys(b, err);
	if (r == 0)
		r = additions_make(b->recipe, b->keys->image_cert_pem, &b->additions, err);
	if (r == 0)
		r = publish_open(&b->publish, b->o->output_dir, b->recipe->name,
				 b->recipe->version, b->recipe->architecture, err);
	return r < 0 ? r : workdir_open(&b->work, b->sandbox, err);
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int make_image(struct build *b, struct err *err)
{
	static int (*const stages[])(struct build *, struct err *) = {
		pack, hash_root, sign_root, make_uki, make_bundle, make_disk,
	};

	for (size_t i = 0; i < ARRAY_SIZE(stages); i++) {
		int r = stages[i](b, err);

		if (r != 0)
			return r;
	}
	return 0;
}

int pipeline_build(const struct pipeline_options *o, struct pipeline_result *ret, struct err *err)
{
	struct build b = { .o = o, .work = WORKDIR_INIT };
	double start = now_s(), tree;
	int r = prepare(&b, err);

	*ret = (struct pipeline_result){ 0 };
	if (r == 0)
		r = get_packages(&b, err);
	tree = now_s();
	if (r == 0)
		r = make_tree(&b, err);
	if (r == 0)
		log_step("Tree", "%zu packages configured in %.1f s", b.lock->n_packages,
			 now_s() - tree);
	if (r == 0)
		r = make_image(&b, err);
	if (r == 0)
		r = publish_all(&b, ret, err);
	ret->seconds = now_s() - start;
	if (r != 0)
		pipeline_result_done(ret);
	build_done(&b);
	return r;
}

void pipeline_result_done(struct pipeline_result *r)
{
	free(r->name);
	free(r->version);
	free(r->dir);
	free(r->disk);
	*r = (struct pipeline_result){ 0 };
}
