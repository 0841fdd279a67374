/*
 * See sandbox.h. Two processes stand between the caller and the work: the
 * first unshares and waits for its id maps, the second is process 1 of the new
 * pid namespace and runs the function. Both ask to be killed with their parent,
 * so no moment exists at which a killed caller leaves anything running.
 */
#include "builder/rootfs/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "builder/rootfs/sandbox_ids.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"
#include "lib/base/proc.h"

#define SANDBOX_FLAGS (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC)

struct sandbox {
	bool plain_root;
	uid_t uid;
	gid_t gid;
	struct subid_map uids, gids;
};

/* What the innermost process sends back; the text follows. */
struct report {
	int rc;
	size_t text_len;
};

/* One sandbox_run() in flight: pipes named by who reads them. */
struct run {
	const struct sandbox *sb;
	int (*fn)(void *arg, struct err *err);
	void *arg;
	int to_parent[2]; /* "unshared", then the report */
	int to_child[2]; /* "mapped" */
};

static void send_report(int fd, int rc, const struct err *err)
{
	struct report rep = { .rc = rc, .text_len = strlen(err->text) };

	if (io_write_all(fd, &rep, sizeof(rep)) == 0)
		io_write_all(fd, err->text, rep.text_len);
}

/* Die with the parent; if it died before we asked, die now. */
static void die_with_parent(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
}

static _Noreturn void innermost(struct run *run)
{
	struct err err;
	int rc;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	err_init(&err);
	umask(022);
	rc = sethostname("kiln", 4) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ?
		     -errno :
		     0;
	if (rc < 0)
		err_errno(&err, rc, "cannot make mounts private");
	else
		rc = run->fn(run->arg, &err);
	send_report(run->to_parent[1], rc, &err);
	fflush(NULL);
	_exit(0);
}

/* Become uid 0 of the new user namespace once the parent wrote the maps. */
static int become_root(struct run *run)
{
	char c;

	if (io_write_all(run->to_parent[1], "u", 1) < 0 ||
	    io_read_all(run->to_child[0], &c, 1) < 0)
		_exit(127); /* the parent has failed and knows why */
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0 || setgroups(0, NULL) < 0)
		return -errno;
	return 0;
}

static _Noreturn void outer_child(struct run *run, pid_t parent)
{
	struct err err;
	int status, rc = 0;
	pid_t pid;

	err_init(&err);
	die_with_parent(parent);
	close(run->to_parent[0]);
	close(run->to_child[1]);
	if (unshare(SANDBOX_FLAGS | (run->sb->plain_root ? 0 : CLONE_NEWUSER)) < 0)
		rc = run->sb->plain_root ?
			     err_errno(&err, -errno,
				       "root here may not make namespaces (a container without "
				       "CAP_SYS_ADMIN?)") :
			     sandbox_explain("/proc/sys", -errno, &err);
	if (rc == 0 && !run->sb->plain_root) {
		rc = become_root(run);
		if (rc < 0)
			err_errno(&err, rc, "cannot become root of the user namespace");
		/* Changing ids clears the wish. */
		die_with_parent(parent);
	}
	if (rc < 0) {
		send_report(run->to_parent[1], rc, &err);
		_exit(0);
	}
	pid = fork();
	if (pid == 0)
		innermost(run);
	close(run->to_parent[1]);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		_exit(127);
	if (WIFSIGNALED(status))
		_exit(128 + WTERMSIG(status));
	_exit(WEXITSTATUS(status));
}

static int write_map(const char *tool, pid_t pid, uint32_t self, const struct subid_map *m,
		     struct err *err)
{
	char text[3 + 3 * SUBID_RANGES_MAX][16];
	char *argv[6 + 3 * SUBID_RANGES_MAX];
	size_t n = 0;
	uint32_t inside = 1;
	int r;

	argv[n++] = (char *)tool;
	snprintf(text[0], sizeof(text[0]), "%d", (int)pid);
	snprintf(text[1], sizeof(text[1]), "%u", self);
	argv[n++] = text[0];
	argv[n++] = (char *)"0";
	argv[n++] = text[1];
	argv[n++] = (char *)"1";
	for (size_t i = 0; i < m->n; i++) {
		char(*t)[16] = &text[2 + 3 * i];

		snprintf(t[0], sizeof(t[0]), "%u", inside);
		snprintf(t[1], sizeof(t[1]), "%u", m->range[i].first);
		snprintf(t[2], sizeof(t[2]), "%u", m->range[i].count);
		for (int k = 0; k < 3; k++)
			argv[n++] = t[k];
		inside += m->range[i].count;
	}
	argv[n] = NULL;
	r = proc_run(argv, NULL, err);
	if (r == -ENOENT)
		return err_set(err, r,
			       "%s is not installed\n  install it:  sudo apt-get install uidmap",
			       tool);
	return r > 0 ? -EPERM : r;
}

/* The parent's half of become_root(). Returns 0 also when the child reports on its own. */
static int map_ids(struct run *run, pid_t pid, struct report *ret_rep, bool *ret_reported,
		   struct err *err)
{
	char c;
	int r;

	*ret_reported = false;
	r = io_read_all(run->to_parent[0], &c, 1);
	if (r < 0)
		return err_set(err, -ECHILD, "the sandbox died before it began");
	if (c != 'u') {
		/* The first byte of a report: unshare failed. */
		memcpy(ret_rep, &c, 1);
		r = io_read_all(run->to_parent[0], (char *)ret_rep + 1, sizeof(*ret_rep) - 1);
		*ret_reported = r == 0;
		return r;
	}
	r = write_map("newuidmap", pid, run->sb->uid, &run->sb->uids, err);
	if (r == 0)
		r = write_map("newgidmap", pid, run->sb->gid, &run->sb->gids, err);
	if (r < 0)
		return r;
	return io_write_all(run->to_child[1], "m", 1);
}

static int read_report(int fd, bool have_head, struct report *rep, struct err *err)
{
	char text[ERR_TEXT_MAX];

	if (!have_head && io_read_all(fd, rep, sizeof(*rep)) < 0)
		return err_set(err, -ECHILD, "the sandbox was killed");
	if (rep->text_len >= sizeof(text) || io_read_all(fd, text, rep->text_len) < 0)
		return err_set(err, -ECHILD, "the sandbox died while reporting");
	text[rep->text_len] = '\0';
	if (rep->rc != 0)
		err_set(err, rep->rc, "%s", text);
	return rep->rc;
}

static void close_run(struct run *run)
{
	for (int i = 0; i < 2; i++) {
		if (run->to_parent[i] >= 0)
			close(run->to_parent[i]);
		if (run->to_child[i] >= 0)
			close(run->to_child[i]);
		run->to_parent[i] = run->to_child[i] = -1;
	}
}

static int run_parent(struct run *run, pid_t pid, struct err *err)
{
	struct report rep = { 0 };
	bool reported = false;
	int r = 0, status;

	close(TAKE_FD(run->to_parent[1]));
	close(TAKE_FD(run->to_child[0]));
	if (!run->sb->plain_root)
		r = map_ids(run, pid, &rep, &reported, err);
	if (r == 0)
		r = read_report(run->to_parent[0], reported, &rep, err);
	close_run(run);
	if (r == -ECHILD)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r == -ECHILD && WIFEXITED(status) && WEXITSTATUS(status) > 128)
		err_append(err, " (signal %d)", WEXITSTATUS(status) - 128);
	return r;
}

int sandbox_run(const struct sandbox *sb, int (*fn)(void *arg, struct err *err), void *arg,
		struct err *err)
{
	struct run run = {
		.sb = sb, .fn = fn, .arg = arg, .to_parent = { -1, -1 }, .to_child = { -1, -1 }
	};
	pid_t self = getpid(), pid;

	if (pipe2(run.to_parent, O_CLOEXEC) < 0 || pipe2(run.to_child, O_CLOEXEC) < 0) {
		int r = -errno;

		close_run(&run);
		return err_errno(err, r, "pipe");
	}
	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		int r = -errno;

		close_run(&run);
		return err_errno(err, r, "fork");
	}
	if (pid == 0)
		outer_child(&run, self);
	return run_parent(&run, pid, err);
}

/* Mounting is what AppArmor and container profiles take away after unshare worked. */
static int probe(void *arg, struct err *err)
{
	(void)arg;
	if (mount("kiln-probe", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, NULL) < 0)
		return geteuid() == 0 && getppid() == 0 ?
			       sandbox_explain("/proc/sys", -errno, err) :
			       err_errno(err, -errno, "cannot mount inside the sandbox");
	return 0;
}

static int find_ids(struct sandbox *sb, struct err *err)
{
	const struct passwd *pw = getpwuid(sb->uid);
	const char *name = pw ? pw->pw_name : "";
	const uint32_t want = SANDBOX_IDS - 1;
	bool no_uid = subid_read("/etc/subuid", name, sb->uid, want, &sb->uids) < 0;
	bool no_gid = subid_read("/etc/subgid", name, sb->uid, want, &sb->gids) < 0;

	if (!no_uid && !no_gid)
		return 0;
	if (!pw)
		return err_set(err, -ENOENT,
			       "uid %u has no name in /etc/passwd and no ids in /etc/subuid",
			       (unsigned)sb->uid);
	return err_set(err, -EPERM,
		       "user %s has no %u subordinate %s (/etc/sub%s), which the owners of files "
		       "in the image need\n  give some:  sudo usermod%s%s %s",
		       name, want, no_uid ? "uids" : "gids", no_uid ? "uid" : "gid",
		       no_uid ? " --add-subuids 100000-165535" : "",
		       no_gid ? " --add-subgids 100000-165535" : "", name);
}

/* Root of a user namespace may have fewer ids than files in an image have owners. */
static int check_root_ids(struct err *err)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/uid_map", "re");
	unsigned long long inside, outside, count, total = 0;

	if (!f)
		return err_errno(err, -errno, "cannot read /proc/self/uid_map");
	while (fscanf(f, "%llu %llu %llu", &inside, &outside, &count) == 3)
		total += count;
	if (total >= SANDBOX_IDS)
		return 0;
	return err_set(err, -EPERM,
		       "root here is root of a user namespace with only %llu ids, and the owners "
		       "of files in the image need %u\n  run kiln outside of it, as an ordinary "
		       "user, or give it a range in /etc/subuid and /etc/subgid",
		       total, SANDBOX_IDS);
}

int sandbox_new(struct sandbox **ret, struct err *err)
{
	_cleanup_free_ struct sandbox *sb = calloc(1, sizeof(*sb));
	int r;

	if (!sb)
		return err_oom(err);
	sb->uid = geteuid();
	sb->gid = getegid();
	sb->plain_root = sb->uid == 0;
	r = sb->plain_root ? check_root_ids(err) : find_ids(sb, err);
	if (r < 0)
		return r;
	r = sandbox_run(sb, probe, NULL, err);
	if (r < 0)
		return err_add(err, r, "cannot build here");
	*ret = TAKE_PTR(sb);
	return 0;
}

struct sandbox *sandbox_free(struct sandbox *sb)
{
	free(sb);
	return NULL;
}

static int remove_inside(void *arg, struct err *err)
{
	int r = path_remove_tree(arg);

	return r < 0 ? err_errno(err, r, "cannot remove %s", (char *)arg) : 0;
}

int sandbox_remove_tree(const struct sandbox *sb, const char *path, struct err *err)
{
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return 0;
	return sandbox_run(sb, remove_inside, (void *)path, err);
}
