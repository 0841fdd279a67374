/* Where parts are cut: real images of mksquashfs, shifted bytes, and lists of cuts. */
#include "builder/bundle/cuts.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "builder/squash/squash.h"
#include "install/bundle.h"
#include "lib/base/atomic_file.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"
#include "lib/base/proc.h"
#include "lib/core/bytes.h"

#define KIB 1024u
#define MIB (1024u * KIB)

static struct err err;
static char dir[] = "/tmp/kiln-cuts-XXXXXX";

/* Bytes that no packer makes smaller. */
static void noise(uint8_t *out, size_t len, uint32_t x)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
}

static bool has(const struct cuts *c, uint64_t end)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->end[i] == end)
			return true;
	return false;
}

static void a_list_becomes_chunks(void **state)
{
	static const uint64_t ends[] = { 50, 0, 10, 50, 101, UINT64_MAX, 30 };
	static const uint64_t want[] = { 10, 25, 30, 45, 50, 65, 80, 95, 100 };
	_cleanup_cuts_ struct cuts c = { .n = 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		assert_int_equal(cuts_add(&c, ends[i]), 0);
	assert_int_equal(cuts_finish(&c, 100, 15), 0);
	assert_int_equal(c.n, ARRAY_SIZE(want));
	assert_memory_equal(c.end, want, sizeof(want));
}

static void thin(uint32_t least, uint32_t most)
{
	_cleanup_cuts_ struct cuts c = { .n = 0 };
	uint64_t start = 0, bytes = 0;
	size_t n;

	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(cuts_add(&c, bytes += 1 + i * 7 % 90), 0);
	assert_int_equal(cuts_finish(&c, bytes, most), 0);
	n = c.n;
	cuts_thin(&c, least, most);
	assert_true(c.n < n * 2 / 3);
	assert_int_equal(c.end[c.n - 1], bytes);
	for (size_t i = 0; i < c.n; i++) {
		assert_true(c.end[i] - start <= most);
		assert_true(c.end[i] - start >= least || most < 200 || i == c.n - 1);
		start = c.end[i];
	}
}

static void thinning_keeps_both_bounds(void **state)
{
	(void)state;
	thin(100, 200);
	/* Here the least cannot always be had. */
	thin(100, 105);
}

static void what_is_shifted_is_cut_at_the_same_bytes(void **state)
{
	static uint8_t data[2 * MIB];
	_cleanup_cuts_ struct cuts a = { .n = 0 }, b = { .n = 0 };
	size_t same = 0;
	uint64_t start = 1000;

	(void)state;
	noise(data, sizeof(data), 7);
	assert_int_equal(cuts_rolling(&a, data, 1000, sizeof(data)), 0);
	assert_int_equal(cuts_rolling(&b, data, 1777, sizeof(data)), 0);
	assert_in_range(a.n, 20, 100);
	for (size_t i = 0; i < a.n; i++) {
		assert_true(i == a.n - 1 || a.end[i] - start >= 8 * KIB);
		assert_true(a.end[i] - start <= 256 * KIB);
		start = a.end[i];
		same += has(&b, a.end[i]);
	}
	assert_int_equal(a.end[a.n - 1], sizeof(data));
	assert_true(same >= a.n - 3);
	/* Where nothing says so, the longest. */
	memset(data, 0, sizeof(data));
	cuts_done(&a);
	assert_int_equal(cuts_rolling(&a, data, 0, sizeof(data)), 0);
	assert_int_equal(a.n, 2 * MIB / (256 * KIB) + 1);
}

static char *in_dir(const char *name)
{
	char *p = path_join(dir, name);

	assert_non_null(p);
	return p;
}

static void put(const char *name, const void *data, size_t len)
{
	_cleanup_free_ char *p = in_dir(name);

	assert_int_equal(atomic_file_write(p, data, len, 0644, NULL), 0);
}

static void make_tree(void)
{
	static uint8_t data[MIB];
	static const char *const links[][2] = { { "t/short", "x" }, { "t/long", "/usr/share/doc/a/b/c/d" } };
	_cleanup_free_ char *sub = in_dir("t/many"), *holes = in_dir("t/holes"), *twin = in_dir("t/twin");
	_cleanup_free_ char *one = in_dir("t/noise"), *fifo = in_dir("t/fifo");

	assert_int_equal(path_mkdirs(sub), 0);
	noise(data, sizeof(data), 1);
	put("t/noise", data, 700 * KIB);
	assert_int_equal(link(one, twin), 0);
	/* Compressible, so that there are frames with several blocks. */
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)("abcdefgh"[data[i] & 7]);
	put("t/text", data, sizeof(data));
	put("t/holes", data, 10);
	assert_int_equal(truncate(holes, 3 * MIB), 0);
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		_cleanup_free_ char *p = in_dir(links[i][0]);

		assert_int_equal(symlink(links[i][1], p), 0);
	}
	assert_int_equal(mkfifo(fifo, 0600), 0);
	for (unsigned i = 0; i < 900; i++) {
		char name[80];

		snprintf(name, sizeof(name), "t/many/a-name-that-fills-the-directory-%03u", i);
		put(name, data + i, 200);
	}
}

static uint8_t *pack(size_t *ret_len)
{
	_cleanup_free_ char *tree = in_dir("t"), *out = in_dir("image");
	struct squash_options o = { .tree = tree, .output = out, .epoch_s = 1700000000 };
	char *data;
	uint64_t bytes;

	if (squash_pack(&o, &bytes, &err) || io_read_file(out, 64 * MIB, &data, ret_len, &err))
		fail_msg("%s", err.text);
	return (uint8_t *)data;
}

static void need_packer(void)
{
	if (proc_exists("mksquashfs"))
		return;
	print_message("SKIP: mksquashfs is needed\n");
	skip();
}

static struct cuts cuts_of(const uint8_t *image, size_t len)
{
	struct cuts c = { .n = 0 };

	if (cuts_squashfs(&c, image, len, &err))
		fail_msg("%s", err.text);
	assert_int_equal(cuts_finish(&c, len, BUNDLE_CHUNK_MAX), 0);
	return c;
}

/* Bytes of @b's chunks that @a does not have. */
static uint64_t fetched(const uint8_t *a, const struct cuts *ca, const uint8_t *b, const struct cuts *cb)
{
	uint64_t sum = 0, start = 0;

	for (size_t i = 0; i < cb->n; start = cb->end[i++]) {
		uint64_t len = cb->end[i] - start, from = 0;
		bool found = false;

		for (size_t k = 0; k < ca->n && !found; from = ca->end[k++])
			found = ca->end[k] - from == len && memcmp(a + from, b + start, len) == 0;
		sum += found ? 0 : len;
	}
	return sum;
}

/* What changes in the image when one bit of file @name does. */
static uint64_t fetched_for(const char *name, size_t at)
{
	_cleanup_free_ uint8_t *a = NULL, *b = NULL;
	_cleanup_free_ char *path = in_dir(name), *data = NULL;
	_cleanup_cuts_ struct cuts ca = { .n = 0 }, cb = { .n = 0 };
	size_t a_len, b_len, len;

	a = pack(&a_len);
	ca = cuts_of(a, a_len);
	assert_int_equal(fetched(a, &ca, a, &ca), 0);
	assert_int_equal(io_read_file(path, 4 * MIB, &data, &len, &err), 0);
	data[at] ^= 1;
	put(name, data, len);
	b = pack(&b_len);
	cb = cuts_of(b, b_len);
	return fetched(a, &ca, b, &cb);
}

static void one_changed_file_changes_few_chunks(void **state)
{
	(void)state;
	need_packer();
	/* Its second block of three is stored as it is; the others stay. */
	assert_in_range(fetched_for("t/noise", 300 * KIB), 256 * KIB, 256 * KIB + 30 * KIB);
	/* Three bits of each byte remain of a block; its frame has two blocks of 128 KiB. */
	assert_in_range(fetched_for("t/text", 200 * KIB), 40 * KIB, 80 * KIB);
	assert_in_range(fetched_for("t/text", 100 * KIB), 90 * KIB, 130 * KIB);
}

static void blocks_and_tables_are_borders(void **state)
{
	_cleanup_free_ uint8_t *image = NULL;
	_cleanup_cuts_ struct cuts c = { .n = 0 };
	static uint8_t data[700 * KIB];
	const uint8_t *noise_at;
	uint64_t start;
	size_t len;
	unsigned n = 0;

	(void)state;
	need_packer();
	image = pack(&len);
	c = cuts_of(image, len);
	for (uint64_t at = le64_load(image + 64); at < le64_load(image + 72);
	     at += 2 + (le16_load(image + at) & 0x7fff), n++)
		assert_true(has(&c, at));
	assert_in_range(n, 3, 100);
	assert_true(has(&c, le64_load(image + 72)));
	/* Incompressible blocks of 256 KiB stand in the image as they are. */
	noise(data, sizeof(data), 1);
	data[300 * KIB] ^= 1;
	noise_at = memmem(image, len, data, 256 * KIB);
	assert_non_null(noise_at);
	start = (uint64_t)(noise_at - image);
	assert_true(has(&c, start));
	assert_true(has(&c, start + 256 * KIB));
	assert_true(has(&c, start + 512 * KIB));
}

static void a_broken_image_is_refused(void **state)
{
	_cleanup_free_ uint8_t *image = NULL;
	size_t len;

	(void)state;
	need_packer();
	image = pack(&len);
	for (unsigned at = 0; at < 96; at++) {
		static const uint8_t values[] = { 0, 1, 0x7f, 0xff };
		uint8_t was = image[at];

		for (unsigned v = 0; v < sizeof(values); v++) {
			_cleanup_cuts_ struct cuts c = { .n = 0 };
			int r;

			image[at] = values[v];
			r = cuts_squashfs(&c, image, len, &err);
			assert_true(r == 0 || r == -EBADMSG);
			assert_true(r || at >= 4);
		}
		image[at] = was;
	}
	for (size_t n = 0; n < len - 4096; n += 1 + len / 300) {
		_cleanup_cuts_ struct cuts c = { .n = 0 };

		assert_int_equal(cuts_squashfs(&c, image, n, &err), -EBADMSG);
	}
}

static int setup(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	make_tree();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return path_remove_tree(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_becomes_chunks),
		cmocka_unit_test(thinning_keeps_both_bounds),
		cmocka_unit_test(what_is_shifted_is_cut_at_the_same_bytes),
		cmocka_unit_test(one_changed_file_changes_few_chunks),
		cmocka_unit_test(blocks_and_tables_are_borders),
		cmocka_unit_test(a_broken_image_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
