/*
 * What the guest's serial port said: raw bytes in, stamped plain lines out.
 *
 * Terminal control sequences (the firmware paints a screen, systemd paints
 * colours) are removed for matching; whoever wants the raw bytes taps them
 * before. A sequence that moves the cursor to another row ends the line. The
 * last, unfinished line takes part in matching too: a login prompt has no
 * newline.
 *
 * Bounded: the newest SERIAL_LINES_MAX lines are kept, longer lines are cut.
 */
#ifndef QEMU_SERIAL_H
#define QEMU_SERIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERIAL_LINE_MAX 1024
#define SERIAL_LINES_MAX 65536

struct serial_line {
	uint64_t at_ms; /* when its first byte came, on the monotonic clock */
	char *text; /* owned; without control sequences and newline */
};

/* Called for each finished line, and for an unfinished one each time it grows. */
typedef void (*serial_line_fn)(void *arg, uint64_t at_ms, const char *text);

struct serial {
	struct serial_line *lines; /* a window of the newest lines */
	size_t n, cap;
	uint64_t first; /* number of lines[0], counted from the first line ever */
	char cur[SERIAL_LINE_MAX]; /* the unfinished line, always NUL-terminated */
	size_t cur_len;
	uint64_t cur_at_ms;
	int escape; /* state of the control sequence filter */
	serial_line_fn on_line; /* may be NULL */
	void *arg;
};

/* A place in the text: searching starts at character @column of line number @line. */
struct serial_mark {
	uint64_t line;
	size_t column;
};

void serial_init(struct serial *s, serial_line_fn on_line, void *arg);
void serial_done(struct serial *s);

/* Take @len raw bytes read at @now_ms. 0 or -ENOMEM. */
int serial_feed(struct serial *s, const void *data, size_t len, uint64_t now_ms);

/* The place just behind everything seen so far. */
struct serial_mark serial_end(const struct serial *s);

/*
 * Find @text in one line at or behind @mark, the unfinished line included. On
 * success @mark is moved just behind the find. Returns the whole line, valid
 * until the next serial_feed(), or NULL.
 */
const char *serial_find(const struct serial *s, const char *text, struct serial_mark *mark);

/* Append the last @count lines to a caller's buffer of @size as text, newest last; always ends in
 * NUL. */
void serial_tail(const struct serial *s, unsigned count, char *out, size_t size);

#endif
