#include "bootloader/initramfs/dm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"

#define CONTROL "/dev/mapper/control"

/* The header of every call, room for one table line behind it. */
struct request {
	struct dm_ioctl head;
	struct dm_target_spec spec;
	char params[DM_PARAMS_MAX];
};

static void request_init(struct request *q, const struct dm_map *map)
{
	memset(q, 0, sizeof(*q));
	q->head.version[0] = DM_VERSION_MAJOR;
	q->head.data_size = sizeof(*q);
	q->head.data_start = offsetof(struct request, spec);
	snprintf(q->head.name, sizeof(q->head.name), "%s", map->name);
}

static int call(int fd, unsigned long op, struct request *q, const char *what, struct err *err)
{
	return ioctl(fd, op, q) ? err_errno(err, -errno, "device-mapper: %s", what) : 0;
}

static int load_and_resume(int fd, const struct dm_map *map, struct err *err)
{
	struct request q;
	int r;

	request_init(&q, map);
	q.head.flags = DM_READONLY_FLAG;
	q.head.target_count = 1;
	q.spec.length = map->sectors;
	q.spec.next = sizeof(q.spec) + sizeof(q.params);
	snprintf(q.spec.target_type, sizeof(q.spec.target_type), "%s", map->target);
	snprintf(q.params, sizeof(q.params), "%s", map->params);
	r = call(fd, DM_TABLE_LOAD, &q, "load the table", err);
	if (r)
		return r;
	request_init(&q, map);
	return call(fd, DM_DEV_SUSPEND, &q, "activate", err);
}

int dm_create(const struct dm_map *map, unsigned int *ret_minor, struct err *err)
{
	_cleanup_close_ int fd = open(CONTROL, O_RDWR | O_CLOEXEC);
	unsigned int device_minor;
	struct request q;
	int r;

	if (strlen(map->params) >= DM_PARAMS_MAX)
		return err_set(err, -E2BIG, "device-mapper: the table is too long");
	if (fd < 0)
		return err_errno(err, -errno, CONTROL);
	request_init(&q, map);
	q.head.flags = DM_READONLY_FLAG;
	snprintf(q.head.uuid, sizeof(q.head.uuid), "%s", map->uuid);
	r = call(fd, DM_DEV_CREATE, &q, "create", err);
	if (r)
		return r;
	device_minor = minor(q.head.dev);
	r = load_and_resume(fd, map, err);
	if (r) {
		request_init(&q, map);
		ioctl(fd, DM_DEV_REMOVE, &q);
		return r;
	}
	*ret_minor = device_minor;
	return 0;
}
