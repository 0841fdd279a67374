/*
 * Users and groups keep their numbers from one version to the next. See build.h.
 *
 * Packages ask for "the next free id", so the number depends on what else is
 * installed; the lock remembers it. Instead of making the accounts beforehand
 * (which would leave the package's own home and shell out), we let packages
 * choose and then renumber: the account files and the owner of every file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "builder/rootfs/build.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"

#define ACCOUNTS_MAX_BYTES (4u << 20)
#define DYNAMIC_FIRST 100u
#define DYNAMIC_LAST 999u
#define CAPS_MAX_BYTES 64
#define SHADOW_GID 42u /* base-passwd, the same everywhere */

/* New id of each old one; identity where nothing changes. */
struct remap {
	uint32_t uid[DYNAMIC_LAST + 1], gid[DYNAMIC_LAST + 1];
	bool any;
};

/* Field @k (from 0) of the account line at @line, as a number; -1 when it is none. */
static long field_number(const char *line, int k)
{
	for (; k; k--) {
		line = strchr(line, ':');
		if (!line)
			return -1;
		line++;
	}
	return *line >= '0' && *line <= '9' ? strtol(line, NULL, 10) : -1;
}

static int add_id(struct rootfs_ids *ids, const char *line, bool group, uint32_t id)
{
	struct rootfs_id *item = realloc(ids->item, (ids->n + 1) * sizeof(*item));

	if (!item)
		return -ENOMEM;
	ids->item = item;
	item[ids->n] = (struct rootfs_id){ .name = strndup(line, strcspn(line, ":")),
					   .group = group,
					   .id = id };
	return item[ids->n].name ? (ids->n++, 0) : -ENOMEM;
}

static int read_file_ids(const char *text, bool group, struct rootfs_ids *ids)
{
	while (*text) {
		long id = field_number(text, 2);
		size_t n = strcspn(text, "\n");

		/* Group 100 is "users", the same everywhere. */
		if (id >= (long)DYNAMIC_FIRST + group && id <= (long)DYNAMIC_LAST &&
		    (ids->n >= ROOTFS_IDS_MAX || add_id(ids, text, group, (uint32_t)id) < 0))
			return -ENOMEM;
		text += n + (text[n] == '\n');
	}
	return 0;
}

static int by_kind_and_name(const void *a, const void *b)
{
	const struct rootfs_id *x = a, *y = b;

	return x->group != y->group ? x->group - y->group : strcmp(x->name, y->name);
}

int build_read_ids(const char *passwd, const char *group, struct rootfs_ids *ret, struct err *err)
{
	struct rootfs_ids ids = { 0 };

	if (read_file_ids(passwd, false, &ids) < 0 || read_file_ids(group, true, &ids) < 0) {
		rootfs_ids_done(&ids);
		return err_oom(err);
	}
	if (ids.n)
		qsort(ids.item, ids.n, sizeof(*ids.item), by_kind_and_name);
	*ret = ids;
	return 0;
}

void rootfs_ids_done(struct rootfs_ids *ids)
{
	for (size_t i = 0; i < ids->n; i++)
		free(ids->item[i].name);
	free(ids->item);
	*ids = (struct rootfs_ids){ 0 };
}

static const struct rootfs_id *find_id(const struct rootfs_ids *ids, const char *name, bool group)
{
	for (size_t i = 0; ids && i < ids->n; i++)
		if (ids->item[i].group == group && !strcmp(ids->item[i].name, name))
			return &ids->item[i];
	return NULL;
}

static bool locked_number(const struct rootfs_ids *lock, bool group, uint32_t id)
{
	for (size_t i = 0; lock && i < lock->n; i++)
		if (lock->item[i].group == group && lock->item[i].id == id)
			return true;
	return false;
}

/*
 * Names of the lock get its number; a name the lock does not know keeps its own
 * unless the lock promised that number to someone, then it takes the highest
 * one nobody has or was promised.
 */
static int assign(const struct rootfs_ids *have, const struct rootfs_ids *lock, bool group,
		  uint32_t *map, bool *any, struct err *err)
{
	bool used[DYNAMIC_LAST + 1] = { false };

	for (uint32_t i = 0; i <= DYNAMIC_LAST; i++)
		map[i] = i;
	for (size_t i = 0; i < have->n; i++)
		if (have->item[i].group == group && !find_id(lock, have->item[i].name, group))
			used[have->item[i].id] = true;
	for (size_t i = 0; i < have->n; i++) {
		const struct rootfs_id *h = &have->item[i], *l;
		uint32_t id = h->id;

		if (h->group != group)
			continue;
		l = find_id(lock, h->name, group);
		if (l) {
			id = l->id;
		} else if (locked_number(lock, group, id)) {
			for (id = DYNAMIC_LAST; id >= DYNAMIC_FIRST; id--)
				if (!used[id] && !locked_number(lock, group, id))
					break;
		}
		if (id < DYNAMIC_FIRST || id > DYNAMIC_LAST)
			return err_set(err, -EINVAL, "no id is left for %s %s",
				       group ? "group" : "user", h->name);
		used[id] = true;
		map[h->id] = id;
		*any |= id != h->id;
	}
	return 0;
}

static uint32_t mapped(const uint32_t *map, uint32_t id)
{
	return id <= DYNAMIC_LAST ? map[id] : id;
}

/* Rewrite field @uid_field and/or @gid_field (-1: none) of every account line. */
static int rewrite(struct build *b, const char *path, const struct remap *m, int uid_field,
		   int gid_field, struct err *err)
{
	const struct tree_attr attr = { 0644, 0, 0, TREE_NOW };
	_cleanup_free_ char *text = NULL;
	_cleanup_buf_ struct buf out = BUF_INIT;
	int field = 0, r = tree_read(&b->tree, path, ACCOUNTS_MAX_BYTES, &text, NULL);

	if (r < 0)
		return err_errno(err, r, "cannot read /%s", path);
	for (const char *p = text; *p;) {
		size_t n = strcspn(p, ":\n");

		if ((field == uid_field || field == gid_field) && field_number(p, 0) >= 0)
			buf_addf(&out, "%u",
				 mapped(field == uid_field ? m->uid : m->gid,
					(uint32_t)field_number(p, 0)));
		else
			buf_add(&out, p, n);
		if (p[n])
			buf_addc(&out, p[n]);
		field = p[n] == ':' ? field + 1 : 0;
		p += n + (p[n] != '\0');
	}
	if (!buf_ok(&out))
		return err_oom(err);
	r = tree_write(&b->tree, path, out.data ?: "", out.len, &attr);
	return r < 0 ? err_errno(err, r, "cannot write /%s", path) : 0;
}

/* chown clears setuid bits and file capabilities: put them back. */
static int chown_one(void *arg, int dirfd, const char *name, const struct stat *st)
{
	const struct remap *m = arg;
	uid_t uid = mapped(m->uid, st->st_uid);
	gid_t gid = mapped(m->gid, st->st_gid);
	_cleanup_close_ int fd = -1;
	char caps[CAPS_MAX_BYTES];
	ssize_t n = -1;

	if (uid == st->st_uid && gid == st->st_gid)
		return 0;
	if (S_ISREG(st->st_mode)) {
		fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		n = fd < 0 ? -1 : fgetxattr(fd, "security.capability", caps, sizeof(caps));
	}
	if (fchownat(dirfd, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISLNK(st->st_mode) && fchmodat(dirfd, name, st->st_mode & 07777, 0) < 0)
		return -errno;
	if (n > 0 && fsetxattr(fd, "security.capability", caps, (size_t)n, 0) < 0)
		return -errno;
	return 0;
}

static int apply(struct build *b, struct remap *m, struct err *err)
{
	int r = rewrite(b, "etc/passwd", m, 2, 3, err), fd;

	if (r == 0)
		r = rewrite(b, "etc/group", m, -1, 2, err);
	if (r < 0)
		return r;
	fd = open(b->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = fd < 0 ? -errno : tree_walk(fd, chown_one, m);
	return r < 0 ? err_errno(err, r, "cannot renumber the owners of files") : 0;
}

static int renumber(struct build *b, const char *passwd, const char *group, struct err *err)
{
	struct rootfs_ids have = { 0 };
	struct remap m = { .any = false };
	int r = build_read_ids(passwd, group, &have, err);

	if (r == 0)
		r = assign(&have, b->o->ids, false, m.uid, &m.any, err);
	if (r == 0)
		r = assign(&have, b->o->ids, true, m.gid, &m.any, err);
	if (r == 0 && m.any)
		r = apply(b, &m, err);
	rootfs_ids_done(&have);
	return r;
}

/* ---- the order of the account files ------------------------------------------------- */

/* One line of an account file; lines without a dynamic id keep their place before the others. */
struct account {
	const char *line;
	size_t len;
	long id; /* -1: not dynamic */
	size_t at;
};

static int by_id(const void *a, const void *b)
{
	const struct account *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return (x->at > y->at) - (x->at < y->at);
}

/* The dynamic id of the account that @line of a shadow file belongs to, by @ids. */
static long id_of_line(const char *line, const struct rootfs_ids *ids, bool group)
{
	_cleanup_free_ char *name = strndup(line, strcspn(line, ":\n"));
	const struct rootfs_id *id = name ? find_id(ids, name, group) : NULL;

	return id ? (long)id->id : -1;
}

/* Sort the lines of @path by dynamic id, so that the order of configuration leaves no trace. */
static int sort_accounts(struct build *b, const char *path, uint32_t mode, uint32_t gid,
			 const struct rootfs_ids *ids, bool group, struct err *err)
{
	const struct tree_attr attr = { mode, 0, gid, TREE_NOW };
	_cleanup_free_ struct account *lines = NULL;
	_cleanup_free_ char *text = NULL;
	_cleanup_buf_ struct buf out = BUF_INIT;
	size_t n = 0, max = 1;
	int r = tree_read(&b->tree, path, ACCOUNTS_MAX_BYTES, &text, NULL);

	if (r < 0)
		return r == -ENOENT ? 0 : err_errno(err, r, "cannot read /%s", path);
	for (const char *p = text; *p; p++)
		max += *p == '\n';
	lines = calloc(max, sizeof(*lines));
	if (!lines)
		return err_oom(err);
	for (const char *p = text; *p && n < max; n++) {
		size_t len = strcspn(p, "\n");

		lines[n] = (struct account){ p, len, id_of_line(p, ids, group), n };
		p += len + (p[len] == '\n');
	}
	qsort(lines, n, sizeof(*lines), by_id);
	for (size_t i = 0; i < n; i++) {
		buf_add(&out, lines[i].line, lines[i].len);
		buf_addc(&out, '\n');
	}
	if (!buf_ok(&out))
		return err_oom(err);
	r = tree_write(&b->tree, path, out.data ?: "", out.len, &attr);
	return r < 0 ? err_errno(err, r, "cannot write /%s", path) : 0;
}

static int sort_all(struct build *b, const char *passwd, const char *group, struct err *err)
{
	struct rootfs_ids ids = { 0 };
	int r = build_read_ids(passwd, group, &ids, err);

	if (r == 0)
		r = sort_accounts(b, "etc/passwd", 0644, 0, &ids, false, err);
	if (r == 0)
		r = sort_accounts(b, "etc/shadow", 0640, SHADOW_GID, &ids, false, err);
	if (r == 0)
		r = sort_accounts(b, "etc/group", 0644, 0, &ids, true, err);
	if (r == 0)
		r = sort_accounts(b, "etc/gshadow", 0640, SHADOW_GID, &ids, true, err);
	rootfs_ids_done(&ids);
	return r;
}

static int read_both(struct build *b, char **ret_passwd, char **ret_group)
{
	int r = tree_read(&b->tree, "etc/passwd", ACCOUNTS_MAX_BYTES, ret_passwd, NULL);

	return r < 0 ? r : tree_read(&b->tree, "etc/group", ACCOUNTS_MAX_BYTES, ret_group, NULL);
}

int build_ids(struct build *b, struct err *err)
{
	_cleanup_free_ char *passwd = NULL, *group = NULL;
	_cleanup_free_ char *new_passwd = NULL, *new_group = NULL;
	int r = read_both(b, &passwd, &group);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_errno(err, r, "cannot read the accounts");
	if (b->o->ids && b->o->ids->n)
		r = renumber(b, passwd, group, err);
	if (r < 0)
		return r;
	r = read_both(b, &new_passwd, &new_group);
	return r < 0 ? err_errno(err, r, "cannot read the accounts") :
		       sort_all(b, new_passwd, new_group, err);
}
