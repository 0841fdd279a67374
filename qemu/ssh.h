/*
 * Talking to a guest by ssh: a throw-away key, handed over as a systemd
 * credential by SMBIOS, so that the image needs to know nothing of tests.
 */
#ifndef QEMU_SSH_H
#define QEMU_SSH_H

#include <stdint.h>
#include <sys/types.h>

#include "lib/base/buf.h"

struct err;
struct vm;

/*
 * Why there can be no ssh to a machine with the disk @image, as far as the manifest beside it
 * (NAME.manifest.json for NAME.raw) tells: no server, or no way to hand a key over. Static text;
 * NULL when nothing speaks against it, or there is no manifest.
 */
const char *ssh_obstacle(const char *image);

/* Make an ed25519 key pair in @dir; *ret_key (owned) names the private one. 0 or a negative
 * errno. */
int ssh_make_key(const char *dir, char **ret_key, struct err *err);

/*
 * The OEM string that hands systemd the public key beside @key as a credential,
 * "io.systemd.credential.binary:ssh.authorized_keys.root=BASE64". Owned by the
 * caller. 0 or a negative errno.
 */
int ssh_credential(const char *key, char **ret_text, struct err *err);

/* Base64 of @len bytes, owned by the caller; NULL when out of memory. */
char *ssh_base64(const void *data, size_t len);

/*
 * Pump @vm until its sshd lets us in, at most until @deadline_ms. *ret_port is
 * the forwarded port on 127.0.0.1. 0; -ETIMEDOUT, -ESHUTDOWN with @err saying
 * what was missing. Commands share the connection made here, as an emulated
 * guest takes a second for each new one; to be called again for each boot.
 */
int ssh_wait(struct vm *vm, uint64_t deadline_ms, unsigned *ret_port, struct err *err);

/*
 * Start ssh to the guest with our terminal, running @command (NULL: a login shell), over a
 * connection of its own. Returns the pid or a negative errno.
 */
pid_t ssh_spawn(const struct vm *vm, unsigned port, const char *command, struct err *err);

/*
 * Run @command in the guest and collect what it says in @output, pumping @vm.
 * Returns its exit status (255: the connection broke), or -ETIMEDOUT at
 * @deadline_ms, or another negative errno.
 */
int ssh_run(struct vm *vm, unsigned port, const char *command, uint64_t deadline_ms,
	    struct buf *output, struct err *err);

/* ssh_run() with the rest of @in_fd as the command's standard input (-1: nothing). */
int ssh_feed(struct vm *vm, unsigned port, const char *command, int in_fd, uint64_t deadline_ms,
	     struct buf *output, struct err *err);

/*
 * The port after "127.0.0.1" in HMP's `info usernet` text of a forwarding to
 * guest port 22; 0 when there is none.
 */
unsigned ssh_port_of(const char *usernet);

#endif
