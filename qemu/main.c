/*
 * kiln-vm: the boot lab. Called as kiln-boot or kiln-test it is that verb, so
 * that `kiln boot` finds it the way git finds git-VERB.
 */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/log.h"
#include "lib/base/path.h"
#include "qemu/cmd.h"
#include "qemu/console.h"

static const struct command *const verbs[] = { &cmd_boot, &cmd_test, NULL };

#define ARGS_MAX 4096

int main(int argc, char **argv)
{
	static struct err err;
	const char *name = path_base(argv[0]);
	char *with_verb[ARGS_MAX + 2];
	int code;

	if (io_keep_standard())
		return EXIT_FAILED;
	setlocale(LC_ALL, "");
	console_catch_signals();
	if (argc > ARGS_MAX)
		return EXIT_USAGE;
	if (!strncmp(name, "kiln-", 5) && strcmp(name, "kiln-vm")) {
		with_verb[0] = "kiln";
		with_verb[1] = (char *)name + 5;
		for (int i = 1; i <= argc; i++)
			with_verb[i + 1] = argv[i];
		code = args_dispatch("kiln", "The boot lab.", verbs, argc + 1, with_verb, &err);
	} else {
		code = args_dispatch("kiln-vm",
				     "The boot lab of kiln: virtual machines for images.", verbs,
				     argc, argv, &err);
	}
	if (*err.text && code != EXIT_OK)
		log_error("%s", err.text);
	return code < 0 ? EXIT_USAGE : code;
}
