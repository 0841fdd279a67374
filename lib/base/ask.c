/* See ask.h. */
#include "lib/base/ask.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/args.h"
#include "lib/base/err.h"

#define LINE_MAX_BYTES 4096 /* of a terminal: the shell gets no rest of an answer */

int ask_yes(const char *verb, const char *question, struct err *err)
{
	static const char yes[] = "yes\n";
	char line[LINE_MAX_BYTES];
	ssize_t n;

	if (!isatty(STDIN_FILENO)) {
		err_set(err, -EINVAL, "%s: there is nobody to ask; say --yes to mean it", verb);
		return EXIT_USAGE;
	}
	printf("%s Type yes to go on: ", question);
	fflush(stdout);
	do
		n = read(STDIN_FILENO, line, sizeof(line));
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)strlen(yes) && memcmp(line, yes, strlen(yes)) == 0)
		return EXIT_OK;
	err_set(err, -ECANCELED, "nothing was done");
	return EXIT_FAILED;
}
