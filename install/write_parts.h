/* Step 3 of install.h: UKI, root and signature as the plan says. */
#ifndef INSTALL_WRITE_PARTS_H
#define INSTALL_WRITE_PARTS_H

struct err;
struct install;
struct verify;
struct writer;

/*
 * What was written goes to @v, part by part and large parts piece by piece. 0, an enum
 * install_error (also of what @v found) or a negative errno.
 */
int write_parts(struct install *in, struct writer *w, struct verify *v, struct err *err);

#endif
