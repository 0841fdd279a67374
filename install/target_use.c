/* See target_use.h. */
#include "install/target_use.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/core/bytes.h"

#define DEPTH_MAX 8 /* a file system on LVM on LUKS on RAID is four deep */
#define MOUNTINFO_MAX (16u << 20)

struct look {
	const struct target_world *world;
	const char *path; /* of the target, for people */
	char *mounts, *swaps;
	struct err *err;
};

/* "MAJOR:MINOR" in the first @len bytes of @text. */
static bool parse_dev(const char *text, size_t len, dev_t *ret)
{
	const char *colon = memchr(text, ':', len);
	uint64_t major_no, minor_no;

	if (!colon || !u64_parse(text, (size_t)(colon - text), &major_no) ||
	    !u64_parse(colon + 1, len - (size_t)(colon + 1 - text), &minor_no) ||
	    major_no > 0xfff || minor_no > 0xfffff)
		return false;
	*ret = makedev((unsigned)major_no, (unsigned)minor_no);
	return true;
}

/* The kernel writes blank, tab, newline and backslash as three octal digits. */
static void unescape(const char *text, size_t len, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n + 1 < size; n++) {
		if (text[i] == '\\' && len - i > 3 && text[i + 1] >= '0' && text[i + 1] <= '3') {
			out[n] = (char)((text[i + 1] - '0') << 6 | (text[i + 2] & 7) << 3 |
					(text[i + 3] & 7));
			i += 4;
		} else {
			out[n] = text[i++];
		}
	}
	out[n] = '\0';
}

/* Field number @n of a line, counted from 0; its length in *@ret_len. NULL: there is none. */
static const char *field(const char *line, size_t len, unsigned n, size_t *ret_len)
{
	const char *end = line + len;

	for (; n; n--) {
		line = memchr(line, ' ', (size_t)(end - line));
		if (!line)
			return NULL;
		line++;
	}
	*ret_len = strcspn(line, " \n");
	if (*ret_len > (size_t)(end - line))
		*ret_len = (size_t)(end - line);
	return *ret_len ? line : NULL;
}

/* The source of a mount stands two fields behind the dash. */
static bool source_is(const char *line, size_t len, const char *node)
{
	for (unsigned i = 6;; i++) {
		size_t n;
		const char *f = field(line, len, i, &n);

		if (!f)
			return false;
		if (n != 1 || *f != '-')
			continue;
		f = field(line, len, i + 2, &n);
		return f && strlen(node) == n && !memcmp(f, node, n);
	}
}

bool target_find_mount(const char *text, dev_t dev, const char *node, char *ret_where, size_t size)
{
	while (*text) {
		size_t len = strcspn(text, "\n"), dev_len, where_len;
		const char *id = field(text, len, 2, &dev_len);
		const char *where = field(text, len, 4, &where_len);
		dev_t found;

		if (id && where &&
		    ((parse_dev(id, dev_len, &found) && found == dev) ||
		     (node && source_is(text, len, node)))) {
			unescape(where, where_len, ret_where, size);
			return true;
		}
		text += len + (text[len] == '\n');
	}
	return false;
}

static bool is_swap(const char *text, const char *node)
{
	size_t n = strlen(node);

	for (; *text; text += strcspn(text, "\n"), text += *text == '\n')
		if (!strncmp(text, node, n) && (text[n] == ' ' || text[n] == '\t'))
			return true;
	return false;
}

/* @name: of the kernel, "sda3"; @upon: on which part of the target it lies, or NULL. */
static int refuse(const struct look *l, const char *name, const char *upon, const char *what,
		  const char *where)
{
	char way[96] = "";

	if (upon && strcmp(upon, name) != 0)
		snprintf(way, sizeof(way), ", which lies on /dev/%.60s,", upon);
	return err_set(l->err, TARGET_REFUSED, "%s is in use: /dev/%s%s %s%s", l->path, name, way,
		       what, where);
}

static int check_node(const struct look *l, const char *name, dev_t dev, const char *upon)
{
	char where[256], node[NAME_MAX + 6];

	snprintf(node, sizeof(node), "/dev/%s", name);
	if (target_find_mount(l->mounts, dev, node, where, sizeof(where)))
		return refuse(l, name, upon, "is mounted on ", where);
	if (is_swap(l->swaps, node))
		return refuse(l, name, upon, "is a swap area", "");
	return 0;
}

static int read_dev(const struct look *l, const char *name, dev_t *ret)
{
	char path[PATH_MAX];
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r;

	snprintf(path, sizeof(path), "%s/class/block/%s/dev", l->world->sys, name);
	r = io_read_file(path, 64, &text, &len, l->err);
	if (r)
		return r;
	len = strcspn(text, "\n");
	return parse_dev(text, len, ret) ? 0 : err_set(l->err, -EBADMSG, "%s", path);
}

static int check_name(const struct look *l, const char *name, const char *upon, unsigned depth);

/* Everything in the folder @folder of @name that is a block device. */
static int check_holders(const struct look *l, const char *name, const char *upon, unsigned depth)
{
	_cleanup_closedir_ DIR *d = NULL;
	_cleanup_free_ char *first = NULL;
	char path[PATH_MAX];
	struct dirent *e;
	int r = 0;

	snprintf(path, sizeof(path), "%s/class/block/%s/holders", l->world->sys, name);
	d = opendir(path);
	while (d && r == 0 && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		if (!first)
			first = strdup(e->d_name);
		if (!first)
			return err_oom(l->err);
		if (depth < DEPTH_MAX)
			r = check_name(l, e->d_name, upon ? upon : name, depth + 1);
	}
	/* Mounted or not, it is somebody's. */
	if (r == 0 && first)
		r = refuse(l, name, NULL, "is held by /dev/", first);
	return r;
}

static int check_name(const struct look *l, const char *name, const char *upon, unsigned depth)
{
	dev_t dev;
	int r = read_dev(l, name, &dev);

	if (r == 0)
		r = check_node(l, name, dev, upon);
	return r ? r : check_holders(l, name, upon, depth);
}

/* The partitions of the disk @name are folders in its own. */
static int check_partitions(const struct look *l, const char *name)
{
	_cleanup_closedir_ DIR *d = NULL;
	char path[PATH_MAX];
	struct dirent *e;
	int r = 0;

	snprintf(path, sizeof(path), "%s/class/block/%s", l->world->sys, name);
	d = opendir(path);
	if (!d)
		return err_errno(l->err, -errno, "%s", path);
	while (r == 0 && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/class/block/%s/%s/partition", l->world->sys, name,
			 e->d_name);
		if (access(path, F_OK) == 0)
			r = check_name(l, e->d_name, NULL, 0);
	}
	return r;
}

/* "sda" of 8:0: the last part of what /sys/dev/block/8:0 points to. */
static int kernel_name(const struct target_world *world, dev_t rdev, char out[NAME_MAX + 1],
		       struct err *err)
{
	char path[PATH_MAX], link[PATH_MAX];
	ssize_t n;
	char *base;

	snprintf(path, sizeof(path), "%s/dev/block/%u:%u", world->sys, major(rdev), minor(rdev));
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		return err_errno(err, -errno, "%s", path);
	link[n] = '\0';
	base = strrchr(link, '/');
	snprintf(out, NAME_MAX + 1, "%.*s", NAME_MAX, base ? base + 1 : link);
	return 0;
}

static int check_all(struct look *l, const char *name)
{
	char path[PATH_MAX];
	int r;

	snprintf(path, sizeof(path), "%s/class/block/%s/partition", l->world->sys, name);
	if (access(path, F_OK) == 0)
		return err_set(l->err, TARGET_REFUSED,
			       "%s is a partition; an image fills a whole disk", l->path);
	snprintf(path, sizeof(path), "%s/self/mountinfo", l->world->proc);
	r = io_read_file(path, MOUNTINFO_MAX, &l->mounts, NULL, l->err);
	if (r)
		return r;
	/* A kernel without swap has no such file. */
	snprintf(path, sizeof(path), "%s/swaps", l->world->proc);
	if (io_read_file(path, MOUNTINFO_MAX, &l->swaps, NULL, NULL))
		l->swaps = strdup("");
	if (!l->swaps)
		return err_oom(l->err);
	r = check_partitions(l, name);
	return r ? r : check_name(l, name, NULL, 0);
}

int target_check_use(const struct target_world *world, const char *path, dev_t rdev,
		     struct err *err)
{
	struct look l = { .world = world, .path = path, .err = err };
	char name[NAME_MAX + 1];
	int r = kernel_name(world, rdev, name, err);

	if (r == 0)
		r = check_all(&l, name);
	free(l.mounts);
	free(l.swaps);
	return r;
}

int target_check_loops(const struct target_world *world, const char *path, struct err *err)
{
	_cleanup_free_ char *real = realpath(path, NULL);
	_cleanup_closedir_ DIR *d = NULL;
	char file[PATH_MAX];
	struct dirent *e;

	snprintf(file, sizeof(file), "%s/class/block", world->sys);
	d = opendir(file);
	while (d && real && (e = readdir(d))) {
		_cleanup_free_ char *text = NULL;

		if (strncmp(e->d_name, "loop", 4) != 0)
			continue;
		snprintf(file, sizeof(file), "%s/class/block/%s/loop/backing_file", world->sys,
			 e->d_name);
		if (io_read_file(file, PATH_MAX, &text, NULL, NULL))
			continue;
		text[strcspn(text, "\n")] = '\0';
		if (strcmp(text, real) == 0)
			return err_set(err, TARGET_REFUSED, "%s is in use: it is /dev/%s", path,
				       e->d_name);
	}
	return 0;
}
