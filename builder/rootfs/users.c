/* The recipe's users: the four account files and a home made at first boot. See build.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "builder/rootfs/build.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"

#define ACCOUNTS_MAX_BYTES (4u << 20)
#define SECONDS_PER_DAY 86400u

/* Find the line of @name, or of a line whose third field is @id (UINT32_MAX: none). */
static const char *find_account(const char *text, const char *name, uint32_t id)
{
	char want[16];
	size_t n = strlen(name);

	snprintf(want, sizeof(want), "%u:", id);
	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		const char *third;

		line += *line == '\n';
		if (!strncmp(line, name, n) && line[n] == ':')
			return line;
		third = strchr(line, ':');
		third = third ? strchr(third + 1, ':') : NULL;
		if (id != UINT32_MAX && third && !strncmp(third + 1, want, strlen(want)))
			return line;
	}
	return NULL;
}

static int read_accounts(struct build *b, const char *path, char **ret, struct err *err)
{
	int r = tree_read(&b->tree, path, ACCOUNTS_MAX_BYTES, ret, NULL);

	if (r == -ENOENT)
		return err_set(err, -EINVAL,
			       "users: the image has no /%s (is base-passwd among its packages?)",
			       path);
	return r < 0 ? err_errno(err, r, "cannot read /%s", path) : 0;
}

/* Neither name nor number may be taken. */
static int check_free(struct build *b, const char *path, const struct recipe_user *u,
		      struct err *err)
{
	_cleanup_free_ char *text = NULL;
	const char *line;
	int r = read_accounts(b, path, &text, err);

	if (r < 0)
		return r;
	line = find_account(text, u->name, u->uid);
	if (line)
		return err_set(err, -EINVAL, "user %s (%u): /%s already has '%.*s'", u->name,
			       u->uid, path, (int)strcspn(line, "\n"), line);
	return 0;
}

static int append(struct build *b, const char *path, char *line, struct err *err)
{
	int r = line ? tree_append(&b->tree, path, line) : -ENOMEM;

	free(line);
	return r < 0 ? err_errno(err, r, "cannot write /%s", path) : 0;
}

/* Add @user to the member list of @group in @path, where the list is the last field. */
static int add_member(struct build *b, const char *path, const char *group, const char *user,
		      struct err *err)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_buf_ struct buf out = BUF_INIT;
	const char *line, *end;
	struct tree_attr attr = { strstr(path, "gshadow") ? 0640 : 0644, 0,
				  strstr(path, "gshadow") ? 42 : 0, TREE_NOW };
	int r = read_accounts(b, path, &text, err);

	if (r < 0)
		return r;
	line = find_account(text, group, UINT32_MAX);
	if (!line)
		return err_set(err, -EINVAL, "user %s: there is no group '%s' in the image", user,
			       group);
	end = line + strcspn(line, "\n");
	buf_add(&out, text, (size_t)(end - text));
	buf_addf(&out, "%s%s", end[-1] == ':' ? "" : ",", user);
	buf_adds(&out, end);
	if (!buf_ok(&out))
		return err_oom(err);
	r = tree_write(&b->tree, path, out.data, out.len, &attr);
	return r < 0 ? err_errno(err, r, "cannot write /%s", path) : 0;
}

static int add_user(struct build *b, const struct recipe_user *u, struct err *err)
{
	const char *shell = u->shell ?: "/usr/sbin/nologin";
	_cleanup_free_ char *home =
		u->home ? strdup(u->home) : str_printf("/var/home/%s", u->name);
	unsigned long long day = b->o->epoch_s / SECONDS_PER_DAY;
	int r = check_free(b, "etc/passwd", u, err);

	if (!home)
		return err_oom(err);
	if (r == 0)
		r = check_free(b, "etc/group", u, err);
	if (r == 0)
		r = append(b, "etc/passwd",
			   str_printf("%s:x:%u:%u::%s:%s\n", u->name, u->uid, u->uid, home, shell),
			   err);
	if (r == 0)
		r = append(b, "etc/group", str_printf("%s:x:%u:\n", u->name, u->uid), err);
	/* No password: logging in takes a key. "!" would make sshd call the account locked. */
	if (r == 0)
		r = append(b, "etc/shadow",
			   str_printf("%s:*:%llu:0:99999:7:::\n", u->name, day), err);
	if (r == 0)
		r = append(b, "etc/gshadow", str_printf("%s:*::\n", u->name), err);
	for (size_t i = 0; r == 0 && i < u->groups.n; i++) {
		r = add_member(b, "etc/group", u->groups.item[i], u->name, err);
		if (r == 0)
			r = add_member(b, "etc/gshadow", u->groups.item[i], u->name, err);
	}
	if (r == 0)
		r = append(b, "usr/lib/tmpfiles.d/kiln-users.conf",
			   str_printf("d %s 0700 %s %s -\n", home, u->name, u->name), err);
	return r;
}

int build_users(struct build *b, struct err *err)
{
	static const char head[] = "# Homes of the recipe's users, made at first boot.\n"
				   "d /var/home 0755 root root -\n";
	const struct recipe *recipe = b->o->recipe;
	int r = 0;

	if (!recipe->n_users)
		return 0;
	r = append(b, "usr/lib/tmpfiles.d/kiln-users.conf", strdup(head), err);
	for (size_t i = 0; r == 0 && i < recipe->n_users; i++)
		r = add_user(b, &recipe->users[i], err);
	return r;
}
