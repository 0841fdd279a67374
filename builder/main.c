/*
 * `kiln VERB`: an own verb, or, as git does, the program kiln-VERB beside this
 * one or on PATH. Prints the error once; everything below only returns it.
 */
#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/commands.h"
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/log.h"

static const struct command *const commands[] = {
	&cmd_build,   &cmd_lock,   &cmd_recipe,	 &cmd_keys,
	&cmd_inspect, &cmd_verify, &cmd_install, NULL,
};

static const char tagline[] =
	"Bake a recipe into a signed, verified A/B disk image.\n"
	"'kiln boot IMAGE' and 'kiln test IMAGE' run it in QEMU.";

static void exec_external(char **argv)
{
	char self[PATH_MAX], *slash;
	char *name = str_printf("kiln-%s", argv[1]);
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *beside;

	if (!name || strchr(argv[1], '/'))
		return;
	argv[1] = name;
	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		beside = str_printf("%.*s/%s", (int)(slash - self), self, name);
		if (beside)
			execv(beside, argv + 1);
		free(beside);
	}
	execvp(name, argv + 1);
}

int main(int argc, char **argv)
{
	static struct err err;
	int r;

	if (io_keep_standard())
		return EXIT_FAILED;
	setlocale(LC_CTYPE, "");
	umask(022);
	while (argc > 1 && argv[1][0] == '-') {
		if (!strcmp(argv[1], "-v") || !strcmp(argv[1], "--verbose"))
			log_set_level(LOG_VERBOSE);
		else if (!strcmp(argv[1], "-q") || !strcmp(argv[1], "--quiet"))
			log_set_level(LOG_QUIET);
		else
			break;
		argv++;
		argc--;
	}
	r = args_dispatch("kiln", tagline, commands, argc, argv, &err);
	if (r == -ENOENT && argc > 1 && argv[1][0] != '-') {
		exec_external(argv);
		r = EXIT_USAGE;
	}
	if (r < 0)
		r = EXIT_USAGE;
	if (r != EXIT_OK && err.text[0])
		log_error("%s", err.text);
	return r;
}
