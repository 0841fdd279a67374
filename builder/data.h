/*
 * kiln's own parts that go into images: early init, selector, stub, slotctl, units.
 * They lie beside the executable (a build tree) or in ../lib/kiln (installed).
 */
#ifndef BUILDER_DATA_H
#define BUILDER_DATA_H

struct err;

/*
 * Path of @name, which must exist; owned by the caller. NULL with @err set when it is
 * missing (the message names the places looked at).
 */
char *data_path(const char *name, struct err *err);

#endif
