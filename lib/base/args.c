/* See args.h. */
#include "lib/base/args.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/err.h"

#define WORD_MAX 64

unsigned args_distance(const char *a, const char *b)
{
	unsigned row[3][WORD_MAX + 1];
	size_t na = strlen(a), nb = strlen(b);

	if (na > WORD_MAX || nb > WORD_MAX)
		return WORD_MAX;
	for (unsigned j = 0; j <= nb; j++)
		row[0][j] = j;
	for (unsigned i = 1; i <= na; i++) {
		unsigned *now = row[i % 3], *up = row[(i - 1) % 3], *upup = row[(i + 1) % 3];

		now[0] = i;
		for (unsigned j = 1; j <= nb; j++) {
			unsigned best = up[j - 1] + (a[i - 1] != b[j - 1]);

			if (up[j] + 1 < best)
				best = up[j] + 1;
			if (now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    upup[j - 2] + 1 < best)
				best = upup[j - 2] + 1;
			now[j] = best;
		}
	}
	return row[na % 3][nb];
}

int args_size(const char *text, uint64_t *ret_bytes)
{
	static const char units[] = "KMGT";
	char *end;
	uint64_t n, unit = 1;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno)
		return -ERANGE;
	if (*end) {
		const char *u = strchr(units, *end);

		if (!u || end[1])
			return -EINVAL;
		unit = 1ull << (10 * (u - units + 1));
	}
	if (__builtin_mul_overflow(n, unit, &n))
		return -ERANGE;
	*ret_bytes = n;
	return 0;
}

static const struct arg_option *find(const struct command *cmd, const char *name, size_t len)
{
	for (const struct arg_option *o = cmd->options; o && o->name; o++)
		if (strlen(o->name) == len && !memcmp(o->name, name, len))
			return o;
	return NULL;
}

static const struct arg_option *find_letter(const struct command *cmd, char letter)
{
	for (const struct arg_option *o = cmd->options; o && o->name; o++)
		if (o->letter == letter)
			return o;
	return NULL;
}

static int unknown(const struct command *cmd, const char *arg, struct err *err)
{
	const char *best = NULL;
	unsigned least = 4;

	for (const struct arg_option *o = cmd->options; o && o->name; o++) {
		unsigned d = args_distance(o->name, arg + (arg[1] == '-' ? 2 : 1));

		if (d < least) {
			least = d;
			best = o->name;
		}
	}
	err_set(err, -EINVAL, "%s: unknown option '%s'", cmd->name, arg);
	if (best)
		err_append(err, "; did you mean '--%s'?", best);
	err_append(err, "\nSee: %s --help", cmd->name);
	return -EINVAL;
}

static int store(const struct command *cmd, const struct arg_option *o, const char *value,
		 void *opts, struct err *err)
{
	void *field = (char *)opts + o->offset;
	struct arg_list *list;
	char *end;

	switch (o->kind) {
	case ARG_FLAG:
		*(bool *)field = true;
		return 0;
	case ARG_STR:
		*(const char **)field = value;
		return 0;
	case ARG_LIST:
		list = field;
		if (list->n == ARG_LIST_MAX)
			return err_set(err, -EINVAL, "%s: --%s is given more than %d times",
				       cmd->name, o->name, ARG_LIST_MAX);
		list->item[list->n++] = value;
		return 0;
	case ARG_U64:
		errno = 0;
		*(uint64_t *)field = strtoull(value, &end, 10);
		if (errno || *end || end == value || value[0] == '-')
			return err_set(err, -EINVAL, "%s: --%s: '%s' is not a number", cmd->name,
				       o->name, value);
		return 0;
	case ARG_SIZE:
		if (args_size(value, field) < 0)
			return err_set(err, -EINVAL, "%s: --%s: '%s' is not a size such as 512M",
				       cmd->name, o->name, value);
		return 0;
	}
	return -EINVAL;
}

/* One option at argv[*i]; advances *i over a separate value. */
static int take_option(const struct command *cmd, int argc, char **argv, int *i, void *opts,
		       struct err *err)
{
	char *arg = argv[*i];
	bool is_long = arg[1] == '-';
	const char *eq = is_long ? strchr(arg, '=') : NULL;
	const struct arg_option *o =
		is_long ? find(cmd, arg + 2, eq ? (size_t)(eq - arg - 2) : strlen(arg + 2)) :
			  find_letter(cmd, arg[1]);
	const char *value = eq ? eq + 1 : !is_long && arg[1] && arg[2] ? arg + 2 : NULL;

	if (!o)
		return unknown(cmd, arg, err);
	if (o->kind == ARG_FLAG && value)
		return err_set(err, -EINVAL, "%s: --%s takes no value", cmd->name, o->name);
	if (o->kind != ARG_FLAG && !value) {
		if (*i + 1 >= argc)
			return err_set(err, -EINVAL, "%s: --%s needs a value: --%s=%s", cmd->name,
				       o->name, o->name, o->value);
		value = argv[++*i];
	}
	return store(cmd, o, value, opts, err);
}

int args_parse(const struct command *cmd, int argc, char **argv, void *opts, struct err *err)
{
	int n = 0;
	bool only_args = false;

	for (int i = 1; i < argc; i++) {
		if (!only_args && !strcmp(argv[i], "--")) {
			only_args = true;
		} else if (!only_args && argv[i][0] == '-' && argv[i][1]) {
			int r = take_option(cmd, argc, argv, &i, opts, err);

			if (r < 0)
				return r;
		} else {
			argv[++n] = argv[i];
		}
	}
	if (n < cmd->min_args || (cmd->max_args >= 0 && n > cmd->max_args))
		return err_set(err, -EINVAL, "%s: %s\nUsage: %s %s", cmd->name,
			       n < cmd->min_args ? "an argument is missing" : "too many arguments",
			       cmd->name, cmd->synopsis);
	return n;
}

void args_help(const char *program, const struct command *cmd)
{
	printf("Usage: %s%s%s %s\n\n%s.\n", program, *cmd->name ? " " : "", cmd->name,
	       cmd->synopsis, cmd->summary);
	if (cmd->options && cmd->options->name)
		puts("\nOptions:");
	for (const struct arg_option *o = cmd->options; o && o->name; o++) {
		char left[64];

		snprintf(left, sizeof(left), "%c%c%s--%s%s%s", o->letter ? '-' : ' ',
			 o->letter ? o->letter : ' ', o->letter ? ", " : "  ", o->name,
			 o->value ? "=" : "", o->value ? o->value : "");
		printf("  %-28s %s\n", left, o->help);
	}
	if (cmd->details)
		printf("\n%s\n", cmd->details);
}

void args_overview(const char *program, const char *tagline, const struct command *const *table)
{
	int width = 12;

	for (const struct command *const *c = table; *c; c++)
		if ((int)strlen((*c)->name) > width)
			width = (int)strlen((*c)->name);
	printf("Usage: %s VERB [OPTION...] [ARGUMENT...]\n\n%s\n\nVerbs:\n", program, tagline);
	for (; *table; table++)
		printf("  %-*s %s\n", width, (*table)->name, (*table)->summary);
	printf("\n'%s VERB --help' tells more; 'man %s' tells all.\n", program, program);
}

static bool wants_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return true;
	return false;
}

/* Is standard output a pipe whose reader has gone? */
static bool reader_is_gone(void)
{
	struct pollfd p = { .fd = STDOUT_FILENO, .events = POLLOUT };

	return poll(&p, 1, 0) == 1 && p.revents & POLLERR;
}

/* What a program says is what it is run for: a full disk behind it is a failure. */
static int run_verb(const struct command *cmd, int argc, char **argv, struct err *err)
{
	int r = cmd->run(cmd, argc, argv, err);
	bool lost = fflush(stdout) || ferror(stdout);

	/* Who reads no more has read enough. */
	if (r != EXIT_OK || !lost || reader_is_gone())
		return r;
	err_set(err, -EIO, "standard output did not take all that was said; is its disk full?");
	return EXIT_FAILED;
}

int args_dispatch(const char *program, const char *tagline, const struct command *const *table,
		  int argc, char **argv, struct err *err)
{
	const char *best = NULL;
	unsigned least = 4;

	if (argc < 2) {
		args_overview(program, tagline, table);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		args_overview(program, tagline, table);
		return EXIT_OK;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("%s %s\n", program, KILN_VERSION);
		return EXIT_OK;
	}
	for (const struct command *const *c = table; *c; c++) {
		unsigned d;

		if (!strcmp((*c)->name, argv[1])) {
			if (wants_help(argc - 1, argv + 1)) {
				args_help(program, *c);
				return EXIT_OK;
			}
			return run_verb(*c, argc - 1, argv + 1, err);
		}
		d = args_distance((*c)->name, argv[1]);
		if (d < least) {
			least = d;
			best = (*c)->name;
		}
	}
	err_set(err, -ENOENT, "unknown verb '%s'", argv[1]);
	if (best)
		err_append(err, "; did you mean '%s'?", best);
	err_append(err, "\nSee: %s --help", program);
	return -ENOENT;
}
