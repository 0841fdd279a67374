/*
 * The verified root: first the signature of the root hash, then the mapping, then the mount. Every
 * parameter comes from the signed command line; the verity superblock is never read, because the
 * root hash does not cover it and the kernel would accept a shortened device.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "bootloader/initramfs/boot.h"
#include "bootloader/initramfs/dm.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/core/verity_table.h"
#include "verity/cms.h"
#include "verity/sigfile.h"

#define KEYS "/keys/image.pem"
#define NODE_WAIT_US 2000000
#define NODE_STEP_US 2000

int step_signature(struct boot *b, struct err *err)
{
	static uint8_t raw[SIGFILE_BYTES];
	static struct sigfile sig;
	_cleanup_free_ char *keys = NULL;
	char node[RAWDISK_NAME_MAX];
	struct gpt_partition p;
	size_t keys_len;
	int r;

	r = io_read_file(KEYS, CMS_PEM_MAX, &keys, &keys_len, err);
	if (!r)
		r = rawdisk_partition(&b->disk, gpt_name_sig[b->slot], &p, node, err);
	if (r)
		return r;
	if (gpt_size_bytes(&b->disk.gpt, &p) < sizeof(raw))
		return err_set(err, -EBADMSG, "%s is too small", node);
	r = io_pread_all(b->disk.fd, raw, sizeof(raw), gpt_offset_bytes(&b->disk.gpt, &p));
	if (r)
		return err_errno(err, r, "%s", node);
	r = sigfile_parse(raw, sizeof(raw), &sig, err);
	if (r)
		return err_add(err, r, "%s", node);
	if (memcmp(sig.root, b->params.verity.root_hash, sizeof(sig.root)))
		return err_set(err, -EBADMSG, "%s signs another root hash", node);
	r = cms_verify(sig.der, sig.der_len, b->params.roothash, strlen(b->params.roothash), keys,
		       keys_len, err);
	return r > 0 ? -EKEYREJECTED : r;
}

/* Number of /dev/@node as device-mapper takes it, and the partition's size. */
static int device_number(struct boot *b, const char *label, char *ret, size_t size,
			 uint64_t *ret_bytes, struct err *err)
{
	char node[RAWDISK_NAME_MAX], path[RAWDISK_NAME_MAX + 8];
	struct gpt_partition p;
	struct stat st;
	int r;

	r = rawdisk_partition(&b->disk, label, &p, node, err);
	if (r)
		return r;
	snprintf(path, sizeof(path), "/dev/%s", node);
	if (stat(path, &st))
		return err_errno(err, -errno, "%s", path);
	if (!S_ISBLK(st.st_mode))
		return err_set(err, -ENOTBLK, "%s is not a block device", path);
	snprintf(ret, size, "%u:%u", major(st.st_rdev), minor(st.st_rdev));
	*ret_bytes = gpt_size_bytes(&b->disk.gpt, &p);
	return 0;
}

static int wait_for(const char *path, struct err *err)
{
	for (int waited = 0; waited < NODE_WAIT_US; waited += NODE_STEP_US) {
		if (!access(path, F_OK))
			return 0;
		usleep(NODE_STEP_US);
	}
	return err_set(err, -ENODEV, "%s did not appear", path);
}

int step_verity(struct boot *b, struct err *err)
{
	const struct verity_params *v = &b->params.verity;
	char data[32], hash[32], table[VERITY_TABLE_TEXT_SIZE], uuid[128];
	struct dm_map map = { .name = "root", .uuid = uuid, .target = "verity", .params = table };
	uint64_t data_bytes, hash_bytes;
	unsigned int device_minor;
	int r;

	r = device_number(b, gpt_name_root[b->slot], data, sizeof(data), &data_bytes, err);
	if (!r)
		r = device_number(b, gpt_name_verity[b->slot], hash, sizeof(hash), &hash_bytes,
				  err);
	if (r)
		return r;
	r = verity_params_fit(v, data_bytes, hash_bytes);
	if (!r)
		r = verity_table_format(v, data, hash, table, sizeof(table));
	if (r)
		return err_set(err, -EINVAL, "%s", verity_error_text(r));
	map.sectors = verity_data_sectors(v);
	snprintf(uuid, sizeof(uuid), "CRYPT-VERITY-%.32s-root", b->params.roothash);
	r = dm_create(&map, &device_minor, err);
	if (r)
		return r;
	snprintf(b->root_device, sizeof(b->root_device), "/dev/dm-%u", device_minor);
	r = wait_for(b->root_device, err);
	if (!r)
		record_stage(&b->record, BS_STAGE_VERITY);
	return r;
}

/* The kernel's file systems are needed in the root too: mke2fs and e2fsck run there. */
static int bind_kernel_dirs(struct err *err)
{
	static const char *const dirs[] = { "/proc", "/sys", "/dev", "/run" };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		char to[32];

		snprintf(to, sizeof(to), BOOT_SYSROOT "%s", dirs[i]);
		if (mount(dirs[i], to, NULL, MS_BIND | MS_REC, NULL))
			return err_errno(err, -errno, "bind %s", to);
	}
	return 0;
}

int step_root(struct boot *b, struct err *err)
{
	mkdir(BOOT_SYSROOT, 0755);
	if (mount(b->root_device, BOOT_SYSROOT, "squashfs", MS_RDONLY | MS_NODEV, NULL))
		return err_errno(err, -errno, "mount squashfs");
	return bind_kernel_dirs(err);
}
