/*
 * publish_manifest() of publish.h: what the image is, what it was made from and
 * what it consists of, for people, `kiln diff` and update servers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "builder/publish/publish.h"
#include "builder/publish/sbom.h"
#include "builder/publish/staging.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/json.h"

#define MANIFEST_FORMAT 1

static int by_package(const void *a, const void *b)
{
	const struct publish_package *pa = a, *pb = b;
	int r = strcmp(pa->name, pb->name);

	if (r == 0)
		r = strcmp(pa->version, pb->version);
	return r ? r : strcmp(pa->arch, pb->arch);
}

static void print_image(struct json *j, const struct publish *p, const struct publish_info *i)
{
	json_u64(j, "format", MANIFEST_FORMAT);
	json_str(j, "name", p->name);
	json_str(j, "version", p->version);
	json_str(j, "architecture", p->arch);
	json_str(j, "suite", i->suite);
	json_u64(j, "epoch", i->epoch_s);
	json_open(j, "verity", '{');
	json_str(j, "root_hash", i->root_hash);
	json_str(j, "salt", i->salt);
	json_str(j, "algorithm", "sha256");
	json_u64(j, "block_bytes", 4096);
	json_u64(j, "data_blocks", i->data_blocks);
	json_u64(j, "hash_start_block", i->hash_start_block);
	json_close(j);
	json_open(j, "kernel", '{');
	json_str(j, "release", i->kernel);
	json_str(j, "cmdline", i->cmdline);
	json_close(j);
	json_bool(j, "credentials", i->credentials);
	json_open(j, "slots", '{');
	json_u64(j, "root_bytes", i->root_slot_bytes);
	json_u64(j, "boot_bytes", i->boot_slot_bytes);
	json_u64(j, "state_bytes", i->state_bytes);
	json_close(j);
	json_open(j, "files", '{');
	json_u64(j, "count", i->n_files);
	json_str(j, "sha256", i->files_sha256);
	json_close(j);
}

static void print_artefacts(struct json *j, const struct staged_list *files)
{
	json_open(j, "artefacts", '[');
	for (size_t i = 0; i < files->n; i++) {
		json_open(j, NULL, '{');
		json_str(j, "name", files->item[i].name);
		json_u64(j, "bytes", files->item[i].bytes);
		json_str(j, "sha256", files->item[i].sha256);
		json_close(j);
	}
	json_close(j);
}

static void print_inputs(struct json *j, const struct publish_info *info)
{
	json_open(j, "inputs", '[');
	for (size_t i = 0; i < info->n_inputs; i++) {
		const struct publish_input *in = &info->inputs[i];

		json_open(j, NULL, '{');
		json_str(j, "name", in->name);
		if (in->version)
			json_str(j, "version", in->version);
		if (in->sha256)
			json_str(j, "sha256", in->sha256);
		json_close(j);
	}
	json_close(j);
}

static void print_packages(struct json *j, const struct publish_package *packages, size_t n)
{
	json_open(j, "packages", '[');
	for (size_t i = 0; i < n; i++) {
		json_open(j, NULL, '{');
		json_str(j, "name", packages[i].name);
		json_str(j, "version", packages[i].version);
		json_str(j, "architecture", packages[i].arch);
		if (packages[i].source)
			json_str(j, "source", packages[i].source);
		json_str(j, "sha256", packages[i].sha256);
		json_close(j);
	}
	json_close(j);
}

int publish_manifest(struct publish *p, const struct publish_info *info, struct err *err)
{
	_cleanup_free_ struct publish_package *sorted =
		calloc(info->n_packages + 1, sizeof(*sorted));
	_cleanup_buf_ struct buf text = BUF_INIT, spdx = BUF_INIT;
	struct json j = JSON_INIT(&text);
	const struct sbom_image image = { p->name, p->version, p->arch, info->root_hash,
					  info->epoch_s };
	int r = sorted ? staged_hash(p, err) : err_oom(err);

	if (r < 0)
		return r;
	if (info->n_packages)
		memcpy(sorted, info->packages, info->n_packages * sizeof(*sorted));
	qsort(sorted, info->n_packages, sizeof(*sorted), by_package);
	json_open(&j, NULL, '{');
	print_image(&j, p, info);
	print_artefacts(&j, &p->hashed);
	print_inputs(&j, info);
	print_packages(&j, sorted, info->n_packages);
	json_close(&j);
	buf_addc(&text, '\n');
	sbom_print(&image, sorted, info->n_packages, &spdx);
	if (!buf_ok(&text) || !buf_ok(&spdx))
		return err_oom(err);
	r = publish_write(p, PUBLISH_MANIFEST, text.data, text.len, err);
	return r < 0 ? r : publish_write(p, PUBLISH_SPDX, spdx.data, spdx.len, err);
}
