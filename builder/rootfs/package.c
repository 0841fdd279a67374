/* See package.h. */
#include "builder/rootfs/package.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "builder/rootfs/rootfs.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"

#define CONFFILES_MAX 8192

const char *package_control_text(const struct package *p, const char *name)
{
	const struct deb_control_file *f = deb_control_find(&p->control, name);

	return f ? f->data : NULL;
}

char *package_field(const struct package *p, const char *name)
{
	const char *line = package_control_text(p, "control");
	size_t n = strlen(name);

	while (line && *line) {
		const char *end = line + strcspn(line, "\n"), *v;

		if (!strncasecmp(line, name, n) && line[n] == ':') {
			v = line + n + 1;
			while (v < end && (*v == ' ' || *v == '\t'))
				v++;
			while (end > v && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
				end--;
			return strndup(v, (size_t)(end - v));
		}
		line = *end ? end + 1 : end;
	}
	return NULL;
}

/* One stanza, no line that would start another in the status file, nothing dpkg adds itself. */
static int check_stanza(const struct package *p, const char *deb, struct err *err)
{
	static const char *const reserved[] = { "Status", "Conffiles", "Config-Version",
						"Triggers-Pending", "Triggers-Awaited" };
	const struct deb_control_file *f = deb_control_find(&p->control, "control");

	if (strlen(f->data) != f->len)
		return err_set(err, -EBADMSG, "%s: a NUL byte in the control file", deb);
	for (const char *line = f->data; *line;) {
		size_t n = strcspn(line, "\n");
		bool blank = strspn(line, " \t\r") >= n;

		if (blank && line[n] && line[n + 1 + strspn(line + n + 1, "\n")])
			return err_set(err, -EBADMSG,
				       "%s: more than one stanza in the control file", deb);
		line += n + (line[n] == '\n');
	}
	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++) {
		_cleanup_free_ char *v = package_field(p, reserved[i]);

		if (v)
			return err_set(err, -EBADMSG, "%s: its control file has a '%s' field", deb,
				       reserved[i]);
	}
	return 0;
}

static int check_is(const struct package *p, const char *deb, const char *field, const char *want,
		    struct err *err)
{
	_cleanup_free_ char *have = package_field(p, field);
	bool everywhere = have && !strcmp(field, "Architecture") && !strcmp(have, "all");

	if (have && (!strcmp(have, want) || everywhere))
		return 0;
	return err_set(err, -EBADMSG, "%s: its %s is '%s', the lock says '%s'", deb, field,
		       have ?: "missing", want);
}

static bool plain_name(const char *s)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789+-.";

	return s && *s && *s != '.' && strspn(s, allowed) == strlen(s);
}

static int read_conffiles(struct package *p, const char *deb, struct err *err)
{
	const char *line = package_control_text(p, "conffiles");

	while (line && *line) {
		size_t n = strcspn(line, "\n");
		struct package_conffile *c;
		const char *path = memchr(line, '/', n);

		if (path && n) {
			if (p->n_conffiles == CONFFILES_MAX)
				return err_set(err, -EBADMSG, "%s: too many conffiles", deb);
			c = realloc(p->conffile, (p->n_conffiles + 1) * sizeof(*c));
			if (!c)
				return err_oom(err);
			p->conffile = c;
			c = &p->conffile[p->n_conffiles++];
			*c = (struct package_conffile){ .obsolete = path != line };
			c->path = strndup(path, n - (size_t)(path - line));
			if (!c->path)
				return err_oom(err);
			for (size_t k = strlen(c->path); k && c->path[k - 1] == ' '; k--)
				c->path[k - 1] = '\0';
		}
		line += n + (line[n] == '\n');
	}
	return 0;
}

static int interpret(struct package *p, struct err *err)
{
	const char *deb = p->deb->path, *preinst;
	_cleanup_free_ char *multi = NULL, *essential = NULL;
	int r = check_stanza(p, deb, err);

	if (r == 0)
		r = check_is(p, deb, "Package", p->deb->name, err);
	if (r == 0)
		r = check_is(p, deb, "Version", p->deb->version, err);
	if (r == 0)
		r = check_is(p, deb, "Architecture", p->deb->arch, err);
	if (r < 0)
		return r;
	if (!plain_name(p->deb->name))
		return err_set(err, -EBADMSG, "%s: '%s' is no package name", deb, p->deb->name);
	multi = package_field(p, "Multi-Arch");
	essential = package_field(p, "Essential");
	p->essential = essential && !strcmp(essential, "yes");
	p->name = strdup(p->deb->name);
	p->info_name = multi && !strcmp(multi, "same") ?
			       str_printf("%s:%s", p->deb->name, p->deb->arch) :
			       strdup(p->deb->name);
	if (!p->name || !p->info_name)
		return err_oom(err);
	preinst = package_control_text(p, "preinst");
	/* A diversion that renames nothing is an entry in the database, whenever it is made. */
	p->diverts = preinst && strstr(preinst, "dpkg-divert") && strstr(preinst, " --rename");
	return read_conffiles(p, deb, err);
}

int package_read(const struct rootfs_deb *deb, struct package *ret, struct err *err)
{
	struct package p = { .deb = deb };
	struct deb *d = NULL;
	_cleanup_close_ int fd = open(deb->path, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return err_errno(err, -errno, "cannot open %s", deb->path);
	r = io_size(fd, &p.deb_bytes);
	if (r == 0)
		r = deb_open(&d, fd, deb->path, err);
	if (r == 0)
		r = deb_control(d, &p.control, err);
	deb_close(d);
	if (r == 0)
		r = interpret(&p, err);
	if (r < 0) {
		package_done(&p);
		return r;
	}
	*ret = p;
	return 0;
}

void package_forget_unpacked(struct package *p)
{
	for (size_t i = 0; i < p->n_conffiles; i++)
		p->conffile[i].seen = false;
	for (size_t i = 0; i < p->n_dirs; i++)
		free(p->dir[i].path);
	free(p->dir);
	p->dir = NULL;
	p->n_dirs = 0;
	buf_done(&p->list);
}

void package_done(struct package *p)
{
	package_forget_unpacked(p);
	for (size_t i = 0; i < p->n_conffiles; i++)
		free(p->conffile[i].path);
	free(p->conffile);
	deb_control_done(&p->control);
	free(p->name);
	free(p->info_name);
	*p = (struct package){ 0 };
}
