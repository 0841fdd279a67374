/*
 * A small signed image as the builder lays it out, in a memory file, and a target whose
 * writes are recorded, fail and lie as they are told.
 */
#ifndef TESTS_UNIT_INSTALL_PROVISION_FIXTURE_H
#define TESTS_UNIT_INSTALL_PROVISION_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "install/medium.h"
#include "install/plan.h"
#include "install/provision.h"
#include "install/provision_source.h"
#include "install/readback.h"
#include "lib/base/blk_record.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/core/bootstate.h"
#include "tests/unit/core/pe_fixture.h"
#include "verity/keygen.h"
#include "verity/tree.h"

#define MIB (UINT64_C(1) << 20)
#define F_ROOT_BLOCKS 200
#define F_STATE_BYTES (2 * MIB)
#define F_BOOT_BYTES (3 * MIB)
#define F_IMAGE_BYTES (18 * MIB)

struct fixture {
	int fd; /* of the image */
	char path[32]; /* of it */
	char *key, *cert;
	uint8_t root_hash[32];
	struct slotdesc image;
	struct gpt gpt;
	struct blk *disk;
};

static struct fixture fx;
static struct err f_err;

/* In GPT order. */
static const char *const f_names[] = { "esp",    "boot-state", "boot-a",   "root-a", "verity-a", "sig-a",
				       "boot-b", "root-b",     "verity-b", "sig-b",  "state" };

static inline uint64_t f_bytes(const char *name)
{
	return !strcmp(name, "state") ? F_STATE_BYTES : !strncmp(name, "boot-", 5) && name[6] == 0 ? F_BOOT_BYTES : MIB;
}

static inline uint64_t f_offset(const char *name)
{
	uint64_t at = MIB;

	for (size_t i = 0; i < ARRAY_SIZE(f_names); i++) {
		if (!strcmp(f_names[i], name))
			return at;
		at += f_bytes(f_names[i]);
	}
	fail_msg("no partition %s", name);
	return 0;
}

static inline const char *f_slot_part(const char *what, unsigned slot)
{
	static char name[16];

	snprintf(name, sizeof(name), "%s-%c", what, "ab"[slot]);
	return name;
}

static inline void f_put(uint64_t at, const void *data, size_t len)
{
	assert_int_equal(io_pwrite_all(fx.fd, data, len, at), 0);
}

static inline void f_make_table(void)
{
	static const struct guid disk = { { 1 } };
	uint8_t scratch[GPT_HEAD_BYTES(512)];
	struct disk_ops ops = blk_disk_ops(fx.disk);

	assert_int_equal(gpt_init(&fx.gpt, 512, F_IMAGE_BYTES / 512, &disk), GPT_OK);
	for (unsigned i = 0; i < ARRAY_SIZE(f_names); i++) {
		struct gpt_partition p = { .idx = i, .type = gpt_type_linux, .unique = { { 9, (uint8_t)i } } };
		uint64_t bytes = f_bytes(f_names[i]);

		p.first_lba = f_offset(f_names[i]) / 512;
		p.last_lba = p.first_lba + bytes / 512 - 1;
		snprintf(p.name, sizeof(p.name), "%s", f_names[i]);
		assert_int_equal(gpt_set_partition(&fx.gpt, &p), GPT_OK);
	}
	assert_int_equal(gpt_write(&fx.gpt, &ops, scratch), 0);
}

/* Blocks 32 to 63 are a grain of zeroes, so that there is a run that is not moved. */
static inline void f_make_root(unsigned slot)
{
	static uint8_t data[F_ROOT_BLOCKS * 4096];
	static const uint8_t salt[1] = { 7 }, uuid[16];
	struct verity_options opts = { .threads = 1 };

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 31 >> 7);
	memset(data + 32 * 4096, 0, 32 * 4096);
	memcpy(data, "hsqs", 4);
	opts.data_start_bytes = f_offset(f_slot_part("root", slot));
	opts.hash_start_bytes = f_offset(f_slot_part("verity", slot));
	f_put(opts.data_start_bytes, data, sizeof(data));
	assert_int_equal(verity_tree_write(fx.fd, sizeof(data), salt, 1, uuid, fx.fd, fx.root_hash, &opts,
					   &f_err), 0);
}

static inline void f_sign(const char *cert, const char *key, unsigned slot)
{
	static uint8_t padded[SIGFILE_BYTES];
	static struct sigfile sig;
	_cleanup_free_ uint8_t *der = NULL;
	char hex[65];

	digest_hex(fx.root_hash, 32, hex);
	assert_int_equal(cms_sign(cert, key, hex, 64, &der, &sig.der_len, &f_err), 0);
	memcpy(sig.root, fx.root_hash, 32);
	memcpy(sig.der, der, sig.der_len);
	assert_int_equal(sigfile_write(&sig, padded, &f_err), 0);
	f_put(f_offset(f_slot_part("sig", slot)), padded, sizeof(padded));
}

/* A UKI with this command line, which the descriptor and the boot state will name. */
static inline void f_make_uki(unsigned slot, const char *line)
{
	static uint8_t uki[65536];
	const struct fixture_section sections[] = {
		{ ".text", 0x1000, 512, 512, FIXTURE_CODE, NULL },
		{ ".cmdline", 0x2000, (uint32_t)strlen(line), 1024, FIXTURE_CONST, line },
		{ ".linux", 0x3000, 32768, 32768, FIXTURE_CONST, NULL },
	};
	uint32_t len = fixture_pe(uki, sections, 3, 0x10000, 0x1000);

	fx.image = (struct slotdesc){ .uki_bytes = len, .name = "web", .version = "1.0", .epoch = 5 };
	digest_bytes(uki, len, fx.image.uki_sha256);
	memcpy(fx.image.root_hash, fx.root_hash, 32);
	f_put(f_offset(f_slot_part("boot", slot)), uki, len);
}

static inline void f_good_line(char line[1024])
{
	struct verity_params v = { .data_blocks = F_ROOT_BLOCKS, .hash_start_block = 1, .salt_bytes = 1,
				   .salt = { 7 } };
	char value[VERITY_PARAM_TEXT_SIZE], hex[65];

	memcpy(v.root_hash, fx.root_hash, 32);
	assert_int_equal(verity_params_format(&v, value, sizeof(value)), 0);
	digest_hex(fx.root_hash, 32, hex);
	snprintf(line, 1024, "kiln.image=web kiln.version=1.0 kiln.roothash=%s kiln.verity=%s", hex, value);
}

/* The boot state of a fresh image, or of a machine that runs its slot b. */
static inline void f_make_state(unsigned slot)
{
	static struct bs_disk disk;
	struct blk *part;
	struct disk_ops ops;
	struct bs bs;

	assert_int_equal(blk_new_window(fx.disk, f_offset("boot-state"), MIB, &part), 0);
	ops = blk_disk_ops(part);
	assert_int_equal(bs_init_fresh(&fx.image, 4, &bs), BS_OK);
	if (slot) {
		bs.slot[1] = bs.slot[0];
		bs.slot[0] = (struct bs_slot){ .status = BS_EMPTY };
		assert_int_equal(bs_count_start(&bs, 1), BS_OK);
	}
	assert_int_equal(bs_create(&disk, &ops, &bs), BS_OK);
	blk_free(part);
}

static inline void f_make_slot(unsigned slot)
{
	uint8_t esp[3 * 65536 + 100], index[512];
	char line[1024];

	memset(esp, 'e', sizeof(esp));
	memset(esp + 65536, 0, 65536);
	f_put(f_offset("esp"), esp, sizeof(esp));
	memset(index, 'i', sizeof(index));
	f_put(f_offset(f_slot_part("boot", slot)) + F_BOOT_BYTES - 4096 - sizeof(index), index, sizeof(index));
	f_make_root(slot);
	f_sign(fx.cert, fx.key, slot);
	f_good_line(line);
	f_make_uki(slot, line);
	f_make_state(slot);
}

/* The image anew, with what it is in @slot. */
static inline void f_make_image(unsigned slot)
{
	assert_int_equal(ftruncate(fx.fd, 0), 0);
	assert_int_equal(ftruncate(fx.fd, F_IMAGE_BYTES), 0);
	f_make_table();
	f_make_slot(slot);
}

static inline int f_setup(void **state)
{
	struct keygen_request req = { .use = KEYGEN_CODE_SIGN, .common_name = "t", .rsa_bits = 2048 };
	int fd = memfd_create("image", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(ftruncate(fd, F_IMAGE_BYTES), 0);
	fx.fd = fd;
	snprintf(fx.path, sizeof(fx.path), "/proc/self/fd/%d", fd);
	assert_int_equal(blk_from_fd(dup(fd), true, &fx.disk, &f_err), 0);
	assert_int_equal(keygen_make(&req, &fx.key, &fx.cert, &f_err), 0);
	f_make_image(0);
	return 0;
}

static inline int f_teardown(void **state)
{
	(void)state;
	fx.key = keygen_wipe(fx.key);
	free(fx.cert);
	blk_free(fx.disk);
	close(fx.fd);
	return 0;
}

/* ---- a target that is recorded, fails and lies ---- */

struct f_target {
	struct blk blk;
	struct blk *record;
	int fd; /* a memory file with the same bytes */
	uint64_t lie_at; /* the byte here is written wrong; 0: none */
};

static inline int ft_read(struct blk *b, uint64_t at, void *data, size_t len)
{
	return blk_read(((struct f_target *)b)->record, at, data, len);
}

static inline int ft_write(struct blk *b, uint64_t at, const void *data, size_t len)
{
	struct f_target *t = (struct f_target *)b;
	_cleanup_free_ uint8_t *copy = malloc(len);
	int r;

	assert_non_null(copy);
	memcpy(copy, data, len);
	if (t->lie_at && t->lie_at >= at && t->lie_at < at + len)
		copy[t->lie_at - at] ^= 0x10;
	r = blk_write(t->record, at, copy, len);
	if (!r)
		assert_int_equal(io_pwrite_all(t->fd, copy, len, at), 0);
	return r;
}

static inline int ft_flush(struct blk *b)
{
	return blk_flush(((struct f_target *)b)->record);
}

static inline void ft_free(struct blk *b)
{
	struct f_target *t = (struct f_target *)b;

	blk_free(t->record);
	close(t->fd);
	free(t);
}

static const struct blk_class ft_class = {
	.read = ft_read, .write = ft_write, .flush = ft_flush, .free = ft_free,
};

static inline struct f_target *ft_new(uint64_t size_bytes, uint32_t sector_bytes)
{
	struct f_target *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	assert_int_equal(blk_new_record(size_bytes, &t->record), 0);
	t->fd = memfd_create("target", MFD_CLOEXEC);
	assert_int_equal(ftruncate(t->fd, (off_t)size_bytes), 0);
	t->blk = (struct blk){ .class = &ft_class, .size_bytes = size_bytes, .sector_bytes = sector_bytes };
	return t;
}

/* Provision @t from the image (@running: from a disk that runs). What the real call returns. */
static inline int ft_provision(struct f_target *t, const uint8_t *running, const volatile int *stop)
{
	static const uint8_t seed[GUID_BYTES] = { 3 };
	_cleanup_provision_source_ struct provision_source *s = NULL;
	static struct plan plan;
	struct provision_report report;
	struct provision_options o = { .plan = &plan, .disk = &t->blk, .fd = t->fd, .trusted_pem = fx.cert,
				       .trusted_len = strlen(fx.cert), .stop = stop,
				       .piece_bytes = READBACK_GRAIN_BYTES };

	err_init(&f_err);
	assert_int_equal(provision_source_open(fx.path, running, &s, &f_err), 0);
	assert_int_equal(plan_make(s, t->blk.size_bytes, t->blk.sector_bytes, seed, &plan, &f_err), 0);
	o.source = s;
	return provision(&o, &report, &f_err);
}

/* The table of a whole disk in memory; a GPT code. */
static inline int f_table(uint8_t *disk, uint64_t bytes, uint32_t sector, struct gpt *ret);

struct f_memory {
	const uint8_t *bytes;
	uint64_t len;
};

static inline int fm_read(void *ctx, uint64_t at, void *data, size_t len)
{
	const struct f_memory *m = ctx;

	if (at > m->len || len > m->len - at)
		return -ENXIO;
	memcpy(data, m->bytes + at, len);
	return 0;
}

static inline int f_table(uint8_t *disk, uint64_t bytes, uint32_t sector, struct gpt *ret)
{
	struct f_memory m = { disk, bytes };
	const struct disk_ops ops = { .ctx = &m, .read = fm_read };

	return gpt_read(&ops, sector, bytes / sector, ret);
}

/*
 * NULL when the disk in @disk is all of the image: ESP, UKI, index, root, tree, signature in
 * slot a byte by byte, its descriptor, and a boot state that starts it. Else what is wrong.
 * Looked at without any of the code that wrote it.
 */
static inline const char *f_judge(const uint8_t *disk, const struct gpt *gpt, unsigned slot)
{
	static const char *const parts[] = { "boot", "root", "verity", "sig" };
	static uint8_t want[F_BOOT_BYTES];
	static struct bs_disk bs_disk;
	struct gpt_partition p;
	struct slotdesc d;
	struct bs bs;
	unsigned first;

	for (unsigned i = 0; i < 5; i++) {
		const char *to = i == 4 ? "esp" : f_slot_part(parts[i], 0);
		size_t len = i == 0 ? F_BOOT_BYTES - 4096 : i == 1 ? F_ROOT_BLOCKS * 4096 : i == 2 ? 4 * 4096 : MIB;
		uint64_t at;

		if (gpt_find_name(gpt, to, &p))
			return to;
		at = gpt_offset_bytes(gpt, &p);
		if (at != f_offset(to) || gpt_size_bytes(gpt, &p) != f_bytes(to))
			return "a partition lies elsewhere";
		len = i == 3 ? SIGFILE_BYTES : len;
		assert_int_equal(io_pread_all(fx.fd, want, len,
					      f_offset(i == 4 ? "esp" : f_slot_part(parts[i], slot))), 0);
		if (memcmp(want, disk + at, len))
			return i == 4 ? "esp" : parts[i];
	}
	if (slotdesc_decode(disk + f_offset("boot-a") + F_BOOT_BYTES - 4096, F_BOOT_BYTES, &d) ||
	    memcmp(&d, &fx.image, sizeof(d)))
		return "the descriptor";

	struct f_memory m = { disk + f_offset("boot-state"), MIB };
	const struct disk_ops ops = { .ctx = &m, .read = fm_read };

	if (bs_load(&bs_disk, &ops, &bs) || bs_choose(&bs, 0, 0, &first) || first != 0 ||
	    bs.slot[0].tries_left != 4 || bs.slot[1].status != BS_EMPTY || bs.boots || bs.floor != 5)
		return "the boot state";
	return NULL;
}

#endif
