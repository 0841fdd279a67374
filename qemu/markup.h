/*
 * Hostile text in HTML and XML.
 *
 * Names, versions, log lines and messages come from a guest. Whatever their bytes
 * are, what is appended here is valid UTF-8 that stays where it was put: between
 * tags or inside double quotes. Bytes that are no character, control characters
 * and those that reorder or hide the text around them become U+FFFD.
 */
#ifndef QEMU_MARKUP_H
#define QEMU_MARKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"

/* May a report show the character @code as it is? Not the line break, which is layout. */
bool markup_shows(uint32_t code);

/* Append @len bytes of text to stand between tags. */
void markup_text(const char *text, size_t len, struct buf *out);
void markup_str(const char *text, struct buf *out);

/* Append ` name="value"`; @name is ours, @value anybody's. */
void markup_attr(const char *name, const char *value, struct buf *out);

/* Append ` href="..."` for the file @path, relative to the page, slashes kept. */
void markup_href(const char *path, struct buf *out);

/*
 * Append what a console or a program said, to stand between tags: without control
 * sequences and blank lines, each line but the last ended.
 */
void markup_said(const char *data, size_t len, struct buf *out);

/*
 * Append the last @lines_max lines of what a console said, from at most its last
 * @bytes_max bytes, cleaned likewise, each line ended. Lines in which a part of kiln
 * speaks are set in <b>.
 */
void markup_console(const char *data, size_t len, unsigned lines_max, size_t bytes_max,
		    struct buf *out);

#endif
