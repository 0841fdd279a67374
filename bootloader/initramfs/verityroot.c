/*
 * The verified root. Every parameter of the mapping comes from the signed command line; the verity
 * superblock is never read, because the root hash does not cover it and the kernel would accept a
 * shortened device.
 *
 * While early init works the mapping answers a damaged block with a read error: what is met then
 * has a reason and the kernel's own line in the flight recorder. The last step before
 * the switch replaces the table by one that panics: the machine may not live on with a root that
 * is damaged, and a panic, unlike a restart, leaves words for the next boot.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "bootloader/initramfs/boot.h"
#include "bootloader/initramfs/dm.h"
#include "bootloader/initramfs/verity_status.h"
#include "lib/base/err.h"
#include "lib/core/verity_table.h"

#define NODE_WAIT_US 2000000
#define NODE_STEP_US 2000

/* A mapping under construction: what struct dm_map points to. */
struct verity_map {
	struct dm_map map;
	char uuid[128];
	char table[VERITY_TABLE_TEXT_SIZE];
};

int boot_slot_partition(struct boot *b, const char *label, struct gpt_partition *ret,
			char ret_node[RAWDISK_NAME_MAX], struct err *err)
{
	int r = rawdisk_partition(&b->disk, label, ret, ret_node, err);

	return r ? boot_blame(b, BS_REASON_NO_PARTITION, r == -ENOENT, r) : 0;
}

/* Number of /dev/@node as device-mapper takes it, and the partition's size. */
static int device_number(struct boot *b, const char *label, char *ret, size_t size,
			 uint64_t *ret_bytes, struct err *err)
{
	char node[RAWDISK_NAME_MAX], path[RAWDISK_NAME_MAX + 8];
	struct gpt_partition p;
	struct stat st;
	int r;

	r = boot_slot_partition(b, label, &p, node, err);
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

static int prepare(struct boot *b, enum verity_damage damage, struct verity_map *ret,
		   struct err *err)
{
	const struct verity_params *v = &b->params.verity;
	uint64_t data_bytes, hash_bytes;
	char data[32], hash[32];
	int r;

	r = device_number(b, gpt_name_root[b->slot], data, sizeof(data), &data_bytes, err);
	if (!r)
		r = device_number(b, gpt_name_verity[b->slot], hash, sizeof(hash), &hash_bytes,
				  err);
	if (r)
		return r;
	r = verity_params_fit(v, data_bytes, hash_bytes);
	if (r)
		return boot_blame(b, BS_REASON_NO_PARTITION, HOPELESS,
				  err_set(err, -ENOSPC, "slot %s: %s", bs_slot_name(b->slot),
					  verity_error_text(r)));
	r = verity_table_format(v, data, hash, damage, ret->table, sizeof(ret->table));
	if (r)
		return boot_blame(b, BS_REASON_CMDLINE, HOPELESS,
				  err_set(err, -EINVAL, "%s", verity_error_text(r)));
	snprintf(ret->uuid, sizeof(ret->uuid), "CRYPT-VERITY-%.32s-root", b->params.roothash);
	ret->map = (struct dm_map){
		.name = BOOT_ROOT_NAME,
		.uuid = ret->uuid,
		.target = "verity",
		.params = ret->table,
		.sectors = verity_data_sectors(v),
	};
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
	struct verity_map m;
	unsigned int device_minor;
	int r = prepare(b, VERITY_DAMAGE_EIO, &m, err);

	if (r)
		return r;
	r = dm_create(&m.map, &device_minor, err);
	if (r == -ENODEV)
		boot_blame(b, BS_REASON_MODULES, HOPELESS, r);
	if (r)
		return r;
	snprintf(b->root_device, sizeof(b->root_device), "/dev/dm-%u", device_minor);
	return wait_for(b->root_device, err);
}

bool boot_root_damaged(void)
{
	char status[DM_PARAMS_MAX];

	return !dm_ask(BOOT_ROOT_NAME, DM_WHAT_STATUS, status, NULL) &&
	       verity_status_damaged(status);
}

/* From here on a damaged block is the end of this boot, and nothing may hold that back. */
int step_seal(struct boot *b, struct err *err)
{
	char table[DM_PARAMS_MAX];
	struct verity_map m;
	int r;

	if (boot_root_damaged())
		return err_set(err, -EBADMSG, "a block of the root is damaged");
	r = prepare(b, VERITY_DAMAGE_PANIC, &m, err);
	if (!r)
		r = dm_replace(&m.map, err);
	if (!r)
		r = dm_ask(BOOT_ROOT_NAME, DM_WHAT_TABLE, table, err);
	if (r)
		return r;
	if (!verity_table_panics(table, b->params.roothash))
		return err_set(err, -EINVAL, "the kernel did not take the table that panics: %s",
			       table);
	return 0;
}
