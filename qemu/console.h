/*
 * The person's terminal as the machine's serial console.
 *
 * While open the terminal is raw, so that Ctrl-C reaches the guest; a prefix
 * key, Ctrl-A, is ours: X leaves, R resets, A sends Ctrl-A, H tells. Signals
 * that would kill us are turned into console_stopped(), so that the terminal
 * and the run's directory are always put right.
 */
#ifndef QEMU_CONSOLE_H
#define QEMU_CONSOLE_H

#include <stdbool.h>
#include <termios.h>

struct vm;

struct console {
	bool open, raw, ended, prefix;
	struct termios saved;
};

enum console_wish { CONSOLE_GO_ON, CONSOLE_LEAVE };

void console_init(struct console *c);

/* Take over standard input; a terminal becomes raw. */
void console_open(struct console *c);

/* Give the terminal back. Harmless when not open. */
void console_close(struct console *c);

/* The descriptor to wait for; -1 when nothing more will come. */
int console_fd(const struct console *c);

/* Read what was typed and pass it on to @vm. */
enum console_wish console_read(struct console *c, struct vm *vm);

/* Does the locale take UTF-8? Where not, tables and bars are drawn with ASCII. */
bool console_unicode(void);

/* Turn SIGINT, SIGTERM and SIGHUP into console_stopped(). Called once by main. */
void console_catch_signals(void);
bool console_stopped(void);

#endif
