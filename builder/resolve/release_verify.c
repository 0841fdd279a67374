/*
 * The signature of an InRelease file: gpgv judges, and only the bytes gpgv writes
 * out are read by anyone. Its exit status is not enough: it fails when any one of
 * several signatures is by a key this host does not know yet, so the status lines
 * are read as apt reads them: one good signature with a strong hash, no bad one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "builder/resolve/release.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/proc.h"

#define BEGIN_MESSAGE "-----BEGIN PGP SIGNED MESSAGE-----"
#define BEGIN_SIGNATURE "-----BEGIN PGP SIGNATURE-----"
#define END_SIGNATURE "-----END PGP SIGNATURE-----"

static bool line_is(const char *p, const char *end, const char *what)
{
	size_t len = (size_t)(end - p);

	while (len && strchr(" \t\r", p[len - 1]))
		len--;
	return strlen(what) == len && !memcmp(p, what, len);
}

int release_check_armor(const char *text, size_t len, struct err *err)
{
	static const char *const order[] = { BEGIN_MESSAGE, BEGIN_SIGNATURE, END_SIGNATURE };
	const char *p = text, *end = text + len;
	size_t next = 0;

	if (memchr(text, 0, len))
		return err_set(err, -EBADMSG, "not a text");
	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p)), *stop = nl ? nl : end;

		if (next < ARRAY_SIZE(order) && line_is(p, stop, order[next]))
			next++;
		else if (next == 0)
			return err_set(err, -EBADMSG, "does not begin with a signed message");
		else if (next == ARRAY_SIZE(order) && !line_is(p, stop, ""))
			return err_set(err, -EBADMSG, "there is text after the signature");
		else if (stop - p >= 5 && !memcmp(p, "-----", 5))
			return err_set(err, -EBADMSG, "more than one signed message");
		p = nl ? nl + 1 : end;
	}
	return next == ARRAY_SIZE(order) ? 0 : err_set(err, -EBADMSG, "the signature is cut off");
}

/* A "[GNUPG:] WORD ..." line; returns what follows the word. */
static const char *status_args(const char *line, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(line, "[GNUPG:] ", 9) || strncmp(line + 9, word, len) ||
	    (line[9 + len] != ' ' && line[9 + len] != '\n' && line[9 + len]))
		return NULL;
	return line + 9 + len;
}

/* VALIDSIG's eighth argument is the OpenPGP number of the hash: 8 to 11 are SHA-2. */
static bool strong_hash(const char *args)
{
	unsigned hash;

	return sscanf(args, "%*s %*s %*s %*s %*s %*s %*s %u", &hash) == 1 && hash >= 8 &&
	       hash <= 11;
}

static int judge(const char *status, struct err *err)
{
	unsigned good = 0, valid = 0, bad = 0, unknown = 0, expired = 0, weak = 0;

	for (const char *p = status; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
		const char *args = status_args(p, "VALIDSIG");

		if (args && strong_hash(args))
			valid++;
		else if (args)
			weak++;
		good += status_args(p, "GOODSIG") != NULL;
		bad += status_args(p, "BADSIG") || status_args(p, "REVKEYSIG");
		expired += status_args(p, "EXPKEYSIG") || status_args(p, "EXPSIG");
		unknown += status_args(p, "NO_PUBKEY") != NULL;
	}
	if (bad)
		return err_set(err, -EBADMSG, "its signature is BAD: the file was changed");
	if (good && valid)
		return 0;
	return err_set(err, -EBADMSG, "%s",
		       expired ? "it is signed with an expired key only" :
		       weak    ? "it is signed with a weak hash only" :
		       unknown ? "it is signed by nobody in the keyring" :
				 "it has no valid signature");
}

static int memfd_with(const void *data, size_t len, char path[32], struct err *err)
{
	int fd = memfd_create("kiln-release", MFD_CLOEXEC);
	int r = fd < 0 ? -errno : io_write_all(fd, data, len);

	if (r < 0) {
		if (fd >= 0)
			close(fd);
		return err_errno(err, r, "cannot hold a Release in memory");
	}
	/* By pid, not "self": gpgv opens it, and our descriptor stays open until it is done. */
	snprintf(path, 32, "/proc/%d/fd/%d", (int)getpid(), fd);
	return fd;
}

static int run_gpgv(const char *keyring, char *in, char *out, struct buf *status, struct err *err)
{
	_cleanup_buf_ struct buf errors = BUF_INIT;
	char *argv[] = { "gpgv", "--keyring", (char *)keyring, "--status-fd", "1", "--output",
			 out, in, NULL };
	struct proc_options opts = { .output = status, .errors = &errors };
	int r = proc_run(argv, &opts, err);

	if (r == -ENOENT)
		return err_set(err, -ENOENT, "gpgv is missing: install the package gpgv");
	return r < 0 ? r : buf_ok(status) ? 0 : err_oom(err);
}

int release_verify(const char *data, size_t len, const char *keyring, char **ret_text,
		   size_t *ret_len, struct err *err)
{
	_cleanup_close_ int in = -1, out = -1;
	_cleanup_buf_ struct buf status = BUF_INIT;
	char in_path[32], out_path[32];
	int r = release_check_armor(data, len, err);

	if (r < 0)
		return r;
	if (!keyring)
		keyring = getenv("KILN_KEYRING");
	if (!keyring || !*keyring)
		keyring = RELEASE_KEYRING;
	if (access(keyring, R_OK) < 0)
		return err_errno(err, -errno,
				 "keyring %s (package debian-archive-keyring)", keyring);
	in = memfd_with(data, len, in_path, err);
	if (in < 0)
		return in;
	out = memfd_with("", 0, out_path, err);
	if (out < 0)
		return out;
	r = run_gpgv(keyring, in_path, out_path, &status, err);
	r = r < 0 ? r : judge(status.data ? status.data : "", err);
	return r < 0 ? r : io_read_file(out_path, RELEASE_MAX_BYTES, ret_text, ret_len, err);
}
