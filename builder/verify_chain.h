/*
 * One slot's chain of trust, wherever its parts lie: command line of the UKI ->
 * root hash -> signature, hash tree, every block of the root.
 */
#ifndef BUILDER_VERIFY_CHAIN_H
#define BUILDER_VERIFY_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "builder/verify.h"

struct sigfile;

struct verify_chain {
	const char *what; /* "slot a", for the report */
	const char *cmdline; /* of the UKI */
	int root_fd, tree_fd;
	uint64_t root_start_bytes, root_bytes; /* the file, or the partition */
	uint64_t tree_start_bytes, tree_bytes;
	bool whole_file; /* root_bytes is the data exactly, not room for it */
	const uint8_t *sig; /* signature partition */
	size_t sig_len;
};

/* Verify @c; *ret_sig is the parsed signature. 0, VERIFY_REFUSED, or a negative errno. */
int verify_chain(const struct verify_chain *c, const struct verify_trust *trust,
		 struct sigfile *ret_sig, struct buf *report, struct err *err);

#endif
