/* `kiln inspect` of a bundle. */
#ifndef BUILDER_INSPECT_BUNDLE_H
#define BUILDER_INSPECT_BUNDLE_H

#include <stdbool.h>

struct err;

/*
 * Print what the bundle @path says of itself, and with @since (may be NULL) what a machine
 * that runs that bundle's version would fetch. Signatures are not verified. 0, or an error
 * with @err set.
 */
int inspect_bundle(const char *path, const char *since, bool json, struct err *err);

#endif
