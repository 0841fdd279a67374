/* See sandbox_ids.h. */
#include "builder/rootfs/sandbox_ids.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"

#define SUBID_LINE_MAX 512

static bool parse_u32(const char *s, char end, uint32_t *ret, const char **ret_end)
{
	uint64_t v = 0;
	const char *p = s;

	for (; *p >= '0' && *p <= '9'; p++) {
		v = v * 10 + (uint64_t)(*p - '0');
		if (v > UINT32_MAX)
			return false;
	}
	if (p == s || (*p != end && !(end == '\0' && *p == '\n')))
		return false;
	*ret = (uint32_t)v;
	*ret_end = p + (*p != '\0');
	return true;
}

/* NAME:FIRST:COUNT for our user; false for anything else. */
static bool parse_line(const char *line, const char *name, const char *uid,
		       struct subid_range *ret)
{
	const char *colon = strchr(line, ':'), *p;
	size_t n;

	if (!colon)
		return false;
	n = (size_t)(colon - line);
	if (!(n == strlen(name) && !strncmp(line, name, n)) &&
	    !(n == strlen(uid) && !strncmp(line, uid, n)))
		return false;
	return parse_u32(colon + 1, ':', &ret->first, &p) &&
	       parse_u32(p, '\0', &ret->count, &p) && ret->count &&
	       ret->first <= UINT32_MAX - ret->count;
}

int subid_read(const char *path, const char *name, uid_t uid, uint32_t want, struct subid_map *ret)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	struct subid_map m = { .n = 0 };
	char line[SUBID_LINE_MAX], uid_text[16];

	if (!f)
		return -ENOENT;
	snprintf(uid_text, sizeof(uid_text), "%u", (unsigned)uid);
	while (want && m.n < SUBID_RANGES_MAX && fgets(line, sizeof(line), f)) {
		struct subid_range r;

		if (!parse_line(line, name, uid_text, &r))
			continue;
		if (r.count > want)
			r.count = want;
		want -= r.count;
		m.range[m.n++] = r;
	}
	if (want)
		return -ENOENT;
	*ret = m;
	return 0;
}

/* The integer in a sysctl file, or @missing. */
static long sysctl_read(const char *proc_sys, const char *name, long missing)
{
	char path[256], text[32];
	_cleanup_fclose_ FILE *f = NULL;

	snprintf(path, sizeof(path), "%s/%s", proc_sys, name);
	f = fopen(path, "re");
	if (!f || !fgets(text, sizeof(text), f))
		return missing;
	return strtol(text, NULL, 10);
}

int sandbox_explain(const char *proc_sys, int rc, struct err *err)
{
	if (sysctl_read(proc_sys, "kernel/unprivileged_userns_clone", 1) == 0)
		return err_set(err, rc,
			       "this kernel forbids user namespaces to ordinary users "
			       "(kernel.unprivileged_userns_clone is 0)\n"
			       "  allow them:  sudo sysctl kernel.unprivileged_userns_clone=1");
	if (sysctl_read(proc_sys, "user/max_user_namespaces", 1) == 0)
		return err_set(err, rc,
			       "this machine allows no user namespaces "
			       "(user.max_user_namespaces is 0)\n"
			       "  allow them:  sudo sysctl user.max_user_namespaces=15000");
	if (sysctl_read(proc_sys, "kernel/apparmor_restrict_unprivileged_userns", 0) == 1)
		return err_set(err, rc,
			       "AppArmor restricts user namespaces of ordinary users "
			       "(kernel.apparmor_restrict_unprivileged_userns is 1)\n"
			       "  allow them:  sudo sysctl "
			       "kernel.apparmor_restrict_unprivileged_userns=0\n"
			       "  or load an AppArmor profile with 'userns,' for kiln");
	return err_errno(err, rc,
			 "cannot make user namespaces (a container without the right to? "
			 "its seccomp profile must allow unshare and mount)");
}
