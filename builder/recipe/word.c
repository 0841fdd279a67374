/*
 * What the texts of a recipe may look like: names, versions, paths, units.
 *
 * Every rule is as narrow as the place where the text ends up: file names of
 * artefacts, a line of image.conf, a kernel command line, dpkg's database.
 */
#include <stdio.h>
#include <string.h>

#include "builder/recipe/schema.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"

#define PATH_CHARS_MAX 1024
#define NAME_CHARS_MAX 255

/* True when @c is in @set, which is written like the inside of a bracket expression. */
static bool in_set(const char *set, char c)
{
	for (; *set; set++) {
		if (set[1] == '-' && set[2]) {
			if (c >= set[0] && c <= set[2])
				return true;
			set += 2;
		} else if (c == *set) {
			return true;
		}
	}
	return false;
}

static bool is_choice(const char *const *choices, const char *text)
{
	for (; *choices; choices++)
		if (!strcmp(*choices, text))
			return true;
	return false;
}

const char *schema_word_check(const struct schema_word *w, const char *text)
{
	static _Thread_local char why[96];
	size_t n = strlen(text);

	if (!n)
		return w->may_be_empty ? NULL : "it is empty";
	if (w->choices)
		return is_choice(w->choices, text) ? NULL : "it is not one of them";
	if (n > w->max_chars) {
		snprintf(why, sizeof(why), "it is longer than %zu characters", w->max_chars);
		return why;
	}
	if (n < w->min_chars) {
		snprintf(why, sizeof(why), "it is shorter than %zu characters", w->min_chars);
		return why;
	}
	for (size_t i = 0; w->first && i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		if (in_set(i ? w->rest : w->first, text[i]))
			continue;
		if (c <= 0x20 || c >= 0x7f)
			return c == ' ' ? "it holds a space" : "it holds a special character";
		snprintf(why, sizeof(why), i ? "'%c' is not allowed in it" :
					       "it may not begin with '%c'", c);
		return why;
	}
	return w->check ? w->check(text) : NULL;
}

/* @set with what ECMA 262 wants escaped inside brackets; a last - needs no escape. */
static void add_set(struct buf *out, const char *set)
{
	buf_addc(out, '[');
	for (; *set; set++) {
		if (strchr("\\]^[", *set))
			buf_addc(out, '\\');
		buf_addc(out, *set);
		if (set[1] == '-' && set[2]) {
			buf_addc(out, '-');
			buf_addc(out, set[2]);
			set += 2;
		}
	}
	buf_addc(out, ']');
}

void schema_word_pattern(const struct schema_word *w, struct buf *out)
{
	size_t min = w->min_chars ? w->min_chars : 1;

	buf_addc(out, '^');
	add_set(out, w->first);
	add_set(out, w->rest);
	buf_addf(out, "{%zu,%zu}$", min - 1, w->max_chars - 1);
}

/* Absolute and normalised: one spelling per file, so that two lists can be compared. */
static const char *check_path(const char *text)
{
	const char *p = text;

	if (*p != '/')
		return "it must be absolute";
	while (*p == '/') {
		size_t n = strcspn(p + 1, "/");

		if (!n)
			return p[1] ? "it has two slashes in a row" :
			       p == text ? "it is the root itself" : "it ends with a slash";
		if (n > NAME_CHARS_MAX)
			return "a part of it is longer than 255 characters";
		if (!strncmp(p + 1, ".", n) || (n == 2 && !strncmp(p + 1, "..", n)))
			return "it has '.' or '..' parts";
		p += 1 + n;
	}
	for (p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return "it holds a control character";
	return NULL;
}

/* True when @path is @dir or below it. */
static bool below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return !strncmp(path, dir, n) && (!path[n] || path[n] == '/');
}

static const char *check_image_path(const char *text)
{
	static const char *const live[] = { "/proc", "/sys", "/dev", "/run", "/tmp", "/state" };
	const char *why = check_path(text);

	for (size_t i = 0; !why && i < ARRAY_SIZE(live); i++)
		if (below(text, live[i]))
			why = "that folder is mounted over when the image runs";
	return why;
}

static const char *check_persist(const char *text)
{
	const char *why = check_image_path(text);

	if (why)
		return why;
	if (below(text, "/var") || below(text, "/root"))
		return "/var and /root are kept already";
	if (below(text, "/usr") || below(text, "/boot") || !strcmp(text, "/etc"))
		return "what the image verifies must not be replaced by old state; name single "
		       "paths below /etc, /srv, /home or /opt";
	return NULL;
}

static const char *check_line(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return "it holds a control character";
	return NULL;
}

static const char *check_unit(const char *text)
{
	static const char *const suffix[] = {
		".service", ".socket",	  ".target", ".timer", ".path",
		".mount",   ".automount", ".swap",   ".slice", ".scope",
	};

	for (size_t i = 0; i < ARRAY_SIZE(suffix); i++) {
		size_t n = strlen(text), m = strlen(suffix[i]);

		if (n > m && !strcmp(text + n - m, suffix[i]))
			return NULL;
	}
	return "a unit ends with its kind: .service, .socket, .target, .timer, .path, .mount";
}

/* Options by which the verified start could be left, or that kiln sets itself. */
static const char *const own_options[] = {
	"kiln.",     "root=",	    "roothash=",	"rw",		     "init=",
	"rdinit=",   "initrd=",	    "panic=",		"dm_mod.",	     "dm_verity.",
	"rd.break",  "rd.systemd.", "systemd.gpt_auto", "systemd.firstboot", "systemd.verity",
	"usrhash=",  "usr=",	    "break",		"--",		     "mount.usr",
	"systemd.crash_reboot", "systemd.crash_action", "systemd.import_credentials",
};

/* True when the option of @len bytes at @p begins with @own; - and _ are one to the readers. */
static bool is_option(const char *p, size_t len, const char *own)
{
	size_t n = strlen(own);

	if (len < n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (p[i] != own[i] && !(strchr("-_", p[i]) && strchr("-_", own[i])))
			return false;
	/* A word without = or . at its end is an option of its own, not the beginning of one. */
	return strchr("=.", own[n - 1]) || len == n || p[n] == '=' || p[n] == '_' || p[n] == '-';
}

static const char *check_cmdline(const char *text)
{
	static _Thread_local char why[96];

	for (const char *p = text; *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			return "it holds a character outside printable ASCII";
	for (const char *p = text + strspn(text, " \""); *p; p += strspn(p, " \"")) {
		size_t n = strcspn(p, " \"");

		for (size_t i = 0; i < ARRAY_SIZE(own_options); i++) {
			if (!is_option(p, n, own_options[i]))
				continue;
			snprintf(why, sizeof(why), "'%s' belongs to kiln: the start is verified",
				 own_options[i]);
			return why;
		}
		p += n;
	}
	return NULL;
}

/* An address without a name and password in it, which every machine would show around. */
static const char *check_address(const char *text, const char *const *schemes)
{
	const char *host = NULL;

	for (const char *p = text; *p; p++)
		if (*p <= 0x20 || *p > 0x7e)
			return "it holds a special character";
	for (; *schemes && !host; schemes++)
		if (!strncmp(text, *schemes, strlen(*schemes)))
			host = text + strlen(*schemes);
	if (!host)
		return "it must begin with http:// or https://";
	if (!*host || strchr("/:?#", *host))
		return "it names no machine";
	if (memchr(host, '@', strcspn(host, "/?#")))
		return "it holds a name or password; use a client certificate";
	return NULL;
}

static const char *check_url(const char *text)
{
	static const char *const schemes[] = { "http://", "https://", NULL };

	return check_address(text, schemes);
}

static const char *check_proxy(const char *text)
{
	static const char *const schemes[] = { "http://", "https://", "socks5h://", NULL };

	return check_address(text, schemes);
}

static const char *check_reboot(const char *text)
{
	if (!strcmp(text, "never") || !strcmp(text, "now"))
		return NULL;
	if (strlen(text) != 5 || text[2] != ':' || strspn(text, "0123456789") != 2 ||
	    strspn(text + 3, "0123456789") != 2)
		return "it is neither never nor now nor a time such as 03:30";
	return strncmp(text, "24", 2) < 0 && text[3] < '6' ? NULL : "there is no such time of day";
}

static const char *const architectures[] = { "amd64", NULL };
static const char *const suites[] = { "bookworm", "trixie", NULL };
static const char *const components[] = { "main", "contrib", "non-free", "non-free-firmware",
					  NULL };
static const char *const outputs[] = { "disk", "qcow2", NULL };

const struct schema_word word_image = {
	.what = "image name", .example = "web-node",
	.first = "a-z0-9", .rest = "a-z0-9.-", .min_chars = 1, .max_chars = 48,
};
const struct schema_word word_version = {
	.what = "version", .example = "1.4.0",
	.first = "A-Za-z0-9", .rest = "A-Za-z0-9.+~^-", .min_chars = 1, .max_chars = 48,
};
const struct schema_word word_architecture = {
	.what = "architecture", .example = "amd64", .choices = architectures,
};
const struct schema_word word_suite = {
	.what = "suite", .example = "bookworm", .choices = suites,
};
const struct schema_word word_component = {
	.what = "component", .example = "main", .choices = components,
};
const struct schema_word word_output = {
	.what = "output", .example = "disk", .choices = outputs,
};
const struct schema_word word_package = {
	.what = "package name", .example = "nginx-light",
	.first = "a-z0-9", .rest = "a-z0-9+.-", .min_chars = 2, .max_chars = 128,
};
const struct schema_word word_path = {
	.what = "path in the image", .example = "/etc/motd",
	.max_chars = PATH_CHARS_MAX, .check = check_image_path,
};
const struct schema_word word_persist = {
	.what = "path to keep", .example = "/etc/ssh",
	.max_chars = PATH_CHARS_MAX, .check = check_persist,
};
const struct schema_word word_link = {
	.what = "link target", .example = "/usr/lib/systemd/system/multi-user.target",
	.max_chars = PATH_CHARS_MAX, .check = check_line,
};
const struct schema_word word_content = {
	.what = "content", .example = "hello",
	.may_be_empty = true, .max_chars = RECIPE_FILE_MAX_BYTES,
};
const struct schema_word word_user = {
	.what = "user name", .example = "deploy",
	.first = "a-z_", .rest = "a-z0-9_-", .min_chars = 1, .max_chars = 32,
};
const struct schema_word word_unit = {
	.what = "unit name", .example = "nginx.service",
	.first = "A-Za-z0-9_-", .rest = "A-Za-z0-9:_.\\@-", .min_chars = 1, .max_chars = 255,
	.check = check_unit,
};
const struct schema_word word_cmdline = {
	.what = "kernel command line", .example = "console=ttyS0 quiet",
	.max_chars = 1024, .check = check_cmdline,
};
const struct schema_word word_module = {
	.what = "kernel module", .example = "virtio_net",
	.first = "A-Za-z0-9_*?", .rest = "A-Za-z0-9_*?/.-", .min_chars = 1, .max_chars = 128,
};
const struct schema_word word_initrd = {
	.what = "initramfs module", .example = "virtio",
	.first = "A-Za-z0-9_", .rest = "A-Za-z0-9_-", .min_chars = 1, .max_chars = 64,
};
const struct schema_word word_url = {
	.what = "address", .example = "https://updates.example.com/web/latest.kiln",
	.max_chars = 1000, .check = check_url,
};
const struct schema_word word_proxy = {
	.what = "proxy's address", .example = "http://proxy.example.com:3128",
	.max_chars = 1000, .check = check_proxy,
};
const struct schema_word word_reboot = {
	.what = "time", .example = "03:30",
	.max_chars = 5, .check = check_reboot,
};
