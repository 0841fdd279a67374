/*
 * What `slotctl install` was told to install from, opened: a file, a directory, "-" for
 * standard input, or an address.
 */
#ifndef UPDATE_INSTALL_SOURCE_H
#define UPDATE_INSTALL_SOURCE_H

#include <stdbool.h>

struct buf;
struct err;
struct source;
struct update_conf;

/* True for http:// and https://, in any case of letters. */
bool install_source_is_url(const char *text);

/*
 * Open @text. @fetch is the program for addresses (NULL: the usual one). 0 with @ret to be
 * released by source_free(), the name of it for people in *ret_name (the caller frees),
 * and lines about what was not taken in @notes; or a negative errno.
 */
int install_source_open(const char *text, const struct update_conf *conf, const char *fetch,
			struct source **ret, char **ret_name, struct buf *notes, struct err *err);

#endif
