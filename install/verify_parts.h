/*
 * Step 4 of install.h: what the medium holds now, against what was signed. Makes the
 * hash tree on the way.
 */
#ifndef INSTALL_VERIFY_PARTS_H
#define INSTALL_VERIFY_PARTS_H

struct err;
struct install;
struct writer;

/* 0, an enum install_error, or a negative errno. The caller flushed before. */
int verify_parts(struct install *in, struct writer *w, struct err *err);

#endif
