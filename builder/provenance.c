/* See provenance.h. No time, host or path goes in: same inputs, same manifest. */
#include "builder/provenance.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "builder/publish/publish.h"
#include "builder/recipe/recipe.h"
#include "builder/resolve/lock.h"
#include "builder/rootfs/manifest.h"
#include "builder/rootfs/rootfs.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/data.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/proc.h"
#include "uki/uki.h"
#include "verity/tree.h"

#define INPUTS_MAX 12
#define TOOL_VERSION_MAX 80

struct inputs {
	struct publish_input item[INPUTS_MAX];
	char hex[INPUTS_MAX][DIGEST_HEX_SIZE];
	char version[INPUTS_MAX][TOOL_VERSION_MAX];
	size_t n;
};

static void add_text(struct inputs *in, const char *name, struct buf *text)
{
	uint8_t d[DIGEST_BYTES];

	digest_bytes(text->data ? text->data : "", text->len, d);
	digest_hex(d, sizeof(d), in->hex[in->n]);
	in->item[in->n] = (struct publish_input){ .name = name, .sha256 = in->hex[in->n] };
	in->n++;
}

static int add_file(struct inputs *in, const char *name, const char *path, struct err *err)
{
	uint8_t d[DIGEST_BYTES];
	int r = path ? digest_file(path, d, NULL, err) : -ENOENT;

	if (r < 0)
		return r;
	digest_hex(d, sizeof(d), in->hex[in->n]);
	in->item[in->n] = (struct publish_input){ .name = name, .sha256 = in->hex[in->n] };
	in->n++;
	return 0;
}

/* The first line a tool prints about itself; tools that do not say count by name alone. */
static void add_tool(struct inputs *in, const char *name, const char *flag)
{
	char *argv[] = { (char *)name, (char *)flag, NULL };
	_cleanup_buf_ struct buf out = BUF_INIT, errs = BUF_INIT;
	struct proc_options o = { .output = &out, .errors = &errs };
	const char *line;

	proc_run(argv, &o, NULL);
	line = out.len ? out.data : errs.len ? errs.data : "";
	snprintf(in->version[in->n], TOOL_VERSION_MAX, "%.*s", (int)strcspn(line, "\n"), line);
	in->item[in->n] = (struct publish_input){ .name = name, .version = in->version[in->n] };
	in->n++;
}

static int collect_inputs(const struct provenance_inputs *p, struct inputs *in, struct err *err)
{
	static const char *const parts[] = { "kiln-init", "kiln-selector-x64.efi",
					    "kiln-stub-x64.efi", "slotctl", "kiln-fetch" };
	_cleanup_buf_ struct buf recipe = BUF_INIT, lock = BUF_INIT;
	int r = 0;

	in->item[in->n++] = (struct publish_input){ .name = "kiln", .version = KILN_VERSION };
	recipe_show(p->recipe, &recipe);
	add_text(in, "recipe", &recipe);
	lock_print(p->lock, &lock);
	add_text(in, "lock", &lock);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(parts); i++) {
		_cleanup_free_ char *path = data_path(parts[i], err);

		r = add_file(in, parts[i], path, err);
	}
	add_tool(in, "mksquashfs", "-version");
	add_tool(in, "mformat", "--version");
	return buf_ok(&recipe) && buf_ok(&lock) ? r : err_oom(err);
}

int provenance_publish(struct publish *p, const struct provenance_inputs *in, struct err *err)
{
	struct inputs inputs = { .n = 0 };
	_cleanup_buf_ struct buf files = BUF_INIT;
	_cleanup_free_ struct publish_package *packages =
		calloc(in->lock->n_packages + 1, sizeof(*packages));
	char root[DIGEST_HEX_SIZE], salt[DIGEST_HEX_SIZE], files_hex[DIGEST_HEX_SIZE];
	uint8_t d[DIGEST_BYTES];
	struct publish_info info = {
		.suite = in->recipe->suite, .epoch_s = in->lock->timestamp, .root_hash = root,
		.salt = salt, .data_blocks = in->root_bytes / VERITY_BLOCK_BYTES,
		.hash_start_block = VERITY_HASH_START_BLOCK, .kernel = in->tree->kernel_version,
		.cmdline = in->cmdline, .credentials = in->recipe->credentials,
		.files_sha256 = files_hex, .n_files = in->manifest->n,
		.root_slot_bytes = in->recipe->root_slot_bytes,
		.boot_slot_bytes = in->recipe->boot_slot_bytes,
		.state_bytes = in->recipe->state_bytes, .packages = packages,
		.n_packages = in->lock->n_packages, .inputs = inputs.item,
	};
	int r = packages ? collect_inputs(in, &inputs, err) : err_oom(err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < in->lock->n_packages; i++) {
		const struct lock_package *l = &in->lock->packages[i];

		packages[i] = (struct publish_package){ .name = l->name, .version = l->version,
							.arch = l->arch, .sha256 = l->sha256 };
	}
	digest_hex(in->root_hash, DIGEST_BYTES, root);
	digest_hex(in->salt, DIGEST_BYTES, salt);
	manifest_print(in->manifest, &files);
	if (!buf_ok(&files))
		return err_oom(err);
	digest_bytes(files.data ? files.data : "", files.len, d);
	digest_hex(d, sizeof(d), files_hex);
	info.n_inputs = inputs.n;
	return publish_manifest(p, &info, err);
}
