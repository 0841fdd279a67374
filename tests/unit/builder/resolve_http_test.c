/* Downloads against servers that break off, stall, lie and loop. */
#include "lib/base/http.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"
#include "tests/unit/builder/resolve_server.h"

#define BYTES 300000

static char dir[] = "/tmp/kiln-http.XXXXXX";
static char content[BYTES];
static struct server server;

static int setup(void **state)
{
	char path[64];
	int fd;

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	for (size_t i = 0; i < BYTES; i++)
		content[i] = (char)(i * 7 + i / 251);
	snprintf(path, sizeof(path), "%s/f", dir);
	fd = open(path, O_WRONLY | O_CREAT, 0644);
	io_write_all(fd, content, BYTES);
	close(fd);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return path_remove_tree(dir);
}

static int check_bytes(struct http_job *job, struct err *err)
{
	_Thread_local static char back[BYTES];
	uint64_t len;

	assert_int_equal(io_size(job->fd, &len), 0);
	assert_true(len <= job->max_bytes);
	if (len != BYTES || io_pread_all(job->fd, back, BYTES, 0) < 0 || memcmp(back, content, BYTES))
		return err_set(err, -EBADMSG, "refused: other bytes");
	return 0;
}

/* Fetch /MODE/f (and /MODE2/f when the first fails) with @have bytes there already. */
static int fetch(const char *mode, const char *mode2, size_t have, struct err *err)
{
	struct http_options opts = { .pause_ms = 1, .stall_s = 1, .retries = 3 };
	char url[2][128];
	const char *urls[] = { url[0], url[1] };
	struct http_job job = { .urls = urls, .n_urls = mode2 ? 2 : 1, .name = "the file",
				.size_bytes = BYTES, .max_bytes = BYTES, .done = check_bytes };
	int r;

	err_init(err);
	server_start(&server, dir);
	snprintf(url[0], sizeof(url[0]), "http://127.0.0.1:%u/%s/f", server.port, mode);
	snprintf(url[1], sizeof(url[1]), "http://127.0.0.1:%u/%s/f", server.port, mode2 ? mode2 : "");
	job.fd = memfd_create("t", MFD_CLOEXEC);
	io_pwrite_all(job.fd, content, have, 0);
	r = http_fetch(&job, 1, &opts, err);
	close(job.fd);
	server_stop(&server);
	return r;
}

static void a_file_arrives(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(fetch("ok", NULL, 0, &err), 0);
	assert_int_equal(server.requests, 1);
}

static void a_broken_download_is_resumed_where_it_broke(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(fetch("drop", NULL, 0, &err), 0);
	assert_int_equal(server.requests, BYTES / 20000);
	assert_int_equal(server.resumed, server.requests - 1);
}

static void what_an_earlier_run_left_is_used(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(fetch("ok", NULL, 1000, &err), 0);
	assert_int_equal(server.resumed, 1);
	assert_int_equal(fetch("ok", NULL, BYTES, &err), 0);
	assert_int_equal(server.requests, 0);
}

static void sporadic_500s_and_stalls_are_retried(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(fetch("every2nd", NULL, 0, &err), 0);
	assert_int_equal(server.requests, 2);
	assert_int_equal(fetch("stall", NULL, 0, &err), 0);
	assert_int_equal(server.resumed, 1);
}

static void a_server_without_ranges_starts_over(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(fetch("norange", NULL, 0, &err), 0);
	assert_int_equal(server.requests, 2);
}

static void redirects_stay_on_http_and_end(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(fetch("to-ok", NULL, 0, &err), 0);
	assert_true(fetch("tofile", NULL, 0, &err) < 0);
	assert_non_null(strstr(err.text, "the file: Protocol \"file\" "));
	assert_int_equal(server.requests, 1);
	assert_true(fetch("loop", NULL, 0, &err) < 0);
	assert_int_equal(server.requests, HTTP_REDIRECTS_MAX + 1);
}

static void refusals_say_why(void **state)
{
	static const struct {
		const char *mode;
		int rc;
		const char *text;
	} table[] = {
		{ "gone", -ENOENT, "the file: the server answers HTTP status 404" },
		{ "flip", -EBADMSG, "the file: refused: other bytes" },
		{ "short", -EBADMSG, "the file: refused: 299999 bytes long, not 300000" },
		{ "endless", -EBADMSG,
		  "the file: refused: the server sends more than the 300000 bytes it should" },
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(fetch(table[i].mode, NULL, 0, &err), table[i].rc);
		assert_string_equal(err.text, table[i].text);
	}
}

static void the_next_url_serves_what_the_first_does_not(void **state)
{
	static const char *const bad[] = { "gone", "flip", "short", "endless", "tofile", "loop",
					   "badrange" };
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(fetch(bad[i], "ok", i == 6 ? 1000 : 0, &err), 0);
}

static void a_wrong_half_from_before_costs_one_more_try(void **state)
{
	struct http_options opts = { .pause_ms = 1 };
	char url[128];
	const char *urls[] = { url };
	struct http_job job = { .urls = urls, .n_urls = 1, .name = "the file", .size_bytes = BYTES,
				.max_bytes = BYTES, .done = check_bytes };
	struct err err;

	(void)state;
	server_start(&server, dir);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/ok/f", server.port);
	job.fd = memfd_create("t", MFD_CLOEXEC);
	assert_int_equal(ftruncate(job.fd, 5000), 0);
	assert_int_equal(http_fetch(&job, 1, &opts, &err), 0);
	assert_int_equal(server.requests, 2);
	close(job.fd);
	server_stop(&server);
}

static void many_files_come_in_parallel(void **state)
{
	struct http_options opts = { .connections = 4, .pause_ms = 1 };
	struct http_job jobs[40];
	char url[128];
	const char *urls[] = { url };
	struct err err;

	(void)state;
	server_start(&server, dir);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/ok/f", server.port);
	for (size_t i = 0; i < 40; i++)
		jobs[i] = (struct http_job){ .urls = urls, .n_urls = 1, .name = "the file",
					     .size_bytes = BYTES, .max_bytes = BYTES,
					     .fd = memfd_create("t", MFD_CLOEXEC),
					     .done = check_bytes };
	assert_int_equal(http_fetch(jobs, 40, &opts, &err), 0);
	for (size_t i = 0; i < 40; i++) {
		assert_int_equal(jobs[i].rc, 0);
		close(jobs[i].fd);
	}
	server_stop(&server);
}

static void a_full_disk_is_said(void **state)
{
	struct http_options opts = { .pause_ms = 1 };
	char url[128];
	const char *urls[] = { url };
	struct http_job job = { .urls = urls, .n_urls = 1, .name = "the file", .size_bytes = BYTES,
				.max_bytes = BYTES };
	struct err err;

	(void)state;
	server_start(&server, dir);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/ok/f", server.port);
	/* A sealed file stands in for a disk that takes no more. */
	job.fd = memfd_create("t", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(fcntl(job.fd, F_ADD_SEALS, F_SEAL_GROW), 0);
	assert_int_equal(http_fetch(&job, 1, &opts, &err), -EPERM);
	assert_string_equal(err.text,
			    "the file: cannot write the download: Operation not permitted");
	assert_int_equal(server.requests, 1);
	close(job.fd);
	server_stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_arrives),
		cmocka_unit_test(a_broken_download_is_resumed_where_it_broke),
		cmocka_unit_test(what_an_earlier_run_left_is_used),
		cmocka_unit_test(sporadic_500s_and_stalls_are_retried),
		cmocka_unit_test(a_server_without_ranges_starts_over),
		cmocka_unit_test(redirects_stay_on_http_and_end),
		cmocka_unit_test(refusals_say_why),
		cmocka_unit_test(the_next_url_serves_what_the_first_does_not),
		cmocka_unit_test(a_wrong_half_from_before_costs_one_more_try),
		cmocka_unit_test(many_files_come_in_parallel),
		cmocka_unit_test(a_full_disk_is_said),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
