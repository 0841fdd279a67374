/*
 * The sandbox and the cage, for real: needs user namespaces (or root) and is
 * skipped loudly without. The tree is made of this machine's shell and cat.
 */
#include "builder/rootfs/sandbox.h"

#include <errno.h>
#include <signal.h>

#include <sys/wait.h>

#include "builder/rootfs/cage.h"
#include "tests/unit/builder/sandbox_tree.h"

static void take_library(const char *path)
{
	copy_in(path, path, NULL, NULL);
}

static void copy_program(const char *path)
{
	copy_in(path, path, NULL, NULL);
	for_libraries((char *)path, take_library);
}

static int setup(void **state)
{
	(void)state;
	if (begin_tree())
		return -1;
	copy_program("/bin/sh");
	copy_program("/bin/cat");
	copy_program("/bin/ls");
	copy_program("/bin/sleep");
	return 0;
}

#define NEED_SANDBOX()          \
	do {                    \
		if (!sb)        \
			skip(); \
	} while (0)

/* Run a shell script in the cage of the tree; its output is in @out. */
struct shell {
	const char *script, *log;
	int rc;
};

static int run_shell(void *arg, struct err *e)
{
	const struct shell *s = arg;
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)s->script, NULL };
	_cleanup_close_ int log = open(s->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	const struct cage c = { .tree = root, .epoch_s = 12345, .log_fd = log };

	return cage_run(&c, argv, "the test", e);
}

static int shell(const char *script, char **ret_out)
{
	_cleanup_free_ char *log = path_join(dir, "log");
	struct shell s = { .script = script, .log = log };
	int r = sandbox_run(sb, run_shell, &s, &err);

	if (ret_out)
		assert_int_equal(io_read_file(log, 1u << 20, ret_out, NULL, NULL), 0);
	return r;
}

static void errors_come_back_with_code_and_last_lines(void **state)
{
	(void)state;
	NEED_SANDBOX();
	assert_int_equal(shell("echo first; echo about to fail >&2; exit 7", NULL), 7);
	assert_string_equal(err.text, "the test failed (exit 7):\nfirst\nabout to fail");
	assert_int_equal(shell("kill -9 $$", NULL), -ECHILD);
	assert_non_null(strstr(err.text, "signal 9"));
	assert_int_equal(shell("exit 0", NULL), 0);
}

static void a_script_sees_no_network_and_no_file_of_the_host(void **state)
{
	_cleanup_free_ char *out = NULL;

	(void)state;
	NEED_SANDBOX();
	setenv("KILN_TEST_SECRET", "leak", 1);
	assert_int_equal(shell("ls /; echo env: $KILN_TEST_SECRET $SOURCE_DATE_EPOCH; "
			       "cat /proc/net/dev; cat /proc/mounts; ls /proc; "
			       "cat /etc/passwd /root/.bashrc; true", &out), 0);
	assert_non_null(strstr(out, "env: 12345\n"));
	assert_non_null(strstr(out, "/etc/passwd: No such file"));
	/* Of interfaces only the loopback, which is down. */
	assert_non_null(strstr(out, "lo:"));
	assert_null(strstr(out, "eth"));
	assert_null(strstr(out, "ens"));
	/* Nothing of the host's mounts is left, not even its name. */
	assert_null(strstr(out, "/tmp/kiln-sandbox"));
	assert_null(strstr(out, " /home "));
}

static void a_script_cannot_reach_the_machine(void **state)
{
	static const char *const tries[] = {
		"echo 1 >/proc/sys/kernel/sysrq",
		"echo c >/proc/sysrq-trigger",
		"cat /proc/kcore | cat >/dev/null; test -s /proc/kcore",
		"ls /sys/kernel",
		"echo x >/dev/tty",
	};

	(void)state;
	NEED_SANDBOX();
	for (size_t i = 0; i < ARRAY_SIZE(tries); i++) {
		_cleanup_free_ char *script = str_printf(
			"if ( %s ) 2>/dev/null; then exit 0; fi; exit 3", tries[i]);

		if (shell(script, NULL) != 3)
			fail_msg("allowed: %s", tries[i]);
	}
}

static void mounts_stay_inside_and_leave_nothing(void **state)
{
	_cleanup_free_ char *before = NULL, *after = NULL;
	char *argv[] = { (char *)"ls", (char *)"-A", NULL };
	struct buf out = BUF_INIT;

	(void)state;
	NEED_SANDBOX();
	assert_int_equal(io_read_file("/proc/mounts", 1u << 20, &before, NULL, &err), 0);
	assert_int_equal(
		shell("echo x >/run/x; echo x >/tmp/x; echo x >/dev/shm/x; sleep 100 &", NULL),
		0);
	assert_int_equal(io_read_file("/proc/mounts", 1u << 20, &after, NULL, &err), 0);
	assert_string_equal(before, after);
	for (size_t i = 0; i < 3; i++) {
		static const char *const dirs[] = { "run", "tmp", "dev" };
		_cleanup_free_ char *path = path_join(root, dirs[i]);

		assert_int_equal(proc_run(argv,
					  &(struct proc_options){ .output = &out, .cwd = path },
					  &err), 0);
		assert_int_equal(out.len, 0);
	}
	buf_done(&out);
}

/* True while some process sleeps for exactly @seconds. */
static bool sleeper_alive(const char *seconds)
{
	_cleanup_closedir_ DIR *d = opendir("/proc");
	struct dirent *e;

	while (d && (e = readdir(d))) {
		char path[300], text[64] = { 0 };
		_cleanup_close_ int fd = -1;

		snprintf(path, sizeof(path), "/proc/%s/cmdline", e->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && read(fd, text, sizeof(text) - 1) > 6 && !strcmp(text, "sleep") &&
		    !strcmp(text + 6, seconds))
			return true;
	}
	return false;
}

static void killing_the_builder_kills_everything(void **state)
{
	char seconds[32], script[64];
	bool started = false;
	pid_t pid;

	(void)state;
	NEED_SANDBOX();
	snprintf(seconds, sizeof(seconds), "7%d", (int)getpid());
	snprintf(script, sizeof(script), "sleep %s", seconds);
	pid = fork();
	if (pid == 0) {
		shell(script, NULL);
		_exit(0);
	}
	for (int i = 0; i < 500 && !started; i++) {
		usleep(10000);
		started = sleeper_alive(seconds);
	}
	assert_true(started);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	for (int i = 0; i < 500 && sleeper_alive(seconds); i++)
		usleep(10000);
	assert_false(sleeper_alive(seconds));
}

static int own_many_ids(void *arg, struct err *e)
{
	_cleanup_free_ char *path = path_join(arg, "owned");

	write_text(arg, "owned", "x");
	if (chown(path, 100, 65533) < 0 || chmod(path, 0600) < 0)
		return err_errno(e, -errno, "chown");
	return 0;
}

static void files_of_other_ids_can_be_made_and_removed(void **state)
{
	_cleanup_free_ char *path = path_join(dir, "ids");
	struct stat st;

	(void)state;
	NEED_SANDBOX();
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(sandbox_run(sb, own_many_ids, path, &err), 0);
	assert_int_equal(sandbox_remove_tree(sb, path, &err), 0);
	assert_int_equal(lstat(path, &st), -1);
	assert_int_equal(sandbox_remove_tree(sb, path, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_come_back_with_code_and_last_lines),
		cmocka_unit_test(a_script_sees_no_network_and_no_file_of_the_host),
		cmocka_unit_test(a_script_cannot_reach_the_machine),
		cmocka_unit_test(mounts_stay_inside_and_leave_nothing),
		cmocka_unit_test(killing_the_builder_kills_everything),
		cmocka_unit_test(files_of_other_ids_can_be_made_and_removed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
