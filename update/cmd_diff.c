/* slotctl diff: what differs from the image that runs. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/json.h"
#include "lib/base/printable.h"
#include "update/commands.h"
#include "update/diff.h"

struct options {
	bool json;
	const char *image, *root;
};

static const struct arg_option options[] = {
	{ "json", 0, ARG_FLAG, NULL, "machine-readable, stable", offsetof(struct options, json) },
	{ "image", 0, ARG_STR, "DIR", "compare with this tree instead of the image that runs",
	  offsetof(struct options, image) },
	{ "root", 0, ARG_STR, "DIR", "compare this tree instead of the running system",
	  offsetof(struct options, root) },
	{ .name = NULL },
};

/*
 * The image below everything that is mounted on it: a copy of the root's mount without the
 * mounts inside. It hangs nowhere, and is gone with the descriptor.
 */
static int open_image(struct err *err)
{
	int fd = open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (fd < 0)
		return err_errno(err, -errno, "cannot look below the mounts%s",
				 errno == EPERM ? " (root can)" : "");
	return fd;
}

static int open_directory(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? err_errno(err, -errno, "cannot open %s", path) : fd;
}

static void text_item(const struct diff_item *item, struct buf *out)
{
	static const char *const words[] = { "content", "mode", "owner" };
	const bool set[] = { item->content, item->mode, item->owner };
	const char *between = " (";

	buf_addf(out, "%c  %-9s  ", item->kind, item->kept ? "kept" : "forgotten");
	printable_add(out, item->path, strlen(item->path), false);
	if (item->directory)
		buf_addc(out, '/');
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!set[i])
			continue;
		buf_addf(out, "%s%s", between, words[i]);
		between = ", ";
	}
	buf_adds(out, strcmp(between, ", ") == 0 ? ")\n" : "\n");
}

static size_t count_kept(const struct diff *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n; i++)
		n += d->item[i].kept;
	return n;
}

static void text(const struct diff *d, struct buf *out)
{
	size_t kept = count_kept(d);

	for (size_t i = 0; i < d->n; i++)
		text_item(&d->item[i], out);
	if (d->n)
		buf_addf(out,
			 "%zu differ from the image: %zu kept, %zu forgotten at the next boot\n",
			 d->n, kept, d->n - kept);
	else
		buf_adds(out, "nothing differs from the image\n");
}

static void as_json(const struct diff *d, struct buf *out)
{
	size_t kept = count_kept(d);
	struct json j = JSON_INIT(out);

	json_open(&j, NULL, '{');
	json_u64(&j, "kept", kept);
	json_u64(&j, "forgotten", d->n - kept);
	json_open(&j, "differences", '[');
	for (size_t i = 0; i < d->n; i++) {
		const struct diff_item *item = &d->item[i];
		char kind[2] = { (char)item->kind, '\0' };

		json_open(&j, NULL, '{');
		json_str(&j, "path", item->path);
		json_str(&j, "kind", kind);
		json_bool(&j, "directory", item->directory);
		json_bool(&j, "kept", item->kept);
		json_bool(&j, "content", item->content);
		json_bool(&j, "mode", item->mode);
		json_bool(&j, "owner", item->owner);
		json_close(&j);
	}
	json_close(&j);
	json_close(&j);
	buf_addc(out, '\n');
}

static int find(const struct options *opts, struct diff *ret, struct err *err)
{
	_cleanup_close_ int image =
		opts->image ? open_directory(opts->image, err) : open_image(err);
	_cleanup_close_ int live = -1;
	_cleanup_(kept_done) struct kept kept = { 0 };
	int r;

	if (image < 0)
		return image;
	live = open_directory(opts->root ? opts->root : "/", err);
	if (live < 0)
		return live;
	r = kept_read(image, &kept, err);
	return r ? r : diff_roots(image, live, &kept, ret, err);
}

static int run(const struct command *cmd, int argc, char **argv, struct err *err)
{
	_cleanup_(diff_done) struct diff diff = { 0 };
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct options opts = { 0 };

	if (args_parse(cmd, argc, argv, &opts, err) < 0)
		return EXIT_USAGE;
	if (find(&opts, &diff, err))
		return EXIT_FAILED;
	if (opts.json)
		as_json(&diff, &out);
	else
		text(&diff, &out);
	if (!buf_ok(&out)) {
		err_oom(err);
		return EXIT_FAILED;
	}
	fwrite(out.data, 1, out.len, stdout);
	return EXIT_OK;
}

const struct command cmd_diff = {
	.name = "diff",
	.synopsis = "[OPTION...]",
	.summary = "Show what differs from the image in /etc and the kept paths",
	.options = options,
	.run = run,
	.details = "A: added, D: deleted, M: modified, T: of another type. 'kept' lies on the\n"
		   "state partition, 'forgotten' is gone at the next boot. /var and /root are\n"
		   "kept and not looked at.",
};
