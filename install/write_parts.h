/* Step 3 of install.h: UKI, root and signature as the plan says. */
#ifndef INSTALL_WRITE_PARTS_H
#define INSTALL_WRITE_PARTS_H

struct err;
struct install;
struct writer;

/* 0, an enum install_error, or a negative errno. Flushes nothing. */
int write_parts(struct install *in, struct writer *w, struct err *err);

#endif
