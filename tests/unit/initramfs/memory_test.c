/*
 * Early init with an allocation that fails, each one in turn: what it answers is "out of memory" or
 * right, never a crash and never a fault of the image.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "bootloader/initramfs/conf.h"
#include "bootloader/initramfs/keep.h"
#include "bootloader/initramfs/modules.h"
#include "bootloader/initramfs/record.h"
#include "bootloader/initramfs/seed.h"
#include "bootloader/initramfs/state.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"
#include "verity/cms.h"
#include "verity/keygen.h"
#include "tests/failing_malloc.h"

static struct err err;

#if FAILING_MALLOC
/*
 * Call @work with its n-th allocation failing, for each n until none fails; then it must succeed.
 * Until then it answers -ENOMEM (or 0, if it can do without). Returns how many failed.
 */
static long fail_each(int (*work)(void))
{
	for (long n = 0;; n++) {
		int r;

		err_init(&err);
		countdown = n;
		r = work();
		if (countdown >= 0) {
			countdown = -1;
			if (r)
				fail_msg("%d: %s", r, err.text);
			return n;
		}
		countdown = -1;
		if (r && r != -ENOMEM)
			fail_msg("allocation %ld: %d, %s", n, r, err.text);
	}
}

static int parse_conf(void)
{
	static const char text[] = "STATE_GROW=yes\nPERSIST=/srv/b\nPERSIST=/etc/machine-id\nTRIES=3\n";
	struct conf c;
	int r = conf_parse(text, sizeof(text) - 1, &c, &err);

	if (!r)
		conf_done(&c);
	return r;
}

static char top[64];
static int image, store;

/* What one boot does to a fresh state partition, over and over in the same one. */
static int seed(void)
{
	int r = path_remove_tree_at(store, "var");

	if (r == 0)
		r = path_remove_tree_at(store, "etc");
	if (r == 0)
		r = seed_once(image, "var", store, "var", &err);
	if (r == 0)
		r = seed_directories(image, store, &err);
	return r ?: keep_seed(image, store, "/etc/machine-id", &err);
}

static int look(void)
{
	_cleanup_close_ int fd = openat(store, "partition", O_RDONLY | O_CLOEXEC);
	enum state_content content;
	int r = state_look(fd, 16u << 20, &content);

	if (!r)
		assert_int_equal(content, STATE_BLANK);
	return r;
}

/* The log may be lost, the reason not. */
static int record(void)
{
	static struct record rec;
	static struct bs_disk disk;
	static struct bs bs;
	const struct slotdesc a = { .uki_bytes = 100, .name = "web", .version = "1", .root_hash = { 7 } };
	_cleanup_close_ int fd = openat(store, "boot-state", O_RDWR | O_CLOEXEC);
	struct rawdisk_window w = { .fd = fd, .size_bytes = BS_PARTITION_BYTES };
	struct disk_ops ops = rawdisk_ops(&w);

	if (ftruncate(fd, 0) || ftruncate(fd, BS_PARTITION_BYTES) || bs_init_fresh(&a, 3, &bs) ||
	    bs_create(&disk, &ops, &bs) || record_open(&rec, &w))
		return -EIO;
	rec.writable = true;
	bs_count_start(&rec.bs, 0);
	bs_set_stage(&rec.bs, BS_STAGE_LOADED);
	bs_count_start(&rec.bs, 0);
	record_explain(&rec, BS_REASON_PANIC, "Kernel panic", 12);
	if (!record_failure(&rec, BS_REASON_MEMORY, false))
		return -EIO;
	assert_int_equal(rec.bs.ring[0].reason, BS_REASON_MEMORY);
	assert_int_equal(rec.bs.ring[1].reason, BS_REASON_PANIC);
	return 0;
}

static char *cert;
static uint8_t der[CMS_DER_MAX];
static size_t der_len;
static const char content[] = "78ee4f72233c8433f2ec9b398a8e36753aa57652c229df497a40bba916d568c8";

/*
 * Verify in a process of its own, as libcrypto never recovers when it cannot start: 0, 1 for lack
 * of memory, 2 for anything else, 3 when the @n-th allocation was never made.
 */
static int verify_without(long n)
{
	int status = -1, r;
	pid_t pid = fork();

	if (pid == 0) {
		countdown = n;
		r = cms_verify(der, der_len, content, 64, cert, strlen(cert), &err);
		if (countdown >= 0)
			_exit(r ? 2 : 3);
		_exit(r == -ENOMEM ? 1 : r ? 2 : 0);
	}
	return pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) ? 2 :
										WEXITSTATUS(status);
}

static void the_image_s_decisions_are_read_or_memory_is_short(void **state)
{
	(void)state;
	assert_true(fail_each(parse_conf) >= 4);
}

static void seeding_ends_in_an_error_or_whole(void **state)
{
	struct stat st;

	(void)state;
	assert_true(fail_each(seed) >= 6);
	assert_int_equal(fstatat(store, "var/lib/file", &st, 0), 0);
	assert_int_equal(fstatat(store, ".kiln-seed", &st, 0), -1);
}

static void the_state_partition_is_never_misread(void **state)
{
	(void)state;
	assert_int_equal(fail_each(look), 1);
}

static void a_reason_is_stored_without_memory(void **state)
{
	(void)state;
	assert_true(fail_each(record) >= 3);
}

static void a_signature_is_never_refused_for_lack_of_memory(void **state)
{
	long n = 0, starved = 0;
	int r;

	(void)state;
	for (; (r = verify_without(n)) != 3; n += n < 100 ? 1 : 29) {
		if (r == 2)
			fail_msg("allocation %ld is taken for a fault of the signature", n);
		starved += r;
	}
	assert_true(n > 1000 && starved > 20);
}
#endif

/* libcrypto must be new to this process, so that another one signs. */
static int sign_elsewhere(void)
{
	int fds[2], status;
	ssize_t n;
	pid_t pid;

	if (pipe(fds))
		return -1;
	pid = fork();
	if (pid == 0) {
		struct keygen_request q = { .use = KEYGEN_CODE_SIGN, .common_name = "x", .rsa_bits = 2048 };
		char *key, *made;
		uint8_t *sig;
		size_t len;

		if (keygen_make(&q, &key, &made, &err) ||
		    cms_sign(made, key, content, 64, &sig, &len, &err) || len > sizeof(der))
			_exit(1);
		_exit(io_write_all(fds[1], &len, sizeof(len)) || io_write_all(fds[1], sig, len) ||
		      io_write_all(fds[1], made, strlen(made) + 1));
	}
	close(fds[1]);
	if (io_read_all(fds[0], &der_len, sizeof(der_len)) || der_len > sizeof(der) ||
	    io_read_all(fds[0], der, der_len))
		return -1;
	cert = calloc(1, CMS_PEM_MAX);
	for (size_t at = 0; cert && (n = read(fds[0], cert + at, CMS_PEM_MAX - 1 - at)) > 0;)
		at += (size_t)n;
	close(fds[0]);
	return waitpid(pid, &status, 0) < 0 || status ? -1 : 0;
}

static void put(int dir, const char *name, const char *text, off_t size)
{
	_cleanup_close_ int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_int_equal(io_write_all(fd, text, strlen(text)), 0);
	assert_int_equal(size ? ftruncate(fd, size) : 0, 0);
}

static int set_up(void **state)
{
	(void)state;
	snprintf(top, sizeof(top), "/tmp/kiln-memory-XXXXXX");
	if (sign_elsewhere() || !mkdtemp(top))
		return -1;
	image = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	mkdirat(image, "store", 0755);
	store = openat(image, "store", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	mkdirat(image, "image", 0755);
	close(image);
	image = openat(store, "../image", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	mkdirat(image, "etc", 0755);
	mkdirat(image, "var", 0755);
	mkdirat(image, "var/lib", 0755);
	put(image, "var/lib/file", "x", 0);
	put(image, "etc/machine-id", "", 0);
	put(store, "partition", "", 16 << 20);
	put(store, "boot-state", "", BS_PARTITION_BYTES);
	return store < 0 || image < 0;
}

static int tear_down(void **state)
{
	(void)state;
	free(cert);
	return path_remove_tree(top);
}

int main(void)
{
#if FAILING_MALLOC
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_image_s_decisions_are_read_or_memory_is_short),
		cmocka_unit_test(seeding_ends_in_an_error_or_whole),
		cmocka_unit_test(the_state_partition_is_never_misread),
		cmocka_unit_test(a_reason_is_stored_without_memory),
		cmocka_unit_test(a_signature_is_never_refused_for_lack_of_memory),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
#else
	print_message("SKIP: the address sanitizer owns malloc\n");
	(void)set_up;
	(void)tear_down;
	return 77;
#endif
}
