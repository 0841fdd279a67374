/*
 * The signed kernel command line: uki_cmdline_build() of uki.h. Its words are
 * the only source of verity parameters early init has, and tell the selector what
 * it may arm, so they are read back with the same parsers before anyone signs
 * them.
 */
#include <errno.h>
#include <string.h>

#include "uki/uki.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/core/bytes.h"
#include "lib/core/cmdline.h"
#include "lib/core/uki_parts.h"
#include "lib/core/verity_table.h"
#include "lib/core/version.h"
#include "lib/core/watchdog.h"

/*
 * What kiln decides for every image: never stay dead after a panic or a crash of systemd, whose
 * name for that changed with version 256; never let a generator of systemd look for another
 * root or ask questions on the console.
 */
static const char fixed_words[] = "ro panic=-1 "
				  "systemd.crash_reboot=yes systemd.crash_action=reboot "
				  "systemd.gpt_auto=no systemd.firstboot=off";

/* Without the recipe's consent: what the machine hands over by SMBIOS or fw_cfg is not taken. */
static const char locked_words[] = " systemd.import_credentials=no";

/* Words of a recipe that would undo a promise, or be ignored without a message. */
static const char *const refused_keys[] = {
	"panic", "ro", "rw", "root", "rootfstype", "rootflags", "roothash", "init", "rdinit",
	"initrd", "noinitrd", "systemd.gpt_auto", "systemd.firstboot", "systemd.verity",
	"systemd.crash_reboot", "systemd.crash_action", "systemd.import_credentials",
};

/* Is @key the token's? Kernel and systemd take - and _ for the same. */
static bool is_key(const struct cmdline_token *t, const char *key)
{
	if (t->key_len != strlen(key))
		return false;
	for (size_t i = 0; i < t->key_len; i++)
		if (t->key[i] != key[i] && !(t->key[i] == '-' && key[i] == '_'))
			return false;
	return true;
}

static bool key_refused(const struct cmdline_token *t)
{
	if (t->key_len >= 5 && !memcmp(t->key, "kiln.", 5))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(refused_keys); i++)
		if (is_key(t, refused_keys[i]))
			return true;
	return false;
}

static int check_extra(const char *extra, bool credentials, struct err *err)
{
	const char *at = extra, *end = extra + strlen(extra);
	struct cmdline_token t;
	int r = cmdline_check(extra, strlen(extra), "kiln.");

	if (r != CMDLINE_OK)
		return err_set(err, -EINVAL, "kernel.cmdline: %s", cmdline_error_text(r));
	while (cmdline_next(&at, end, &t)) {
		if (t.key_len == 2 && !memcmp(t.key, "--", 2))
			return err_set(err, -EINVAL,
				       "kernel.cmdline: '--' would hand the rest to early init");
		if (key_refused(&t))
			return err_set(err, -EINVAL,
				       "kernel.cmdline: '%.*s' is set by kiln, it cannot be "
				       "changed",
				       (int)t.key_len, t.key);
		if (!credentials && (is_key(&t, "systemd.set_credential") ||
				     is_key(&t, "systemd.set_credential_binary")))
			return err_set(err, -EINVAL,
				       "kernel.cmdline: '%.*s' does nothing without "
				       "image.credentials",
				       (int)t.key_len, t.key);
	}
	return 0;
}

/* Selector and early init will read exactly these bytes with exactly this code. */
static int read_back(const char *line, const struct uki_cmdline *c, struct err *err)
{
	unsigned watchdogs = 0;
	struct verity_params p;
	int r = cmdline_check(line, strlen(line), "kiln.");

	if (r != CMDLINE_OK)
		return err_set(err, -EINVAL, "kernel command line: %s", cmdline_error_text(r));
	r = verity_params_from_cmdline(line, strlen(line), &p);
	if (r != VERITY_OK)
		return err_set(err, -EINVAL, "kernel command line: %s", verity_error_text(r));
	r = watchdog_from_cmdline(line, strlen(line), &watchdogs);
	if ((r != CMDLINE_OK && r != CMDLINE_E_MISSING) || watchdogs != c->watchdogs)
		return err_set(err, -EINVAL, "kernel command line: does not read back as written");
	if (memcmp(p.root_hash, c->verity->root_hash, sizeof(p.root_hash)) != 0 ||
	    p.data_blocks != c->verity->data_blocks ||
	    p.hash_start_block != c->verity->hash_start_block ||
	    p.salt_bytes != c->verity->salt_bytes ||
	    memcmp(p.salt, c->verity->salt, p.salt_bytes) != 0)
		return err_set(err, -EINVAL, "kernel command line: does not read back as written");
	return 0;
}

static void add_watchdogs(struct buf *b, unsigned set)
{
	char names[WATCHDOG_TEXT_SIZE];

	watchdog_format(set, names);
	if (*names)
		buf_addf(b, " " WATCHDOG_KEY "=%s", names);
}

int uki_cmdline_build(const struct uki_cmdline *c, char **ret, struct err *err)
{
	char verity[VERITY_PARAM_TEXT_SIZE], root_hash[2 * VERITY_HASH_BYTES + 1];
	const char *extra = c->extra ? c->extra : "";
	_cleanup_free_ char *line = NULL;
	_cleanup_buf_ struct buf b = BUF_INIT;
	int r;

	if (!version_valid(c->image, true) || !version_valid(c->version, true))
		return err_set(err, -EINVAL,
			       "image name '%s' or version '%s' is no plain word of up to %d "
			       "characters",
			       c->image, c->version, VERSION_TEXT_SIZE - 1);
	r = verity_params_format(c->verity, verity, sizeof(verity));
	if (r != VERITY_OK)
		return err_set(err, -EINVAL, "verity parameters: %s", verity_error_text(r));
	r = check_extra(extra, c->credentials, err);
	if (r < 0)
		return r;
	bytes_to_hex(c->verity->root_hash, VERITY_HASH_BYTES, root_hash);
	buf_addf(&b, "kiln.image=%s kiln.version=%s kiln.roothash=%s kiln.verity=%s", c->image,
		 c->version, root_hash, verity);
	add_watchdogs(&b, c->watchdogs);
	buf_addf(&b, " %s%s", fixed_words, c->credentials ? "" : locked_words);
	extra += strspn(extra, " ");
	if (*extra)
		buf_addf(&b, " %s", extra);
	line = buf_take(&b);
	if (!line)
		return err_oom(err);
	if (strlen(line) > UKI_CMDLINE_MAX)
		return err_set(err, -E2BIG,
			       "the kernel command line has %zu bytes, %zu more than the kernel "
			       "takes",
			       strlen(line), strlen(line) - UKI_CMDLINE_MAX);
	r = read_back(line, c, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(line);
	return 0;
}
