/* See console.h. */
#include "qemu/console.h"

#include <langinfo.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "qemu/vm.h"

#define PREFIX_KEY 1 /* Ctrl-A */

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	(void)sig;
	stopped = 1;
}

void console_catch_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal }; /* no SA_RESTART: poll must end */

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

bool console_stopped(void)
{
	return stopped;
}

void console_init(struct console *c)
{
	*c = (struct console){ 0 };
}

void console_open(struct console *c)
{
	struct termios raw;

	c->open = true;
	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &c->saved) < 0)
		return;
	raw = c->saved;
	cfmakeraw(&raw);
	/* Our own messages still want a carriage return after each newline. */
	raw.c_oflag |= OPOST | ONLCR;
	c->raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

void console_close(struct console *c)
{
	if (c->raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &c->saved);
	c->raw = false;
	c->open = false;
}

int console_fd(const struct console *c)
{
	return c->open && !c->ended ? STDIN_FILENO : -1;
}

static enum console_wish prefixed(struct vm *vm, char key)
{
	switch (key) {
	case 'x':
	case 'X':
	case 'q':
		return CONSOLE_LEAVE;
	case 'r':
	case 'R':
		(void)vm_reset(vm, NULL);
		break;
	case 'a':
	case 'A':
	case PREFIX_KEY:
		(void)vm_type(vm, &(char){ PREFIX_KEY }, 1);
		break;
	default:
		fprintf(stderr, "\n[Ctrl-A X leaves, Ctrl-A R resets, Ctrl-A A sends Ctrl-A]\n");
	}
	return CONSOLE_GO_ON;
}

enum console_wish console_read(struct console *c, struct vm *vm)
{
	char typed[256];
	ssize_t n = read(STDIN_FILENO, typed, sizeof(typed));

	if (n <= 0) {
		c->ended = true;
		return CONSOLE_GO_ON;
	}
	for (ssize_t i = 0; i < n; i++) {
		if (c->prefix) {
			c->prefix = false;
			if (prefixed(vm, typed[i]) == CONSOLE_LEAVE)
				return CONSOLE_LEAVE;
		} else if (c->raw && typed[i] == PREFIX_KEY) {
			c->prefix = true;
		} else {
			(void)vm_type(vm, typed + i, 1);
		}
	}
	return CONSOLE_GO_ON;
}

bool console_unicode(void)
{
	return !strcmp(nl_langinfo(CODESET), "UTF-8");
}
