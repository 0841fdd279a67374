/*
 * /usr/lib/kiln/image.conf of the verified root: what the recipe decided about
 * state. Lines `KEY=VALUE`, `#` comments, blank lines:
 *
 *	STATE_GROW=yes|no   PERSIST=/abs/path (repeated)   TRIES=n   HEALTH_TIMEOUT_S=n
 *
 * The last two belong to slotctl and are only checked here. An unknown key is an
 * error: the file comes from the same build as this program.
 */
#ifndef BOOTLOADER_INITRAMFS_CONF_H
#define BOOTLOADER_INITRAMFS_CONF_H

#include <stdbool.h>
#include <stddef.h>

struct err;

#define CONF_MAX_BYTES 65536u
#define CONF_PERSIST_MAX 256u
#define CONF_PATH_MAX 1024u

struct conf {
	bool state_grow;
	size_t n_persist;
	char **persist; /* owned; absolute, normal, parents before children */
};

/* Parse @text of @len bytes. -EINVAL with line number; *@ret only on success. */
int conf_parse(const char *text, size_t len, struct conf *ret, struct err *err);

void conf_done(struct conf *conf);

/*
 * True when @path may be kept: absolute, no empty, "." or ".." component, printable, not "/",
 * and not inside /proc /sys /dev /run /tmp /state /usr/lib/kiln (nor one of these itself).
 */
bool conf_persist_valid(const char *path);

#endif
