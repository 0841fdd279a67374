/* See inspect_bundle.h. */
#include "builder/inspect_bundle.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "builder/bundle/read.h"
#include "lib/base/buf.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/json.h"

#define MIB 1048576.0

static void json_delta(struct json *j, const struct bundle_delta *d)
{
	json_open(j, "since", '{');
	json_u64(j, "fetched_bytes", d->fetched_bytes);
	json_u64(j, "reused_bytes", d->reused_bytes);
	for (unsigned p = 0; p < BUNDLE_CARRIED; p++)
		json_u64(j, bundle_part_name(p), d->part_bytes[p]);
	json_close(j);
}

static int print_json(const char *path, const struct bundle_file *f, const struct bundle_delta *d,
		      struct err *err)
{
	const struct bundle_manifest *m = &f->manifest;
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct json j = JSON_INIT(&out);
	char hex[DIGEST_HEX_SIZE];

	digest_hex(m->root_hash, sizeof(m->root_hash), hex);
	json_open(&j, NULL, '{');
	json_str(&j, "bundle", path);
	json_u64(&j, "bytes", f->bytes);
	json_str(&j, "name", m->name);
	json_str(&j, "version", m->version);
	json_str(&j, "architecture", m->arch);
	json_u64(&j, "epoch", m->epoch);
	json_u64(&j, "state_reads", m->state_min);
	json_u64(&j, "state_version", m->state_max);
	json_u64(&j, "tries", m->tries);
	json_str(&j, "root_hash", hex);
	json_u64(&j, "chunks", f->index.n_chunks);
	json_u64(&j, "data_bytes", m->data_bytes);
	json_open(&j, "parts", '{');
	for (unsigned p = 0; p < BUNDLE_PARTS; p++) {
		digest_hex(m->part[p].sha256, 32, hex);
		json_open(&j, bundle_part_name(p), '{');
		json_u64(&j, "bytes", m->part[p].bytes);
		json_str(&j, "sha256", hex);
		json_close(&j);
	}
	json_close(&j);
	if (d)
		json_delta(&j, d);
	json_close(&j);
	if (!buf_ok(&out))
		return err_oom(err);
	puts(out.data);
	return 0;
}

static void print_delta(const char *since, const struct bundle_file *f,
			const struct bundle_delta *d)
{
	const char *before = ": ";

	printf("\nsince %s\n", since);
	printf("  fetched    %.2f MiB, %.2f %% of the bundle", (double)d->fetched_bytes / MIB,
	       100.0 * (double)d->fetched_bytes / (double)f->bytes);
	for (unsigned p = 0; p < BUNDLE_CARRIED; p++) {
		if (d->part_bytes[p] == 0)
			continue;
		printf("%s%s %.2f", before, bundle_part_name(p), (double)d->part_bytes[p] / MIB);
		before = ", ";
	}
	printf("\n  reused     %.2f MiB\n", (double)d->reused_bytes / MIB);
}

static void print_text(const char *path, const struct bundle_file *f)
{
	const struct bundle_manifest *m = &f->manifest;
	char hex[DIGEST_HEX_SIZE];

	digest_hex(m->root_hash, sizeof(m->root_hash), hex);
	printf("bundle %s\n", path);
	printf("  size       %.1f MiB: %u chunks, %.1f MiB of data\n", (double)f->bytes / MIB,
	       f->index.n_chunks, (double)m->data_bytes / MIB);
	printf("  image      %s %s for %s, epoch %" PRIu64 ", %u tries\n", m->name, m->version,
	       m->arch, m->epoch, m->tries);
	printf("  state      reads layouts %u to %u, writes %u\n", m->state_min, m->state_max,
	       m->state_max);
	printf("  root hash  %s\n\n%-10s %12s %8s  SHA-256\n", hex, "part", "bytes", "chunks");
	for (unsigned p = 0; p < BUNDLE_PARTS; p++) {
		digest_hex(m->part[p].sha256, 32, hex);
		printf("%-10s %12" PRIu64 " ", bundle_part_name(p), m->part[p].bytes);
		if (p < BUNDLE_CARRIED)
			printf("%8u  %s\n", f->index.start[p + 1] - f->index.start[p], hex);
		else
			printf("%8s  %s\n", "derived", hex);
	}
}

int inspect_bundle(const char *path, const char *since, bool json, struct err *err)
{
	_cleanup_bundle_file_ struct bundle_file f = BUNDLE_FILE_INIT, old = BUNDLE_FILE_INIT;
	struct bundle_delta delta;
	int r = bundle_file_open(path, NULL, 0, &f, err);

	if (r)
		return err_add(err, r, "%s", path);
	if (since) {
		r = bundle_file_open(since, NULL, 0, &old, err);
		if (r)
			return err_add(err, r, "%s", since);
		r = bundle_delta(&old, &f, &delta);
		if (r)
			return err_errno(err, r, "%s", since);
	}
	if (json)
		return print_json(path, &f, since ? &delta : NULL, err);
	print_text(path, &f);
	if (since)
		print_delta(since, &f, &delta);
	return 0;
}
