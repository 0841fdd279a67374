/* From a configured system to an image of one: nothing of this build, nothing of one machine. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/rootfs/build.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/path.h"

#define OS_RELEASE_MAX_BYTES (64u << 10)

static const struct tree_attr plain_file = { 0644, 0, 0, TREE_NOW };

static int say(int r, const char *what, struct err *err)
{
	return r < 0 ? err_errno(err, r, "%s", what) : 0;
}

/* Remove entries of the directory @dir that match @pattern. */
static int remove_matching(struct build *b, const char *dir, const char *pattern)
{
	_cleanup_closedir_ DIR *d = NULL;
	struct dirent *e;
	int r = 0, fd = path_open_in_root(b->tree.root, dir, O_RDONLY | O_DIRECTORY, 0);

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	d = fdopendir(fd);
	if (!d) {
		close(fd);
		return -ENOMEM;
	}
	while (r == 0 && (e = readdir(d)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..") &&
		    fnmatch(pattern, e->d_name, 0) == 0)
			r = path_remove_tree_at(fd, e->d_name);
	return r;
}

struct litter {
	const char *dir, *pattern;
};

static int sweep(struct build *b, const struct litter *list, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		int r = remove_matching(b, list[i].dir, list[i].pattern);

		if (r < 0)
			return err_errno(err, r, "cannot remove /%s/%s", list[i].dir,
					 list[i].pattern);
	}
	return 0;
}

/* An empty machine-id is filled at first boot, into the state partition. */
static int reset_machine_id(struct build *b)
{
	const struct tree_attr attr = { 0444, 0, 0, TREE_NOW };
	int r = tree_write(&b->tree, "etc/machine-id", "", 0, &attr);

	if (r == 0 && tree_exists(&b->tree, "var/lib/dbus"))
		r = tree_symlink(&b->tree, "/etc/machine-id", "var/lib/dbus/machine-id");
	return r;
}

static int set_names(struct build *b)
{
	const char *name = b->o->recipe->name;
	const char *resolv = tree_exists(&b->tree, "usr/lib/systemd/systemd-resolved") ?
				     "../run/systemd/resolve/stub-resolv.conf" :
				     "../run/resolv.conf";
	_cleanup_free_ char *hostname = str_printf("%s\n", name);
	_cleanup_free_ char *hosts = str_printf("127.0.0.1\tlocalhost\n"
						"127.0.1.1\t%s\n"
						"::1\t\tlocalhost ip6-localhost ip6-loopback\n",
						name);
	static const char fstab[] = "# The root is verified and read-only; kiln's early init\n"
				    "# mounts the state partition. Nothing needs to stand here.\n";
	int r;

	if (!hostname || !hosts)
		return -ENOMEM;
	r = tree_write(&b->tree, "etc/hostname", hostname, strlen(hostname), &plain_file);
	if (r == 0 && !tree_exists(&b->tree, "etc/hosts"))
		r = tree_write(&b->tree, "etc/hosts", hosts, strlen(hosts), &plain_file);
	if (r == 0)
		r = tree_write(&b->tree, "etc/fstab", fstab, strlen(fstab), &plain_file);
	return r < 0 ? r : tree_symlink(&b->tree, resolv, "etc/resolv.conf");
}

int build_forget_machine(struct build *b, struct err *err)
{
	static const struct litter made_by_packages[] = {
		{ "etc/ssh", "ssh_host_*_key" },
		{ "etc/ssh", "ssh_host_*_key.pub" },
		{ "etc", ".resolv.conf.systemd-resolved.bak" },
		{ "var/lib/systemd", "random-seed" },
		{ "var/lib/systemd", "credential.secret" },
		{ "var/lib/urandom", "random-seed" },
		{ "var/lib/dhcp", "*" },
	};
	int r = sweep(b, made_by_packages, ARRAY_SIZE(made_by_packages), err);

	if (r == 0)
		r = say(reset_machine_id(b), "cannot reset the machine id", err);
	return r < 0 ? r : say(set_names(b), "cannot write the names of the machine", err);
}

/* ---- at the end --------------------------------------------------------------------- */

/* KEY="value" lines of os-release, with what the shell would interpret escaped. */
static void add_field(struct buf *out, const char *key, const char *value)
{
	buf_addf(out, "%s=\"", key);
	for (; *value; value++) {
		if (strchr("\"\\$`", *value))
			buf_addc(out, '\\');
		buf_addc(out, *value);
	}
	buf_adds(out, "\"\n");
}

/* Whatever was said of the image before is replaced; /etc/os-release is a link to this file. */
static int set_os_release(struct build *b)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_buf_ struct buf out = BUF_INIT;
	int r = tree_read(&b->tree, "usr/lib/os-release", OS_RELEASE_MAX_BYTES, &text, NULL);

	if (r < 0 && r != -ENOENT)
		return r;
	for (const char *line = text ?: ""; *line;) {
		size_t n = strcspn(line, "\n");

		if (strncmp(line, "IMAGE_ID=", 9) && strncmp(line, "IMAGE_VERSION=", 14)) {
			buf_add(&out, line, n);
			buf_addc(&out, '\n');
		}
		line += n + (line[n] == '\n');
	}
	add_field(&out, "IMAGE_ID", b->o->recipe->name);
	add_field(&out, "IMAGE_VERSION", b->o->recipe->version);
	if (!buf_ok(&out))
		return -ENOMEM;
	r = tree_write(&b->tree, "usr/lib/os-release", out.data, out.len, &plain_file);
	if (r == 0 && !tree_exists(&b->tree, "etc/os-release"))
		r = tree_symlink(&b->tree, "../usr/lib/os-release", "etc/os-release");
	return r;
}

/* Logs are emptied of files; their directories belong to packages. */
static int drop_file(void *arg, int in, const char *name, const struct stat *st)
{
	(void)arg;
	return S_ISREG(st->st_mode) && unlinkat(in, name, 0) < 0 ? -errno : 0;
}

static int empty_logs(struct build *b)
{
	int fd = path_open_in_root(b->tree.root, "var/log", O_RDONLY | O_DIRECTORY, 0);

	return fd < 0 ? (fd == -ENOENT ? 0 : fd) : tree_walk(fd, drop_file, NULL);
}

/* The alternatives' and units' links say /lib for what a merged /usr has in /usr/lib. */
static int settle_link(void *arg, int in, const char *name, const struct stat *st)
{
	char target[1024] = "/usr";
	ssize_t n;

	(void)arg;
	if (!S_ISLNK(st->st_mode))
		return 0;
	n = readlinkat(in, name, target + 4, sizeof(target) - 5);
	if (n < 0)
		return -errno;
	target[4 + n] = '\0';
	if (strncmp(target + 4, "/lib/", 5))
		return 0;
	return unlinkat(in, name, 0) < 0 || symlinkat(target, in, name) < 0 ? -errno : 0;
}

static int settle_units(struct build *b)
{
	int fd = path_open_in_root(b->tree.root, "etc/systemd", O_RDONLY | O_DIRECTORY, 0);

	return fd < 0 ? (fd == -ENOENT ? 0 : fd) : tree_walk(fd, settle_link, NULL);
}

static int make_mount_points(struct build *b)
{
	static const char *const dirs[] = { "state", "root", "var",  "run",  "tmp", "proc",
					    "sys",   "dev",  "boot", "home", "mnt", "var/tmp" };
	static const char *const emptied[] = { "run", "tmp",  "dev",	"proc",
					       "sys", "boot", "var/tmp" };
	const struct tree_attr sticky = { 01777, 0, 0, TREE_NOW };
	const struct tree_attr secret = { 0700, 0, 0, TREE_NOW };
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(dirs); i++)
		r = tree_mkdirs(&b->tree, dirs[i]);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(emptied); i++)
		r = tree_empty(&b->tree, emptied[i]);
	if (r == 0)
		r = tree_set_attr(&b->tree, "tmp", &sticky);
	if (r == 0)
		r = tree_set_attr(&b->tree, "var/tmp", &sticky);
	return r < 0 ? r : tree_set_attr(&b->tree, "root", &secret);
}

int build_finalise(struct build *b, struct err *err)
{
	static const struct litter litter[] = {
		{ ".", "vmlinuz*" },
		{ ".", "initrd.img*" },
		{ "etc", ".pwd.lock" },
		{ "etc", "passwd-" },
		{ "etc", "group-" },
		{ "etc", "shadow-" },
		{ "etc", "gshadow-" },
		{ "etc", "subuid-" },
		{ "etc", "subgid-" },
		{ "var/lib/apt/lists", "*" },
		{ "var/lib/apt", "extended_states" },
		{ "var/cache/apt", "*.bin" },
		{ "var/cache/apt/archives", "*" },
		{ "var/cache/ldconfig", "aux-cache" },
		{ "var/cache/debconf", "*-old" },
		{ "var/cache/man", "*" },
		{ "var/lib/dpkg", "*-old" },
		{ "var/lib/dpkg", "lock*" },
		{ "var/lib/dpkg", "tmp.ci" },
		{ "var/lib/dpkg/triggers", "Lock" },
		{ "var/lib/initramfs-tools", "*" },
		{ "var/backups", "*" },
		{ "root", ".bash_history" },
		{ "root", ".wget-hsts" },
	};
	int r;

	origin_mark(&b->origin, "the last step");
	r = sweep(b, litter, ARRAY_SIZE(litter), err);
	if (r == 0)
		r = say(empty_logs(b), "cannot empty /var/log", err);
	if (r == 0)
		r = say(settle_units(b), "cannot settle the links in /etc/systemd", err);
	if (r == 0)
		r = say(make_mount_points(b), "cannot make the mount points", err);
	return r < 0 ? r : say(set_os_release(b), "cannot write /usr/lib/os-release", err);
}
