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

static void request_init(struct request *q, const char *name)
{
	memset(q, 0, sizeof(*q));
	q->head.version[0] = DM_VERSION_MAJOR;
	q->head.data_size = sizeof(*q);
	q->head.data_start = offsetof(struct request, spec);
	snprintf(q->head.name, sizeof(q->head.name), "%s", name);
}

static int call(int fd, unsigned long op, struct request *q, const char *what, struct err *err)
{
	return ioctl(fd, op, q) ? err_errno(err, -errno, "device-mapper: %s", what) : 0;
}

static int open_control(struct err *err)
{
	int fd = open(CONTROL, O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	return errno == ENOMEM ? err_oom(err) :
				 err_set(err, -ENODEV, "the kernel has no device-mapper");
}

/* A kernel without the target answers the load with EINVAL, as it does to a wrong table. */
static int check_target(int fd, const char *target, struct err *err)
{
	struct request q;

	request_init(&q, target);
	if (!ioctl(fd, DM_GET_TARGET_VERSION, &q) || errno != EINVAL)
		return 0;
	return err_set(err, -ENODEV, "the kernel has no device-mapper target '%s'", target);
}

/* Loading is a preparation; resuming swaps the tables, at once for whoever has the device open. */
static int load_and_resume(int fd, const struct dm_map *map, struct err *err)
{
	struct request q;
	int r;

	if (strlen(map->params) >= DM_PARAMS_MAX)
		return err_set(err, -E2BIG, "device-mapper: the table is too long");
	request_init(&q, map->name);
	q.head.flags = DM_READONLY_FLAG;
	q.head.target_count = 1;
	q.spec.length = map->sectors;
	q.spec.next = sizeof(q.spec) + sizeof(q.params);
	snprintf(q.spec.target_type, sizeof(q.spec.target_type), "%s", map->target);
	snprintf(q.params, sizeof(q.params), "%s", map->params);
	r = call(fd, DM_TABLE_LOAD, &q, "load the table", err);
	if (r)
		return r;
	request_init(&q, map->name);
	return call(fd, DM_DEV_SUSPEND, &q, "activate", err);
}

int dm_create(const struct dm_map *map, unsigned int *ret_minor, struct err *err)
{
	_cleanup_close_ int fd = open_control(err);
	unsigned int device_minor;
	struct request q;
	int r;

	r = fd < 0 ? fd : check_target(fd, map->target, err);
	if (r)
		return r;
	request_init(&q, map->name);
	q.head.flags = DM_READONLY_FLAG;
	snprintf(q.head.uuid, sizeof(q.head.uuid), "%s", map->uuid);
	r = call(fd, DM_DEV_CREATE, &q, "create", err);
	if (r)
		return r;
	device_minor = minor(q.head.dev);
	r = load_and_resume(fd, map, err);
	if (r) {
		request_init(&q, map->name);
		ioctl(fd, DM_DEV_REMOVE, &q);
		return r;
	}
	*ret_minor = device_minor;
	return 0;
}

int dm_replace(const struct dm_map *map, struct err *err)
{
	_cleanup_close_ int fd = open_control(err);

	return fd < 0 ? fd : load_and_resume(fd, map, err);
}

int dm_ask(const char *name, enum dm_what what, char ret[DM_PARAMS_MAX], struct err *err)
{
	_cleanup_close_ int fd = open_control(err);
	struct request q;
	int r;

	if (fd < 0)
		return fd;
	request_init(&q, name);
	if (what == DM_WHAT_TABLE)
		q.head.flags = DM_STATUS_TABLE_FLAG;
	r = call(fd, DM_TABLE_STATUS, &q, "ask", err);
	if (r)
		return r;
	if (q.head.target_count != 1 || q.head.flags & DM_BUFFER_FULL_FLAG)
		return err_set(err, -EMSGSIZE, "device-mapper: %s is not what was set up", name);
	q.params[sizeof(q.params) - 1] = '\0';
	memcpy(ret, q.params, sizeof(q.params));
	return 0;
}
