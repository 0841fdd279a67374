/*
 * Request lines: what is taken prints as the very same line; and however the requests
 * of an input follow each other, each gets exactly its bytes from the runs they form.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fetch/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct requests q;

/* One run, in blocks of uneven size, as a server would send it. */
static void serve_run(void)
{
	uint64_t at = requests_next(&q), end = requests_run_end(&q), size = 1;

	if (end <= at)
		abort();
	/* Long ones are not worth the time. */
	if (end - at > 1 << 20) {
		memset(&q, 0, sizeof(q));
		return;
	}
	while (at < end) {
		size_t n = end - at < size ? (size_t)(end - at) : (size_t)size, skip, take;

		if (!q.n)
			abort();
		requests_cut(&q, at, n, &skip, &take);
		if (skip + take > n || skip + take == 0 || (take && at + skip != requests_next(&q)))
			abort();
		if (take)
			requests_delivered(&q, take);
		at += skip + take;
		size = size * 3 % 65521;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *at = (const char *)data;

	memset(&q, 0, sizeof(q));
	while (len) {
		const char *end = memchr(at, '\n', len);
		size_t n = end ? (size_t)(end - at) : len;
		struct request r = { 1, 2 };
		char again[REQUEST_LINE_MAX + 1];

		if (request_parse(at, n, &r)) {
			if (r.offset_bytes != 1 || r.length_bytes != 2)
				abort();
		} else {
			int m = snprintf(again, sizeof(again), "GET %llu %llu", (unsigned long long)r.offset_bytes,
					 (unsigned long long)r.length_bytes);

			if (m < 0 || (size_t)m != n || memcmp(again, at, n) != 0)
				abort();
			if (requests_full(&q))
				serve_run();
			requests_add(&q, r);
		}
		at += end ? n + 1 : n;
		len -= end ? n + 1 : n;
	}
	while (q.n)
		serve_run();
	return 0;
}
