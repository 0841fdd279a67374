/*
 * A bundle on a web server, as a source: the program kiln-fetch(8) fetches, and this
 * static program only sees a pipe. What comes out of it is judged like any other source.
 */
#ifndef UPDATE_FETCH_CHILD_H
#define UPDATE_FETCH_CHILD_H

struct err;
struct update_conf;
struct source;

#define FETCH_PROGRAM "/usr/lib/kiln/kiln-fetch"

/*
 * Start @program (NULL: FETCH_PROGRAM) for @url, with what @conf says about fetching. 0 or a
 * negative errno. That the program is missing, or cannot run, is said by the first read.
 */
int fetch_child_start(const char *program, const char *url, const struct update_conf *conf,
		      struct source **ret, struct err *err);

#endif
