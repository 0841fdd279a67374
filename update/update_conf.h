/*
 * /usr/lib/kiln/update.conf: which images this machine takes, and from where; written
 * by the builder into the verified root. Lines KEY=VALUE in any order, each key at
 * most once; '#' begins a comment line:
 *
 *	NAME=name	only images of this name,
 *	ARCH=name	for this architecture (Debian's word)
 *	VERSION=text	of the image this file lies in
 *	STATE=min-max	state versions this image can use; the greatest is what it writes
 *	URL=address	of the bundle to install when none is named (http, https)
 *	REBOOT=when	after such an install: never, now, or HH:MM
 *	LIMIT_RATE=n	at most so many bytes per second from the network; 0: no limit
 *	PROXY=address	instead of what the environment says
 *	CACERT=/path	trust these servers' certificates instead of the system's
 *	CERT=/path	this machine's certificate, for servers that ask
 *	KEY=/path	its private key; without it the key is in CERT's file
 *
 * The first four must be there. Beside it, in trusted.pem, lie the certificates that
 * bundles and root hashes may be signed with. It is the image's word, so everything in
 * it may be trusted as far as the running root is.
 */
#ifndef UPDATE_UPDATE_CONF_H
#define UPDATE_UPDATE_CONF_H

#include <stddef.h>
#include <stdint.h>

struct err;

#define UPDATE_POLICY_DIR "/usr/lib/kiln"
#define UPDATE_CONF_NAME "update.conf"
#define UPDATE_TRUSTED_NAME "trusted.pem" /* certificates that bundles may be signed by */
#define UPDATE_NAME_MAX 63
#define UPDATE_ARCH_MAX 31
#define UPDATE_URL_MAX 1023
#define UPDATE_PATH_MAX 1024

enum update_reboot { UPDATE_REBOOT_NEVER, UPDATE_REBOOT_NOW, UPDATE_REBOOT_AT };

struct update_conf {
	char name[UPDATE_NAME_MAX + 1], arch[UPDATE_ARCH_MAX + 1], version[UPDATE_NAME_MAX + 1];
	uint32_t state_min, state_max;
	char url[UPDATE_URL_MAX + 1], proxy[UPDATE_URL_MAX + 1]; /* "": not there */
	char cacert[UPDATE_PATH_MAX + 1], cert[UPDATE_PATH_MAX + 1], key[UPDATE_PATH_MAX + 1];
	uint64_t limit_bytes_per_s;
	enum update_reboot reboot;
	unsigned reboot_minute; /* UPDATE_REBOOT_AT: of the day, local time */
};

/* Parse @text of @len bytes. 0, or -EINVAL with the line in @err; *ret only on success. */
int update_conf_parse(const char *text, size_t len, struct update_conf *ret, struct err *err);

/* Read @path. As update_conf_parse(), or an errno; -ENOENT: this image is not kiln's. */
int update_conf_read(const char *path, struct update_conf *ret, struct err *err);

#endif
