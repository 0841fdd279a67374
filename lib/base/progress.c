/* See progress.h. */
#include "lib/base/progress.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/json.h"
#include "lib/base/log.h"

#define REDRAW_NS 100000000ll
#define LINE_NS 500000000ll
#define BAR_WIDTH 30

struct progress {
	pthread_mutex_t lock;
	char label[48];
	uint64_t total, done;
	long long drawn_ns;
	bool bytes, tty, json;
};

static long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

struct progress *progress_new(const char *label, uint64_t total, bool bytes)
{
	struct progress *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	pthread_mutex_init(&p->lock, NULL);
	snprintf(p->label, sizeof(p->label), "%s", label);
	p->total = total;
	p->bytes = bytes;
	p->tty = isatty(2) && log_level() >= LOG_NORMAL;
	return p;
}

static void print_json(struct progress *p)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	j.compact = true;
	json_open(&j, NULL, '{');
	json_str(&j, "phase", p->label);
	json_u64(&j, "done_bytes", p->done);
	json_u64(&j, "total_bytes", p->total);
	json_close(&j);
	if (!buf_ok(&b))
		return;
	printf("%s\n", b.data);
	fflush(stdout);
	p->drawn_ns = now_ns();
}

struct progress *progress_new_json(const char *phase, uint64_t total_bytes)
{
	struct progress *p = progress_new(phase, total_bytes, true);

	if (!p)
		return NULL;
	p->tty = false;
	p->json = true;
	print_json(p);
	return p;
}

static void draw(struct progress *p)
{
	uint64_t total = p->total ? p->total : 1;
	int full = (int)(BAR_WIDTH * (p->done > total ? total : p->done) / total);
	double unit = p->bytes ? 1048576.0 : 1.0;

	fprintf(stderr, "\r%12s  [%.*s%*s] %.*f/%.*f%s", p->label, full,
		"##############################", BAR_WIDTH - full, "", p->bytes ? 1 : 0,
		(double)p->done / unit, p->bytes ? 1 : 0, (double)p->total / unit,
		p->bytes ? " MiB" : "");
	fflush(stderr);
}

static void set(struct progress *p, uint64_t done)
{
	long long now = now_ns();

	bool last = done != p->done && done == p->total;

	p->done = done;
	if (p->json && (last || now - p->drawn_ns >= LINE_NS))
		print_json(p);
	if (p->tty && now - p->drawn_ns >= REDRAW_NS) {
		p->drawn_ns = now;
		draw(p);
	}
}

void progress_add(struct progress *p, uint64_t more)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	set(p, p->done + more);
	pthread_mutex_unlock(&p->lock);
}

struct progress *progress_free(struct progress *p)
{
	if (!p)
		return NULL;
	if (p->tty && p->drawn_ns)
		fprintf(stderr, "\r\033[K");
	pthread_mutex_destroy(&p->lock);
	free(p);
	return NULL;
}
