/*
 * The installer through power cuts: its real writer over a recording device, cut after
 * every write and flush. At each place many disks are made of what was flushed and a
 * random part of what was not: each pending write wholly, not at all, or some of its
 * sectors, in any order. From some of them the machine boots and installs again, and is
 * cut again at every place. Whatever is left must boot a version that is wholly there,
 * and the new one once its commit was reported.
 *
 * SAMPLES and AGAIN scale it for the mutants' sake.
 */
#include <pthread.h>

#include "tests/crash/install_world.h"

#ifndef SAMPLES
#define SAMPLES 100u /* disks per place of the first cut */
#define AGAIN 3u /* of which so many go on to a second one */
#define SAMPLES_AGAIN 14u /* disks per place of the second cut */
#endif

#define WINDOW (4 * BLOCK) /* small writes, so that there are many places */
#define STATES_MIN 100000u
#define WRITE_US 2000

static uint64_t n_states, n_old, n_new, most_in_place;
static uint8_t *base, *disk_now; /* flushed; with some of what was not */

/* Put a random part of @e on @to, in sectors. */
static void apply_some(uint8_t *to, const struct blk_event *e)
{
	switch (roll() % 4) {
	case 0:
		return;
	case 1:
		memcpy(to + e->offset_bytes, e->data, e->len);
		return;
	default:
		for (size_t at = 0; at < e->len; at += SECTOR) {
			size_t n = e->len - at < SECTOR ? e->len - at : SECTOR;

			if (roll() % 2)
				memcpy(to + e->offset_bytes + at, e->data + at, n);
		}
	}
}

/* A random disk after a cut behind event @n - 1, in disk_now; @sample 0 and 1: nothing, everything. */
static void make_cut(const struct blk_event *events, size_t durable, size_t n, unsigned sample)
{
	for (size_t i = durable; i < n; i++) {
		if (sample == 1)
			memcpy(disk_now + events[i].offset_bytes, events[i].data, events[i].len);
		else if (sample > 1)
			apply_some(disk_now, &events[i]);
	}
}

static void undo_cut(const struct blk_event *events, size_t durable, size_t n)
{
	for (size_t i = durable; i < n; i++)
		memcpy(disk_now + events[i].offset_bytes, base + events[i].offset_bytes, events[i].len);
}

/* @reported: the commit was told of before this cut. */
static void check(const uint8_t *disk, size_t n, bool reported, const char *what)
{
	int v = -1;
	const char *wrong = disk_breaks(disk, &v);

	if (wrong)
		fail_msg("%s, cut after event %zu: %s", what, n, wrong);
	if (reported && v != 2)
		fail_msg("%s, cut after event %zu: a reported commit is forgotten", what, n);
	n_states++;
	n_new += v == 2;
	n_old += v != 2;
}

/* Calls @each for every disk that a cut of @disk's log may leave; @start is what was there before. */
static void for_each_cut(struct blk *disk, const uint8_t *start, size_t reported, unsigned samples,
			 const char *what, void (*each)(size_t n, unsigned sample))
{
	size_t n_events, durable = 0;
	const struct blk_event *events = blk_record_events(disk, &n_events);

	memcpy(base, start, DISK_BYTES);
	memcpy(disk_now, start, DISK_BYTES);
	for (size_t n = 0; n <= n_events; n++) {
		if (n && events[n - 1].flush) {
			make_cut(events, durable, n - 1, 1);
			for (size_t i = durable; i < n - 1; i++)
				memcpy(base + events[i].offset_bytes, events[i].data, events[i].len);
			durable = n;
		}
		for (unsigned s = 0; s < samples; s++) {
			make_cut(events, durable, n, s);
			check(disk_now, n, n >= reported, what);
			if (each)
				each(n, s);
			undo_cut(events, durable, n);
			if (n == durable)
				break; /* nothing is pending: they are all the same */
		}
	}
}

static struct blk *device_with(const uint8_t *bytes)
{
	struct blk *b;

	assert_int_equal(blk_new_record(DISK_BYTES, &b), 0);
	memcpy(blk_record_bytes(b), bytes, DISK_BYTES);
	blk_record_restart(b);
	return b;
}

/*
 * Boot what is in disk_now and install again; if the new version came up there is nothing to
 * install. Everything is cut again. @base and @disk_now are put back.
 */
static void go_on(size_t n, unsigned sample)
{
	static uint8_t start[DISK_BYTES], keep[2][DISK_BYTES];
	struct update u = { .window_bytes = WINDOW };
	struct blk *disk;
	size_t reported;
	unsigned slot;
	int v;

	(void)n;
	if (sample == 0 || sample > AGAIN)
		return;
	memcpy(keep[0], base, DISK_BYTES);
	memcpy(keep[1], disk_now, DISK_BYTES);
	disk = device_with(disk_now);
	slot = boot(disk, true);
	assert_null(disk_breaks(blk_record_bytes(disk), &v));
	if (v != 2) {
		blk_record_restart(disk);
		memcpy(start, blk_record_bytes(disk), DISK_BYTES);
		assert_int_equal(update(disk, slot, &u), 0);
		most_in_place = u.plan.bytes[CHUNK_IN_PLACE] > most_in_place ? u.plan.bytes[CHUNK_IN_PLACE] :
									       most_in_place;
		blk_record_events(disk, &reported);
		for_each_cut(disk, start, reported, SAMPLES_AGAIN, "the second time", NULL);
	}
	blk_free(disk);
	memcpy(base, keep[0], DISK_BYTES);
	memcpy(disk_now, keep[1], DISK_BYTES);
}

static void cut_everywhere(bool with_older, const char *what)
{
	static uint8_t start[DISK_BYTES];
	struct blk *disk = new_machine(with_older);
	struct update u = { .window_bytes = WINDOW };
	size_t reported;
	int v;

	memcpy(start, blk_record_bytes(disk), DISK_BYTES);
	assert_null(disk_breaks(start, &v));
	assert_int_equal(v, 1);
	if (update(disk, 0, &u))
		fail_msg("%s", err.text);
	blk_record_events(disk, &reported);
	/* All ways to come by a chunk were gone. */
	assert_true(u.plan.bytes[CHUNK_SLOT] > 0 && u.plan.bytes[CHUNK_EARLIER] > 0);
	assert_true(u.plan.bytes[CHUNK_FETCH] > 0 && u.plan.bytes[CHUNK_LEFT_OUT] == SELECTOR_BYTES);
	assert_int_equal(u.fetched_bytes, u.plan.bytes[CHUNK_FETCH]);
	/* It is not forgotten by what comes after it either. */
	assert_int_equal(boot(disk, true), 1);
	for_each_cut(disk, start, reported, SAMPLES, what, go_on);
	blk_free(disk);
}

static void over_an_older_version(void **state)
{
	(void)state;
	cut_everywhere(true, "over an older version");
}

static void into_an_empty_slot(void **state)
{
	(void)state;
	cut_everywhere(false, "into an empty slot");
}

/* In front of the disk: for several threads, and each write takes a while. */
struct shared {
	struct blk blk;
	struct blk *disk;
	pthread_mutex_t lock;
};

static int shared_read(struct blk *b, uint64_t offset_bytes, void *data, size_t len)
{
	struct shared *s = (struct shared *)b;
	int r;

	pthread_mutex_lock(&s->lock);
	r = blk_read(s->disk, offset_bytes, data, len);
	pthread_mutex_unlock(&s->lock);
	return r;
}

static int shared_write(struct blk *b, uint64_t offset_bytes, const void *data, size_t len)
{
	struct shared *s = (struct shared *)b;
	int r;

	usleep(WRITE_US);
	pthread_mutex_lock(&s->lock);
	r = blk_write(s->disk, offset_bytes, data, len);
	pthread_mutex_unlock(&s->lock);
	return r;
}

static int shared_flush(struct blk *b)
{
	struct shared *s = (struct shared *)b;
	int r;

	pthread_mutex_lock(&s->lock);
	r = blk_flush(s->disk);
	pthread_mutex_unlock(&s->lock);
	return r;
}

static const struct blk_class shared_class = { .read = shared_read, .write = shared_write, .flush = shared_flush };

/* What is written and read back by threads is what was meant, and a cut finds no other states. */
static void by_several_threads(void **state)
{
	static uint8_t start[DISK_BYTES];
	struct shared shared = { .disk = new_machine(true), .lock = PTHREAD_MUTEX_INITIALIZER };
	struct update u = { .window_bytes = WINDOW };
	size_t reported;

	(void)state;
	shared.blk = *shared.disk;
	shared.blk.class = &shared_class;
	shared.blk.concurrent = true;
	memcpy(start, blk_record_bytes(shared.disk), DISK_BYTES);
	if (update(&shared.blk, 0, &u))
		fail_msg("%s", err.text);
	blk_record_events(shared.disk, &reported);
	for_each_cut(shared.disk, start, reported, SAMPLES, "by several threads", NULL);
	blk_free(shared.disk);
}

static void enough_was_seen(void **state)
{
	(void)state;
	print_message("%llu states: %llu boot the old version, %llu the new one\n",
		      (unsigned long long)n_states, (unsigned long long)n_old, (unsigned long long)n_new);
	assert_true(n_old > 0 && n_new > 0);
	/* At its end an install that was cut had nothing left to fetch. */
	assert_int_equal(most_in_place, UKI_BYTES + ROOT_BYTES + SIGFILE_BYTES);
	if (SAMPLES >= 100)
		assert_true(n_states >= STATES_MIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(over_an_older_version),
		cmocka_unit_test(into_an_empty_slot),
		cmocka_unit_test(by_several_threads),
		cmocka_unit_test(enough_was_seen),
	};

	base = malloc(DISK_BYTES);
	disk_now = malloc(DISK_BYTES);
	for (unsigned v = 0; v < VERSIONS; v++)
		make_version(v);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
