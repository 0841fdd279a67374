/*
 * Version order as UAPI.10 says (the order of systemd and rpm: `~` before the
 * end of text, `^` after it, digit runs as unbounded numbers).
 */
#ifndef LIB_CORE_VERSION_H
#define LIB_CORE_VERSION_H

#include <stdbool.h>
#include <stddef.h>

/* Longest image version and image name kept on disk, with the NUL. */
#define VERSION_TEXT_SIZE 64
#define IMAGE_NAME_SIZE 64

/*
 * Below 0 when @a is older than @b, 0 when they rank equal, above 0 when newer.
 * Different texts may be equal ("1.01" and "1.1"). Characters that are no letter,
 * digit or one of `~ - ^ .` separate and are otherwise skipped.
 */
int version_compare(const char *a, const char *b);

/*
 * True when @text may be the version of an image: 1 to 63 characters of
 * [A-Za-z0-9.~^+_-], not starting with a dot, so that it is safe in a file name,
 * on a kernel command line and on a terminal. '_' is refused too where
 * @allow_underscore is false (artefact names use it as their separator).
 */
bool version_valid(const char *text, bool allow_underscore);

/*
 * True when the @size bytes of @field, as read from a disk, are such a text (with '_'), its NUL,
 * and nothing but zeroes behind it.
 */
bool version_field_valid(const char *field, size_t size);

/* The same, or all zero: no version is known. */
bool version_field_valid_or_blank(const char *field, size_t size);

#endif
