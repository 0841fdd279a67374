/*
 * Writing JSON: a flat sequence of calls, deterministic bytes, two-space
 * indentation, no trailing newline. Strings are escaped, also what a terminal
 * would obey instead of show; invalid UTF-8 bytes become U+FFFD so that the output
 * is always valid.
 *
 *	json_open(&j, NULL, '{');
 *	json_str(&j, "name", "web");
 *	json_open(&j, "parts", '[');  json_u64(&j, NULL, 1);  json_close(&j);
 *	json_close(&j);
 */
#ifndef LIB_BASE_JSON_H
#define LIB_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"

#define JSON_DEPTH_MAX 32

struct json {
	struct buf *out; /* not owned; check buf_ok() at the end */
	char stack[JSON_DEPTH_MAX]; /* '{' or '[' per open level */
	bool used[JSON_DEPTH_MAX]; /* the level has a member already */
	unsigned depth;
	bool compact; /* one line, for streams of JSON lines */
};

#define JSON_INIT(buf_) ((struct json){ .out = (buf_) })

/* @key is NULL inside arrays and at the top. @kind is '{' or '['. */
void json_open(struct json *j, const char *key, char kind);
void json_close(struct json *j);
void json_str(struct json *j, const char *key, const char *value); /* NULL value: null */
void json_u64(struct json *j, const char *key, uint64_t value);
void json_bool(struct json *j, const char *key, bool value);

#endif
