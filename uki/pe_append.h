/*
 * Appending sections to a PE file in memory, as objcopy would, without objcopy.
 *
 * The new sections' data follow the file's last section, their addresses follow
 * the image's last page. Symbols and anything else behind the last section are dropped.
 * The result depends on the input bytes only.
 */
#ifndef UKI_PE_APPEND_H
#define UKI_PE_APPEND_H

#include <stddef.h>

struct buf;
struct err;

struct pe_new_section {
	const char *name; /* 1...8 characters */
	const void *data;
	size_t len; /* may be 0: the section is left out */
};

/*
 * Write the @file_len bytes at @file with @n more sections to the empty buffer @ret. Returns 0;
 * -EBADMSG when @file is no unsigned PE32+ file or has a section of one of the names; -ENOSPC
 * without room in its headers; -EFBIG when the image would pass 4 GiB; -ENOMEM.
 */
int pe_append(const void *file, size_t file_len, const struct pe_new_section *sections, size_t n,
	      struct buf *ret, struct err *err);

/*
 * Write the @file_len bytes at @file to the empty buffer @ret without the sections from number
 * @n_keep (1 or more) on, which must be the last ones in the file and in memory as well: the
 * reverse of pe_append(). A signature is dropped. Returns 0, -EBADMSG, -ENOMEM.
 */
int pe_cut(const void *file, size_t file_len, unsigned int n_keep, struct buf *ret,
	   struct err *err);

#endif
