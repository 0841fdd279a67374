/*
 * kiln's own parts: what goes into images, recipes, scenarios.
 * They lie beside the executable (a build tree) or in ../lib/kiln (installed).
 */
#ifndef LIB_BASE_DATA_H
#define LIB_BASE_DATA_H

struct err;

/*
 * Path of @name, which must exist; owned by the caller. NULL with @err set when it is
 * missing (the message names the places looked at).
 */
char *data_path(const char *name, struct err *err);

#endif
