/* See ssh.h. */
#include "qemu/ssh.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"
#include "lib/base/proc.h"
#include "qemu/clock.h"
#include "qemu/vm.h"

#define OUTPUT_MAX (1u << 20)
#define MANIFEST_MAX (256u << 20)
#define RETRY_MS 300
#define SSH_LOST 255
#define CONTROL_PATH_MAX 90 /* ssh adds 17 characters, and a socket's name has 107 */

const char *ssh_obstacle(const char *image)
{
	const char *dot = strrchr(path_base(image), '.');
	size_t stem = dot ? (size_t)(dot - image) : strlen(image);
	_cleanup_free_ char *path = str_printf("%.*s.manifest.json", (int)stem, image),
			    *text = NULL;

	if (!path || access(path, R_OK) < 0 ||
	    io_read_file(path, MANIFEST_MAX, &text, NULL, NULL) < 0)
		return NULL;
	if (!strstr(text, "\"openssh-server\"") && !strstr(text, "\"dropbear"))
		return "the image has no ssh server";
	if (strstr(text, "\"credentials\": false"))
		return "the image takes no credentials, so no key can be handed to it: "
		       "its recipe has image.credentials off";
	return NULL;
}

int ssh_make_key(const char *dir, char **ret_key, struct err *err)
{
	_cleanup_free_ char *key = path_join(dir, "id_ed25519");
	char *argv[] = { "ssh-keygen", "-q",   "-t", "ed25519", "-N", "",
			 "-C",	       "kiln", "-f", key,	NULL };
	int r;

	if (!key)
		return err_oom(err);
	r = proc_run(argv, NULL, err);
	if (r)
		return r > 0 ? -EIO : r;
	*ret_key = TAKE_PTR(key);
	return 0;
}

char *ssh_base64(const void *data, size_t len)
{
	static const char digit[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = data;
	_cleanup_buf_ struct buf b = BUF_INIT;

	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		unsigned v = (unsigned)p[i] << 16;

		v |= left > 1 ? (unsigned)p[i + 1] << 8 : 0;
		v |= left > 2 ? p[i + 2] : 0;
		buf_addc(&b, digit[v >> 18]);
		buf_addc(&b, digit[v >> 12 & 63]);
		buf_addc(&b, left > 1 ? digit[v >> 6 & 63] : '=');
		buf_addc(&b, left > 2 ? digit[v & 63] : '=');
	}
	return buf_take(&b);
}

int ssh_credential(const char *key, char **ret_text, struct err *err)
{
	_cleanup_free_ char *path = str_printf("%s.pub", key), *pub = NULL, *coded = NULL;
	size_t len;
	int r;

	if (!path)
		return err_oom(err);
	r = io_read_file(path, 4096, &pub, &len, err);
	if (r < 0)
		return r;
	coded = ssh_base64(pub, len);
	*ret_text = coded ? str_printf("io.systemd.credential.binary:"
				       "ssh.authorized_keys.root=%s",
				       coded)
			  : NULL;
	return *ret_text ? 0 : err_oom(err);
}

unsigned ssh_port_of(const char *usernet)
{
	const char *line = strstr(usernet, "HOST_FORWARD");
	char address[64], guest[64];
	unsigned port, guest_port;

	while (line) {
		if (sscanf(line, "HOST_FORWARD] %*d %63s %u %63s %u", address, &port, guest,
			   &guest_port) == 4 &&
		    guest_port == 22 && port <= 65535)
			return port;
		line = strstr(line + 1, "HOST_FORWARD");
	}
	return 0;
}

static int find_port(struct vm *vm, unsigned *ret_port, struct err *err)
{
	int r = vm_command(vm, "human-monitor-command", "{\"command-line\": \"info usernet\"}",
			   err);

	if (r < 0)
		return r;
	*ret_port = ssh_port_of(vm->qmp.reply);
	return *ret_port ? 0 : err_set(err, -EIO, "QEMU forwards no port to the guest's sshd");
}

/* A connected socket that is still silent, or a negative errno. */
static int dial(unsigned port)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

/* Pump for @ms, or until the power goes. */
static int linger(struct vm *vm, uint64_t ms, struct err *err)
{
	uint64_t until = clock_now_ms() + ms;
	int r;

	do
		r = vm_pump(vm, -1, until, err);
	while (r > 0 && r != VM_OFF && clock_now_ms() < until);
	return r;
}

/*
 * QEMU accepts at once and drops the connection when nobody listens in the
 * guest: only a greeting proves that sshd is there. 1 yes, 0 not yet.
 */
static int sshd_greets(struct vm *vm, unsigned port, uint64_t deadline_ms, struct err *err)
{
	_cleanup_close_ int fd = dial(port);
	uint64_t until = clock_now_ms() + 5000;
	char hello[4];
	int r;

	if (fd < 0)
		return linger(vm, RETRY_MS, err) < 0 ? -EIO : 0;
	if (until > deadline_ms)
		until = deadline_ms;
	do
		r = vm_pump(vm, fd, until, err);
	while (r == VM_ACTIVITY && clock_now_ms() < until);
	if (r < 0)
		return r;
	if (r == VM_EXTRA && recv(fd, hello, 4, MSG_WAITALL) == 4 && !memcmp(hello, "SSH-", 4))
		return 1;
	r = linger(vm, RETRY_MS, err);
	return r < 0 ? r : 0;
}

/*
 * The socket of a new shared connection: never the name of one before, whose ssh may yet be there
 * and removes it when it ends.
 */
static int name_control(struct vm *vm, struct err *err)
{
	free(vm->ssh_control);
	vm->ssh_control = str_printf("%s/ssh-%u", vm->work, ++vm->ssh_connections);
	if (!vm->ssh_control)
		return err_oom(err);
	if (strlen(vm->ssh_control) > CONTROL_PATH_MAX)
		free(TAKE_PTR(vm->ssh_control));
	return 0;
}

int ssh_wait(struct vm *vm, uint64_t deadline_ms, unsigned *ret_port, struct err *err)
{
	_cleanup_buf_ struct buf said = BUF_INIT;
	bool greeted = false;
	unsigned port;
	int r = find_port(vm, &port, err);

	if (r < 0)
		return r;
	while (vm->pid && clock_now_ms() < deadline_ms) {
		uint64_t one = clock_now_ms() + 20000;

		r = sshd_greets(vm, port, deadline_ms, err);
		if (r < 0)
			return r;
		if (r == 0)
			continue;
		greeted = true;
		said.len = 0;
		r = name_control(vm, err);
		if (r < 0)
			return r;
		r = ssh_run(vm, port, "true", one < deadline_ms ? one : deadline_ms, &said, err);
		if (r == 0) {
			*ret_port = port;
			return 0;
		}
		if (r < 0 && r != -ETIMEDOUT)
			return r;
		linger(vm, RETRY_MS, err);
	}
	if (!vm->pid)
		return err_set(err, -ESHUTDOWN, "the machine went off before its sshd answered");
	if (!greeted)
		return err_set(err, -ETIMEDOUT, "no sshd answered in the guest");
	return err_set(err, -ETIMEDOUT, "the guest's sshd did not let us in: %s",
		       said.len ? said.data : "no answer");
}

/* @control NULL: a connection for this command alone. */
static void exec_ssh(const struct vm *vm, unsigned port, const char *command, const char *control,
		     int in_fd, int out_fd)
{
	char port_text[16], control_text[CONTROL_PATH_MAX + 16];
	char *argv[40] = { "ssh", "-F", "/dev/null", "-i", vm->key, "-p", port_text };
	static const char *const options[] = {
		"IdentitiesOnly=yes", "StrictHostKeyChecking=no",  "UserKnownHostsFile=/dev/null",
		"LogLevel=ERROR",     "ConnectTimeout=10",	   "ServerAliveInterval=15",
		"IdentityAgent=none", "PasswordAuthentication=no", "ControlMaster=auto",
		"ControlPersist=yes",
	};
	unsigned n = 7;

	snprintf(port_text, sizeof(port_text), "%u", port);
	snprintf(control_text, sizeof(control_text), "ControlPath=%s", control ? control : "none");
	argv[n++] = "-o";
	argv[n++] = control_text;
	for (unsigned i = 0; i < ARRAY_SIZE(options); i++) {
		argv[n++] = "-o";
		argv[n++] = (char *)options[i];
	}
	argv[n++] = "root@127.0.0.1";
	argv[n] = (char *)command;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (out_fd >= 0) {
		dup2(in_fd >= 0 ? in_fd : open("/dev/null", O_RDONLY), 0);
		dup2(out_fd, 1);
		dup2(out_fd, 2);
	}
	execvp(argv[0], argv);
	dprintf(2, "cannot run ssh: %s\n", strerror(errno));
	_exit(127);
}

static pid_t spawn(const struct vm *vm, unsigned port, const char *command, const char *control,
		   int in_fd, int out_fd, struct err *err)
{
	pid_t pid = fork();

	if (pid < 0)
		return err_errno(err, -errno, "fork");
	if (pid == 0)
		exec_ssh(vm, port, command, control, in_fd, out_fd);
	return pid;
}

pid_t ssh_spawn(const struct vm *vm, unsigned port, const char *command, struct err *err)
{
	return spawn(vm, port, command, NULL, -1, -1, err);
}

/* Collect from @fd until its end. 0; -ETIMEDOUT. The guest may switch itself off meanwhile. */
static int collect(struct vm *vm, int fd, uint64_t deadline_ms, struct buf *output,
		   struct err *err)
{
	char chunk[4096];

	for (;;) {
		int r = vm_pump(vm, fd, deadline_ms, err);
		ssize_t n;

		if (r < 0)
			return r;
		if (r == VM_OFF) {
			struct pollfd p = { .fd = fd, .events = POLLIN };

			/* ssh notices the closed connection by itself. */
			r = poll(&p, 1, clock_left_ms(deadline_ms)) > 0 ? VM_EXTRA : VM_QUIET;
		}
		if (r == VM_EXTRA) {
			n = read(fd, chunk, sizeof(chunk));
			if (n == 0 || (n < 0 && errno != EINTR))
				return 0;
			if (n > 0 && output->len + (size_t)n <= OUTPUT_MAX)
				buf_add(output, chunk, (size_t)n);
		}
		if (clock_now_ms() >= deadline_ms)
			return err_set(err, -ETIMEDOUT, "the command did not end in time");
	}
}

int ssh_run(struct vm *vm, unsigned port, const char *command, uint64_t deadline_ms,
	    struct buf *output, struct err *err)
{
	return ssh_feed(vm, port, command, -1, deadline_ms, output, err);
}

int ssh_feed(struct vm *vm, unsigned port, const char *command, int in_fd, uint64_t deadline_ms,
	     struct buf *output, struct err *err)
{
	_cleanup_close_ int from = -1, to = -1;
	int p[2], status, r;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) < 0)
		return err_errno(err, -errno, "pipe");
	from = p[0];
	to = p[1];
	pid = spawn(vm, port, command, vm->ssh_control, in_fd, to, err);
	if (pid < 0)
		return (int)pid;
	close(TAKE_FD(to));
	r = collect(vm, from, deadline_ms, output, err);
	if (r < 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r < 0)
		return r;
	if (!buf_ok(output))
		return err_oom(err);
	return WIFEXITED(status) ? WEXITSTATUS(status) : SSH_LOST;
}
