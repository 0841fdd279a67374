/*
 * Heads of answers, a line at a time: what is kept is bounded and may be sent back in a
 * header; a range lies in its file; and nothing differs from itself.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fetch/response.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_text(const char *text, size_t max)
{
	if (strlen(text) > max)
		abort();
	for (; *text; text++)
		if (*text < 0x20 || *text > 0x7e)
			abort();
}

static void check(const struct response *r)
{
	const struct content_range *c = &r->range;

	if (r->range_seen && !r->range_bad &&
	    ((c->satisfied && c->first > c->last) || (c->satisfied && c->total_known && c->last >= c->total) ||
	     c->first > INT64_MAX || c->last > INT64_MAX || c->total > INT64_MAX || (!c->satisfied && !c->total_known)))
		abort();
	for (long status = 200; status <= 416; status += 6) {
		struct file_version v = response_version(r, status);
		const char *ask = file_version_if_range(&v);

		check_text(v.etag, RESPONSE_ETAG_MAX);
		check_text(v.modified, RESPONSE_DATE_MAX);
		if (file_version_differs(&v, &v) || (ask && !*ask) || (v.total_known && v.total > INT64_MAX))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct response r = { 0 };
	const char *at = (const char *)data;

	while (len) {
		const char *end = memchr(at, '\n', len);
		size_t n = end ? (size_t)(end - at) + 1 : len;

		response_header(&r, at, n);
		check(&r);
		at += n;
		len -= n;
	}
	return 0;
}
