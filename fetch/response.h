/*
 * What a server says in front of a body, as far as it matters: which bytes of the
 * file these are, and whether it is still the same file.
 *
 * Header lines are fed one by one; an "HTTP/" line begins anew, so that what stays
 * is the last response of a chain of redirects. Everything here was written by
 * strangers: what is malformed counts as such, what is too long as not said.
 */
#ifndef FETCH_RESPONSE_H
#define FETCH_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RESPONSE_ETAG_MAX 255
#define RESPONSE_DATE_MAX 63

/* Content-Range (RFC 9110, 14.4). */
struct content_range {
	bool satisfied; /* false: a star for the range: it lies beyond the end */
	uint64_t first, last; /* inclusive; when satisfied */
	bool total_known; /* not "*" */
	uint64_t total;
};

/* Parse the value of @len bytes. 0, or -EINVAL with *ret untouched. */
int content_range_parse(const char *value, size_t len, struct content_range *ret);

/* By what one state of a file is told from another. */
struct file_version {
	char etag[RESPONSE_ETAG_MAX + 1]; /* as sent, quotes included; "" when not said */
	char modified[RESPONSE_DATE_MAX + 1]; /* Last-Modified as sent; "" when not said */
	bool total_known;
	uint64_t total; /* bytes of the whole file */
};

struct response {
	bool range_seen, range_bad; /* a Content-Range; one that is malformed, or a second */
	struct content_range range;
	bool encoded; /* a Content-Encoding other than identity */
	bool length_seen;
	uint64_t length; /* Content-Length */
	struct file_version version; /* its total is set by response_version() */
};

/* Take the header line of @len bytes, newline or not. */
void response_header(struct response *r, const char *line, size_t len);

/* The version of the file that a response with @status (200, 206 or 416) speaks of. */
struct file_version response_version(const struct response *r, long status);

/* True when what both say contradicts: @now is not the file that @first was. */
bool file_version_differs(const struct file_version *first, const struct file_version *now);

/*
 * What to send as If-Range so that the server itself notices a change: a strong ETag,
 * else the date; NULL when neither was said. Points into @v.
 */
const char *file_version_if_range(const struct file_version *v);

#endif
