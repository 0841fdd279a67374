/*
 * Text of strangers, made fit for a terminal.
 *
 * What comes from a disk (logs, names, paths) may hold escape sequences that
 * move the cursor, or characters that turn the reading direction round, so that
 * a line says something else than it holds. Nothing such is ever printed as it is.
 */
#ifndef LIB_BASE_PRINTABLE_H
#define LIB_BASE_PRINTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/*
 * Append @len bytes of @text to @out. Valid UTF-8 stays; control and direction
 * characters, and bytes that are no UTF-8, become \xNN per byte. With @lines, "\n" and
 * tabs stay and "\r\n" is "\n"; without, everything comes out on one line.
 */
void printable_add(struct buf *out, const char *text, size_t len, bool lines);

/*
 * True when this code point does something to a terminal, or to the order of what is
 * read, instead of being seen. All of them have at most four hex digits.
 */
bool printable_acts(uint32_t point);

#endif
