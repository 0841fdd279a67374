/*
 * Chatter for people, on stderr: steps, notes, warnings. Results go to stdout
 * by the command that owns them; errors travel in struct err. Only programs
 * (main.c, cmd_*.c, pipeline.c) log; libraries that do long work take a
 * struct progress instead.
 */
#ifndef LIB_BASE_LOG_H
#define LIB_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_QUIET, LOG_NORMAL, LOG_VERBOSE };

/* How much is shown; LOG_NORMAL until somebody says otherwise. */
void log_set_level(enum log_level level);
enum log_level log_level(void);

/* True when stderr is a terminal that wants colour (NO_COLOR and TERM=dumb respected). */
bool log_colour(void);

/* "  label      text": the headline of one step, shown unless quiet. */
void log_step(const char *label, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Detail, shown with --verbose only. */
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* "warning: text", always shown. */
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* "error: text", always shown; the program name goes in front. */
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
