/*
 * See fetch.h. The invariant: what goes into the output is the next byte the oldest
 * request wants, and nothing else; whatever broke, the next transfer begins there.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fetch/fetch.h"
#include "fetch/request.h"
#include "fetch/transfer.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/printable.h"

#define INPUT_MAX 4096
#define OUTPUT_MAX (512u << 10)
#define PAUSE_MAX_MS 30000
#define ATTEMPTS_MAX 1000 /* in all, however much progress a server feigns */
#define FRUITFUL_BYTES 16384 /* an attempt that delivered this much is no failure in a row */
#define REWINDS_MAX 1
#define WAIT_MAX_MS 250
#define BURST_BYTES 16384
#define ROUNDS_MAX 32 /* blocks in a row, before requests and reader are looked after */

struct session {
	const struct fetch_options *o;
	int in, out;
	struct transfer *transfer;
	struct requests requests;
	char input[INPUT_MAX];
	size_t input_len;
	bool input_over;
	char output[OUTPUT_MAX];
	size_t output_from, output_len;
	uint64_t delivered, delivered_before; /* now, and when the transfer began */
	unsigned fruitless, attempts, rewinds;
	long long not_before_ms;
	bool begun; /* a transfer began whose end was not dealt with */
	uint64_t began_at;
	long long window_ms; /* since when the server is timed */
	uint64_t window_bytes;
	long long budget_ms;
	int64_t budget_bytes; /* may come before the limit is passed; below 0: owed */
	enum fetch_status status;
	struct err *err;
};

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

/* The sentence a person reads; without a query, which may hold a secret. */
static enum fetch_status fail(struct session *s, enum fetch_status status, const char *why)
{
	_cleanup_buf_ struct buf url = BUF_INIT, text = BUF_INIT;

	printable_add(&url, s->o->url, strcspn(s->o->url, "?#"), false);
	printable_add(&text, why, strlen(why), false);
	err_set(s->err, -EIO, "%s: %s", url.data ? url.data : "", text.data ? text.data : "");
	return s->status = status;
}

/* ---- requests ------------------------------------------------------------------ */

static int take_line(struct session *s, size_t len)
{
	struct request r;

	if (request_parse(s->input, len, &r)) {
		fail(s, FETCH_USAGE, "a request is not 'GET OFFSET LENGTH'");
		return -EINVAL;
	}
	requests_add(&s->requests, r);
	s->input_len -= len + 1;
	memmove(s->input, s->input + len + 1, s->input_len);
	return 0;
}

/* Lines that are here become requests, as long as there is room for them. */
static int take_lines(struct session *s)
{
	while (s->input_len && !requests_full(&s->requests)) {
		const char *end = memchr(s->input, '\n', s->input_len);

		if (!end && (s->input_len > REQUEST_LINE_MAX || s->input_over)) {
			fail(s, FETCH_USAGE, "a request line has no end");
			return -EINVAL;
		}
		if (!end)
			break;
		if (take_line(s, (size_t)(end - s->input)))
			return -EINVAL;
	}
	return 0;
}

static bool wants_input(const struct session *s)
{
	return !s->input_over && s->input_len < INPUT_MAX && !requests_full(&s->requests);
}

static int read_input(struct session *s)
{
	ssize_t n = read(s->in, s->input + s->input_len, INPUT_MAX - s->input_len);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n < 0) {
		fail(s, FETCH_FAILED, "cannot read the requests");
		return -EIO;
	}
	s->input_over = n == 0;
	s->input_len += (size_t)n;
	return take_lines(s);
}

/* ---- output -------------------------------------------------------------------- */

static int write_output(struct session *s)
{
	while (s->output_len) {
		ssize_t n = write(s->out, s->output + s->output_from, s->output_len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0) {
			fail(s, FETCH_FAILED, "nobody reads any more what was asked for");
			return -EPIPE;
		}
		s->output_from += (size_t)n;
		s->output_len -= (size_t)n;
	}
	s->output_from = 0;
	return 0;
}

/* Room at the end of the output, moved together if need be. */
static size_t output_room(struct session *s)
{
	if (s->output_from && s->output_from + s->output_len == OUTPUT_MAX) {
		memmove(s->output, s->output + s->output_from, s->output_len);
		s->output_from = 0;
	}
	return OUTPUT_MAX - s->output_from - s->output_len;
}

/* ---- from the transfer to the output ---------------------------------------------- */

static void refill_budget(struct session *s, long long now)
{
	int64_t rate = (int64_t)s->o->limit_bytes_per_s, most = rate / 4;

	if (!rate || now <= s->budget_ms)
		return;
	most = most > BURST_BYTES ? most : BURST_BYTES;
	/* Longer than this fills it whatever the rate; no product overflows. */
	if (now - s->budget_ms > 1000)
		s->budget_ms = now - 1000;
	s->budget_bytes += rate / 1000 * (now - s->budget_ms) +
			   rate % 1000 * (now - s->budget_ms) / 1000;
	if (s->budget_bytes > most)
		s->budget_bytes = most;
	s->budget_ms = now;
}

static bool over_budget(const struct session *s)
{
	return s->o->limit_bytes_per_s && s->budget_bytes <= 0;
}

static void consume(struct session *s, size_t n)
{
	transfer_consume(s->transfer, n);
	s->budget_bytes -= s->o->limit_bytes_per_s ? (int64_t)n : 0;
}

/* Move what can be moved of the block at hand. False: a request goes back in a stream. */
static bool move_block(struct session *s)
{
	for (;;) {
		struct transfer_block b = transfer_block(s->transfer);
		size_t skip, take, room = output_room(s);

		if (!b.len || !s->requests.n || over_budget(s))
			return true;
		if (requests_next(&s->requests) < b.at)
			return false;
		requests_cut(&s->requests, b.at, b.len, &skip, &take);
		consume(s, skip);
		take = take < room ? take : room;
		memcpy(s->output + s->output_from + s->output_len, b.data + skip, take);
		s->output_len += take;
		s->delivered += take;
		consume(s, take);
		if (take)
			requests_delivered(&s->requests, take);
		if (!skip && !take)
			return true;
	}
}

/* ---- beginning and end of transfers ------------------------------------------------ */

static int ends_early(struct session *s, uint64_t total)
{
	_cleanup_free_ char *why = str_printf("the file ends after %llu bytes, before what is to "
					      "be read", (unsigned long long)total);

	fail(s, FETCH_ENDS_EARLY, why ? why : "the file ends early");
	return -ENODATA;
}

/* A server that ignores ranges sends everything again for a request that goes back. */
static int allow_rewind(struct session *s)
{
	if (s->rewinds++ < REWINDS_MAX)
		return 0;
	fail(s, FETCH_PROTOCOL,
	     "the server ignores ranges, and the file would have to be read from its beginning "
	     "once more");
	return -EPROTO;
}

static int begin(struct session *s, long long now)
{
	uint64_t next = requests_next(&s->requests), total;

	if (transfer_streams(s->transfer) && next < transfer_at(s->transfer) && allow_rewind(s))
		return -EPROTO;
	if (transfer_total(s->transfer, &total) && next >= total)
		return ends_early(s, total);
	if (transfer_start(s->transfer, next, requests_run_end(&s->requests))) {
		fail(s, FETCH_FAILED, "out of memory, or an option cannot be used");
		return -ENOMEM;
	}
	s->begun = true;
	s->began_at = next;
	s->delivered_before = s->delivered;
	s->attempts++;
	s->window_ms = now;
	s->window_bytes = transfer_received(s->transfer);
	return 0;
}

/* From half to one and a half of the pause: machines that failed together part ways. */
static unsigned jittered(unsigned ms)
{
	uint32_t random = 0;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		random = 1u << 31;
	return (unsigned)(ms / 2 + (uint64_t)ms * random / UINT32_MAX);
}

static int retry(struct session *s, long long now, enum fetch_status status, const char *why)
{
	uint64_t pause = s->o->pause_ms;
	unsigned asked_ms = transfer_retry_after_s(s->transfer) * 1000;

	s->fruitless = s->delivered - s->delivered_before >= FRUITFUL_BYTES ? 0 : s->fruitless + 1;
	if (s->fruitless > s->o->retries || s->attempts >= ATTEMPTS_MAX) {
		_cleanup_free_ char *text = str_printf("%s (given up after %u attempts)", why,
						       s->fruitless > s->o->retries ? s->fruitless :
										      s->attempts);

		fail(s, status, s->fruitless > 1 && text ? text : why);
		return -EIO;
	}
	for (unsigned i = 1; i < s->fruitless && pause < PAUSE_MAX_MS; i++)
		pause *= 2;
	pause = s->fruitless ? jittered((unsigned)pause) : 0;
	s->not_before_ms = now + (long long)(pause > asked_ms ? pause : asked_ms);
	return 0;
}

static int end(struct session *s, long long now)
{
	struct transfer *t = s->transfer;
	enum transfer_state state = transfer_state(t);
	uint64_t at = transfer_at(t);

	s->begun = false;
	if (state == TRANSFER_FAILED) {
		fail(s, transfer_status(t), transfer_why(t));
		return -EIO;
	}
	if (state == TRANSFER_RETRY)
		return retry(s, now, transfer_status(t), transfer_why(t));
	if (!transfer_streams(t) && at == s->began_at)
		return retry(s, now, FETCH_PROTOCOL, "the server sends nothing of the range");
	s->fruitless = 0;
	if (!transfer_streams(t) || !s->requests.n || requests_next(&s->requests) < at)
		return 0;
	return ends_early(s, at);
}

/* ---- the loop -------------------------------------------------------------------- */

static int check_speed(struct session *s, long long now)
{
	uint64_t received = transfer_received(s->transfer), least = s->o->least_bytes_per_s;
	unsigned span_s = s->o->stall_s;

	if (received > s->o->max_bytes) {
		fail(s, FETCH_PROTOCOL, "the server sends more than can be needed");
		return -EFBIG;
	}
	/* A block that waits waits for us. */
	if (!s->begun || transfer_block(s->transfer).len) {
		s->window_ms = now;
		s->window_bytes = received;
		return 0;
	}
	if (now - s->window_ms < span_s * 1000ll)
		return 0;
	if (received - s->window_bytes < least * span_s)
		transfer_stalled(s->transfer, received == s->window_bytes, span_s);
	s->window_ms = now;
	s->window_bytes = received;
	return 0;
}

static int step(struct session *s)
{
	long long now = now_ms();
	int r = take_lines(s);

	refill_budget(s, now);
	if (r == 0 && !s->begun && s->requests.n && now >= s->not_before_ms)
		r = begin(s, now);
	if (r)
		return r;
	for (int i = 0; i < ROUNDS_MAX && (i == 0 || transfer_waits(s->transfer)); i++) {
		transfer_work(s->transfer);
		if (!move_block(s)) {
			transfer_stop(s->transfer);
			s->begun = false;
		}
	}
	r = write_output(s);
	if (r == 0)
		r = check_speed(s, now);
	if (r == 0 && s->begun && transfer_state(s->transfer) != TRANSFER_RUNNING)
		r = end(s, now);
	return r;
}

/* How long nothing but the descriptors and curl can change anything. */
static int patience_ms(const struct session *s)
{
	long long now = now_ms(), left = s->not_before_ms - now;

	if (transfer_waits(s->transfer))
		return 0;
	if (!s->begun && s->requests.n)
		return left <= 0 ? 0 : left < WAIT_MAX_MS ? (int)left : WAIT_MAX_MS;
	if (transfer_block(s->transfer).len && over_budget(s)) {
		left = -s->budget_bytes * 1000 / (int64_t)s->o->limit_bytes_per_s + 1;
		return left < WAIT_MAX_MS ? (int)left : WAIT_MAX_MS;
	}
	return WAIT_MAX_MS;
}

static int wait_and_read(struct session *s)
{
	struct pollfd fd[2] = {
		{ .fd = wants_input(s) ? s->in : -1, .events = POLLIN },
		{ .fd = s->out, .events = 0 },
	};

	transfer_wait(s->transfer, fd[0].fd, s->output_len ? s->out : -1, patience_ms(s));
	if (poll(fd, 2, 0) <= 0)
		return 0;
	if (fd[1].revents & (POLLERR | POLLNVAL)) {
		fail(s, FETCH_FAILED, "nobody reads any more what was asked for");
		return -EPIPE;
	}
	return fd[0].revents ? read_input(s) : 0;
}

static bool over(const struct session *s)
{
	return s->input_over && !s->input_len && !s->requests.n && !s->output_len;
}

/* A pipe is the parent's alone; what is written to anything else may wait. */
static int set_blocking(int fd, bool blocking)
{
	struct stat st;
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode))
		return 0;
	flags = blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
	return fcntl(fd, F_SETFL, flags) < 0 ? -errno : 0;
}

enum fetch_status fetch_serve(const struct fetch_options *opts, int in, int out, struct err *err)
{
	_cleanup_free_ struct session *s = calloc(1, sizeof(*s));
	int r = s ? set_blocking(out, false) : -ENOMEM;

	if (r) {
		err_errno(err, r, "cannot begin to fetch");
		return FETCH_FAILED;
	}
	*s = (struct session){ .o = opts, .in = in, .out = out, .err = err };
	s->transfer = transfer_new(opts, err);
	if (!s->transfer)
		return FETCH_FAILED;
	while (r == 0 && !over(s)) {
		r = step(s);
		if (r == 0 && !over(s))
			r = wait_and_read(s);
	}
	transfer_free(s->transfer);
	/* What came before the failure is good; the parent's verdict on it is its own. */
	if (r && r != -EPIPE && set_blocking(out, true) == 0)
		while (s->output_len && write_output(s) == 0)
			;
	return s->status;
}
