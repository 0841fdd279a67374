/* The question before something that cannot be taken back. */
#ifndef LIB_BASE_ASK_H
#define LIB_BASE_ASK_H

struct err;

/*
 * Print @question, a sentence or more about what will be lost, and wait at the terminal for
 * "yes" in full and Enter. Anything else is a no: "y", "YES", "yes " and a "yes" that is ended
 * without Enter, as by Ctrl-D or by a connection that was lost.
 *
 * EXIT_OK; EXIT_FAILED when the answer was another one; EXIT_USAGE when standard input is no
 * terminal, so that there is nobody to ask: then @verb must be given --yes, and @err says so.
 */
int ask_yes(const char *verb, const char *question, struct err *err);

#endif
