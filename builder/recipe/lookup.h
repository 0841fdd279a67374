/*
 * Finding the files a recipe names: includes, sources of files, scripts.
 *
 * The rule, in one place: a name is looked up beneath the folder of the recipe
 * file that names it, and if nothing is there, beneath the folder of the
 * recipes that come with kiln. It can never leave that folder: absolute names,
 * "..", and symbolic links that lead out are refused, and anything but a
 * regular file is refused without being opened for reading.
 */
#ifndef BUILDER_RECIPE_LOOKUP_H
#define BUILDER_RECIPE_LOOKUP_H

#include "builder/recipe/source.h"

struct err;

/*
 * Find @name as named by @src. On success *ret_fd is an O_PATH fd of a regular
 * file, *ret_path its absolute path without symbolic links, both the caller's.
 * -EINVAL with *ret_why set for a name that is refused, -ENOENT when it is in
 * neither folder, other negative errno.
 */
int lookup_find(const struct source *src, const char *shipped_dir, const char *name, int *ret_fd,
		char **ret_path, const char **ret_why);

/* What a negative result of lookup_find() means, to follow the name. */
const char *lookup_reason(int rc);

/*
 * Open the top recipe @path, which may be anywhere, as a source without its
 * text. *ret_fd is an O_PATH fd.
 */
int lookup_top(const char *path, struct source **ret, int *ret_fd, struct err *err);

/* A source without text for the found @fd/@path, named @name by @includer. NULL: no memory. */
struct source *lookup_source(int fd, const char *path, const char *name,
			     const struct source *includer);

/* Read the text behind the O_PATH @fd into @s; -EFBIG when it is over the limit. */
int lookup_text(struct source *s, int fd);

/* 1 when the file behind the O_PATH @fd holds a private key, 0 when not, negative errno. */
int lookup_private_key(int fd);

/* True when @data has a line that begins a PEM or PGP private key. */
bool lookup_text_private_key(const char *data, size_t len);

/* Folder of the recipes that come with this kiln, absolute; NULL when there is none. Owned. */
char *lookup_shipped(void);

#endif
