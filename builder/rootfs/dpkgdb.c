/* See dpkgdb.h. Formats: deb-control(5), deb-triggers(5), dpkg's doc/spec. */
#include "builder/rootfs/dpkgdb.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builder/rootfs/package.h"
#include "builder/rootfs/tree.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"

#define DPKG_DIR "var/lib/dpkg/"

static int put(struct tree *t, const char *path, const void *data, size_t len, uint32_t mode,
	       int64_t mtime_s, struct err *err)
{
	const struct tree_attr attr = { mode, 0, 0, mtime_s };
	int r = tree_write(t, path, data, len, &attr);

	return r < 0 ? err_errno(err, r, "cannot write /%s", path) : 0;
}

int dpkgdb_init(struct tree *t, struct err *err)
{
	static const char *const dirs[] = { "alternatives", "info", "parts", "triggers",
					    "updates" };
	static const char *const empty[] = { "available", "diversions", "statoverride", "status" };
	char path[64];
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(dirs); i++) {
		snprintf(path, sizeof(path), DPKG_DIR "%s", dirs[i]);
		r = tree_mkdirs(t, path);
	}
	if (r < 0)
		return err_errno(err, r, "cannot make /%s", path);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(empty); i++) {
		snprintf(path, sizeof(path), DPKG_DIR "%s", empty[i]);
		r = put(t, path, "", 0, 0644, TREE_NOW, err);
	}
	return r < 0 ? r : put(t, DPKG_DIR "info/format", "1\n", 2, 0644, TREE_NOW, err);
}

static int write_info(struct tree *t, const struct package *p, struct err *err)
{
	char path[512];
	int r;

	snprintf(path, sizeof(path), DPKG_DIR "info/%s.list", p->info_name);
	r = put(t, path, p->list.data ?: "", p->list.len, 0644, TREE_NOW, err);
	for (size_t i = 0; r == 0 && i < p->control.n; i++) {
		const struct deb_control_file *f = &p->control.file[i];

		if (!strcmp(f->name, "control") || !strcmp(f->name, "list"))
			continue;
		if (snprintf(path, sizeof(path), DPKG_DIR "info/%s.%s", p->info_name, f->name) >=
		    (int)sizeof(path))
			return err_set(err, -EBADMSG, "%s: a control file with too long a name",
				       p->name);
		r = put(t, path, f->data, f->len, f->mode, f->mtime_s, err);
	}
	return r;
}

static void add_stanza(struct buf *status, const struct package *p)
{
	const struct deb_control_file *f = deb_control_find(&p->control, "control");
	size_t len = f->len, first = strcspn(f->data, "\n");
	char hex[2 * DIGEST_MD5_BYTES + 1];
	bool head = false;

	while (len && f->data[len - 1] == '\n')
		len--;
	/* dpkg rewrites the order of fields; the status may come anywhere. */
	buf_add(status, f->data, first);
	buf_adds(status, "\nStatus: install ok unpacked");
	buf_add(status, f->data + first, len - first);
	buf_addc(status, '\n');
	for (size_t i = 0; i < p->n_conffiles; i++) {
		const struct package_conffile *c = &p->conffile[i];

		if (!c->seen && !c->obsolete)
			continue;
		if (!head)
			buf_adds(status, "Conffiles:\n");
		head = true;
		if (c->obsolete) {
			buf_addf(status, " %s newconffile remove-on-upgrade\n", c->path);
			continue;
		}
		digest_hex(c->md5, sizeof(c->md5), hex);
		buf_addf(status, " %s %s\n", c->path, hex);
	}
	buf_addc(status, '\n');
}

/* One line of a triggers file: returns the trigger's name (inside @line) and how, or NULL. */
static char *parse_interest(char *line, bool *ret_noawait)
{
	char *save = NULL, *word = strtok_r(line, " \t", &save);
	char *name = word ? strtok_r(NULL, " \t", &save) : NULL;

	if (!name || strncmp(word, "interest", 8))
		return NULL;
	*ret_noawait = !strcmp(word, "interest-noawait");
	return *ret_noawait || !strcmp(word, "interest") || !strcmp(word, "interest-await") ? name :
											      NULL;
}

static int add_interests(struct tree *t, const struct package *p, struct buf *files,
			 struct err *err)
{
	const char *text = package_control_text(p, "triggers");
	_cleanup_free_ char *copy = strdup(text ?: "");
	char *save = NULL, path[512], line_out[512];

	if (!copy)
		return err_oom(err);
	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		bool noawait;
		char *name = line[0] == '#' ? NULL : parse_interest(line, &noawait);
		int r;

		if (!name)
			continue;
		if (name[0] == '/') {
			buf_addf(files, "%s %s%s\n", name, p->info_name, noawait ? "/noawait" : "");
			continue;
		}
		if (strchr(name, '/') || name[0] == '.')
			return err_set(err, -EBADMSG, "%s: a bad trigger name", p->name);
		snprintf(path, sizeof(path), DPKG_DIR "triggers/%s", name);
		snprintf(line_out, sizeof(line_out), "%s%s\n", p->info_name,
			 noawait ? "/noawait" : "");
		r = tree_append(t, path, line_out);
		if (r < 0)
			return err_errno(err, r, "cannot write /%s", path);
	}
	return 0;
}

int dpkgdb_write(struct tree *t, const struct package *pkgs, size_t n, struct err *err)
{
	_cleanup_buf_ struct buf status = BUF_INIT;
	_cleanup_buf_ struct buf files = BUF_INIT;
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		if (pkgs[i].diverts)
			continue;
		add_stanza(&status, &pkgs[i]);
		r = write_info(t, &pkgs[i], err);
		if (r == 0)
			r = add_interests(t, &pkgs[i], &files, err);
	}
	if (r == 0 && (!buf_ok(&status) || !buf_ok(&files)))
		r = err_oom(err);
	if (r == 0)
		r = put(t, DPKG_DIR "status", status.data ?: "", status.len, 0644, TREE_NOW, err);
	if (r == 0)
		r = put(t, DPKG_DIR "triggers/File", files.data ?: "", files.len, 0644, TREE_NOW,
			err);
	return r;
}
