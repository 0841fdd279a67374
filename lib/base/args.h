/*
 * Command lines by table: one row per option gives the parser, `--help`, shell
 * completion and the check against the man page.
 *
 * A program is a table of `struct command`. A command describes its options
 * with ARG_* kinds and offsets into its own options structure, which
 * args_parse() fills. `--help` is understood everywhere.
 */
#ifndef LIB_BASE_ARGS_H
#define LIB_BASE_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/* Exit codes of every kiln program. */
enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1, /* the world said no */
	EXIT_USAGE = 2, /* the command line or the recipe is wrong */
	EXIT_REFUSED = 3, /* a verification refused */
};

enum arg_kind {
	ARG_FLAG, /* bool: set to true */
	ARG_STR, /* const char *: the last one wins */
	ARG_LIST, /* struct arg_list: each use appends */
	ARG_U64, /* uint64_t: plain decimal */
	ARG_SIZE, /* uint64_t: bytes, with K, M, G, T suffixes of 1024 */
};

#define ARG_LIST_MAX 64

struct arg_list {
	const char *item[ARG_LIST_MAX];
	size_t n;
};

struct arg_option {
	const char *name; /* long name without dashes; NULL ends the table */
	char letter; /* short name, or 0 */
	enum arg_kind kind;
	const char *value; /* name of the value in the help, NULL for flags */
	const char *help; /* one line */
	size_t offset; /* of the field in the command's options structure */
};

struct command {
	const char *name;
	const char *synopsis; /* what follows the name: "[OPTION...] RECIPE" */
	const char *summary; /* one line for the overview */
	const struct arg_option *options; /* ends with a NULL name; may be NULL */
	int min_args, max_args; /* positional arguments; max -1 is no limit */
	/* Returns an EXIT_* code; EXIT_FAILED and up with @err set. */
	int (*run)(const struct command *cmd, int argc, char **argv, struct err *err);
	const char *details; /* further lines for --help, or NULL */
};

/*
 * Parse @argv (argv[0] is the verb) into @opts by @cmd's table.
 * Returns the number of positional arguments, which are moved to argv[1...];
 * -EINVAL with @err set for anything wrong (message names the option and what to do).
 */
int args_parse(const struct command *cmd, int argc, char **argv, void *opts, struct err *err);

/* Parse "64M", "1G", "4096": bytes. 0 or -EINVAL/-ERANGE. */
int args_size(const char *text, uint64_t *ret_bytes);

/* Print the help of one command / the overview of all to stdout. @common may be NULL. */
void args_help(const char *program, const struct command *cmd);
void args_overview(const char *program, const char *tagline, const struct command *const *table);

/*
 * Run the verb argv[1] of @table: handles --help, --version, the verb's --help and unknown
 * verbs (with a suggestion; returns -ENOENT so that the caller may look for program-VERB).
 * Otherwise returns the EXIT_* code; EXIT_FAILED for a verb whose words standard output does not
 * take, unless their reader has gone.
 */
int args_dispatch(const char *program, const char *tagline, const struct command *const *table,
		  int argc, char **argv, struct err *err);

/* Edit distance of two words, for "did you mean"; insertions, deletions, swaps, changes cost 1. */
unsigned args_distance(const char *a, const char *b);

#endif
