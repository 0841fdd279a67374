/* See request.h. */
#include "fetch/request.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* A number at *at, which moves behind it. */
static bool take_number(const char **at, const char *end, uint64_t *ret)
{
	const char *p = *at;
	uint64_t n = 0;

	if (p == end || (*p == '0' && p + 1 < end && p[1] >= '0' && p[1] <= '9'))
		return false;
	for (; p < end && *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
			return false;
	if (p == *at)
		return false;
	*at = p;
	*ret = n;
	return true;
}

int request_parse(const char *line, size_t len, struct request *ret)
{
	const char *at = line + 4, *end = line + len;
	struct request r;
	uint64_t stop;

	if (len > REQUEST_LINE_MAX || len < 4 || memcmp(line, "GET ", 4) != 0)
		return -EINVAL;
	if (!take_number(&at, end, &r.offset_bytes) || at == end || *at++ != ' ')
		return -EINVAL;
	if (!take_number(&at, end, &r.length_bytes) || at != end || !r.length_bytes)
		return -EINVAL;
	if (__builtin_add_overflow(r.offset_bytes, r.length_bytes, &stop) ||
	    stop > REQUEST_END_MAX)
		return -EINVAL;
	*ret = r;
	return 0;
}

bool requests_full(const struct requests *q)
{
	return q->n == REQUESTS_MAX;
}

static const struct request *item(const struct requests *q, size_t i)
{
	return &q->item[(q->first + i) % REQUESTS_MAX];
}

void requests_add(struct requests *q, struct request r)
{
	assert(!requests_full(q));
	q->item[(q->first + q->n++) % REQUESTS_MAX] = r;
}

uint64_t requests_next(const struct requests *q)
{
	assert(q->n);
	return item(q, 0)->offset_bytes + q->done_bytes;
}

uint64_t requests_run_end(const struct requests *q)
{
	uint64_t end;

	assert(q->n);
	end = item(q, 0)->offset_bytes + item(q, 0)->length_bytes;
	for (size_t i = 1; i < q->n; i++) {
		const struct request *r = item(q, i);

		if (r->offset_bytes < end || r->offset_bytes - end > REQUEST_GAP_MAX_BYTES)
			break;
		end = r->offset_bytes + r->length_bytes;
	}
	return end;
}

void requests_cut(const struct requests *q, uint64_t at, size_t len, size_t *ret_skip,
		  size_t *ret_take)
{
	uint64_t next = requests_next(q), wants = item(q, 0)->length_bytes - q->done_bytes;

	assert(next >= at);
	*ret_skip = next - at < len ? (size_t)(next - at) : len;
	len -= *ret_skip;
	*ret_take = wants < len ? (size_t)wants : len;
}

void requests_delivered(struct requests *q, size_t n)
{
	assert(q->n && n <= item(q, 0)->length_bytes - q->done_bytes);
	q->done_bytes += n;
	if (q->done_bytes < item(q, 0)->length_bytes)
		return;
	q->done_bytes = 0;
	q->first = (q->first + 1) % REQUESTS_MAX;
	q->n--;
}
