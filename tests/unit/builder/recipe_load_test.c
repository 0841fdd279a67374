/* Loading recipes from files: what the structure holds, and which files are never touched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/recipe/load.h"
#include "builder/recipe/recipe.h"
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/path.h"

#define HEAD "name: web\nversion: 1.10\ndistribution: {suite: bookworm}\n"

static char top[PATH_MAX]; /* a folder per test */
static struct err err;

static int make_folder(void **state)
{
	char template[] = "/tmp/kiln-recipe.XXXXXX";

	(void)state;
	return mkdtemp(template) && realpath(template, top) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	return path_remove_tree(top);
}

static const char *at(const char *name)
{
	static char path[2][PATH_MAX + 64];
	static unsigned turn;

	turn ^= 1;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", top, name);
	return path[turn];
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(at(name), "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
}

static struct recipe *load(const char *name)
{
	struct recipe_options opt = { .shipped_dir = at("shipped") };
	struct recipe *r = NULL;

	err_init(&err);
	if (recipe_load_with(at(name), &opt, &r, &err) < 0)
		fail_msg("%s", err.text);
	return r;
}

static void defaults_are_filled_in(void **state)
{
	struct recipe *r;

	(void)state;
	put("r.yaml", HEAD "files: [{path: /etc/motd, content: hi}]\n"
		      "users: [{name: deploy, uid: 1000}]\n");
	r = load("r.yaml");
	assert_string_equal(r->version, "1.10");
	assert_string_equal(r->architecture, "amd64");
	assert_string_equal(r->dir, top);
	assert_true(r->updates && r->security && r->state_grow);
	assert_int_equal(r->components.n, 1);
	assert_string_equal(r->components.item[0], "main");
	assert_string_equal(r->kernel_package, "linux-image-amd64");
	assert_int_equal(r->initrd_modules.n, 4);
	assert_int_equal(r->root_slot_bytes, 1ull << 30);
	assert_int_equal(r->boot_slot_bytes, 64ull << 20);
	assert_int_equal(r->state_bytes, 512ull << 20);
	assert_int_equal(r->health_tries, 3);
	assert_int_equal(r->health_timeout_s, 120);
	assert_int_equal(r->health_soak_s, 10);
	assert_int_equal(r->health_settle_s, 300);
	assert_null(r->update_url);
	assert_int_equal(r->update_check_s, 86400);
	assert_int_equal(r->update_jitter_s, 3600);
	assert_int_equal(r->update_limit_bytes, 0);
	assert_string_equal(r->update_reboot, "never");
	assert_int_equal(r->files[0].mode, 0644);
	assert_string_equal(r->users[0].shell, "/usr/sbin/nologin");
	assert_string_equal(r->users[0].home, "/var/home/deploy");
	assert_string_equal(r->outputs.item[0], "disk");
	recipe_free(r);
}

static void values_arrive_in_their_units(void **state)
{
	struct recipe *r;

	(void)state;
	put("r.yaml", HEAD "slots: {root: 96M, boot: 16777216}\nstate: {size: 2G, grow: false}\n"
		      "health: {tries: 15, timeout: 2m, soak: 45s, settle: 0s,"
		      " checks: [{port: 80}, {unit: a.service}]}\n"
		      "files: [{path: /bin/x, link: ../y}, {path: /s, content: \"\", mode: 04755,"
		      " uid: 7, gid: 8}]\n");
	r = load("r.yaml");
	assert_int_equal(r->root_slot_bytes, 96 << 20);
	assert_int_equal(r->boot_slot_bytes, 16 << 20);
	assert_int_equal(r->state_bytes, 2ull << 30);
	assert_false(r->state_grow);
	assert_int_equal(r->health_timeout_s, 120);
	assert_int_equal(r->health_soak_s, 45);
	assert_int_equal(r->health_settle_s, 0);
	assert_int_equal(r->n_checks, 2);
	assert_int_equal(r->checks[0].port, 80);
	assert_null(r->checks[0].unit);
	assert_string_equal(r->checks[1].unit, "a.service");
	assert_string_equal(r->files[0].link, "../y");
	assert_string_equal(r->files[1].content, "");
	assert_int_equal(r->files[1].mode, 04755);
	assert_int_equal(r->files[1].uid, 7);
	assert_int_equal(r->files[1].gid, 8);
	recipe_free(r);
}

static void sources_are_resolved_beside_the_file_that_names_them(void **state)
{
	struct recipe *r;

	(void)state;
	mkdir(at("part"), 0755);
	mkdir(at("shipped"), 0755);
	put("part/motd", "hi\n");
	put("shipped/own.sh", "#!/bin/sh\n");
	put("part/p.yaml", "files: [{path: /etc/motd, source: motd}]\nscripts: [{run: own.sh}]\n");
	put("r.yaml", HEAD "include: [part/p.yaml]\n");
	r = load("r.yaml");
	assert_string_equal(r->files[0].source, at("part/motd"));
	assert_string_equal(r->scripts[0].run, at("shipped/own.sh"));
	recipe_free(r);
}

static void a_file_beside_the_recipe_comes_before_a_shipped_one(void **state)
{
	struct recipe *r;

	(void)state;
	mkdir(at("shipped"), 0755);
	put("shipped/base.yaml", "packages: [shipped]\n");
	put("base.yaml", "packages: [own]\n");
	put("r.yaml", HEAD "include: [base.yaml]\n");
	r = load("r.yaml");
	assert_int_equal(r->packages.n, 1);
	assert_string_equal(r->packages.item[0], "own");
	recipe_free(r);
}

static void a_refusal_leaves_the_result_alone(void **state)
{
	struct recipe_options opt = { .version = NULL };
	struct recipe *r = (struct recipe *)&opt;

	(void)state;
	put("r.yaml", HEAD "packages: [Bad]\n");
	assert_int_equal(recipe_load_with(at("r.yaml"), &opt, &r, &err), -EINVAL);
	assert_ptr_equal(r, &opt);
	assert_non_null(strstr(err.text, ":4:12: 'Bad' is not a package name"));
	assert_int_equal(recipe_load_with(at("nothere"), &opt, &r, &err), -ENOENT);
	assert_ptr_equal(r, &opt);
}

/* Load a recipe that must be refused while @watched must not be opened. */
static void refused_unopened(const char *recipe, const char *watched, const char *message)
{
	struct recipe_options opt = { .version = NULL };
	struct recipe *r = NULL;
	char events[4096];
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	assert_true(fd >= 0);
	assert_true(inotify_add_watch(fd, at(watched), IN_OPEN | IN_ACCESS) >= 0);
	put("in/r.yaml", recipe);
	assert_int_equal(recipe_load_with(at("in/r.yaml"), &opt, &r, &err), -EINVAL);
	if (!strstr(err.text, message))
		fail_msg("expected '%s' in:\n%s", message, err.text);
	assert_int_equal(read(fd, events, sizeof(events)), -1);
	assert_int_equal(errno, EAGAIN);
	close(fd);
}

static void what_is_refused_is_never_opened(void **state)
{
	(void)state;
	mkdir(at("in"), 0755);
	put("secret", "x\n");
	assert_int_equal(symlink("../secret", at("in/link")), 0);
	assert_int_equal(mkfifo(at("in/pipe"), 0600), 0);
	refused_unopened(HEAD "include: [../secret]\n", "secret", "leaves the recipe's folder");
	refused_unopened(HEAD "include: [link]\n", "secret", "leaves the recipe's folder");
	refused_unopened(HEAD "include: [pipe]\n", "in/pipe", "is a pipe");
	refused_unopened(HEAD "scripts: [{run: link}]\n", "secret", "leaves the recipe's folder");
	refused_unopened(HEAD "files: [{path: /a, source: pipe}]\n", "in/pipe", "is a pipe");
	refused_unopened(HEAD "files: [{path: /a, source: ../secret}]\n", "secret",
			 "leaves the recipe's folder");
}

static void later_files_win_and_lists_grow(void **state)
{
	struct recipe *r;

	(void)state;
	put("base.yaml", "packages: [dbus, udev]\nkernel: {cmdline: quiet}\n"
			 "files: [{path: /a, content: base}, {path: /b, content: base}]\n"
			 "services: {mask: [x.service, y.service]}\nstate: {persist: [/etc/a]}\n");
	put("r.yaml", HEAD "include: [base.yaml]\npackages: [udev, nginx]\n"
			   "kernel: {cmdline: debug}\nfiles: [{path: /a, content: top}]\n"
			   "services: {enable: [x.service]}\nstate: {persist: [/etc/b, /etc/a]}\n");
	r = load("r.yaml");
	assert_int_equal(r->packages.n, 3);
	assert_string_equal(r->packages.item[2], "nginx");
	assert_string_equal(r->kernel_cmdline, "debug");
	assert_int_equal(r->n_files, 2);
	assert_string_equal(r->files[0].content, "top");
	assert_string_equal(r->files[1].content, "base");
	assert_int_equal(r->units_enable.n, 1);
	assert_int_equal(r->units_mask.n, 1);
	assert_string_equal(r->units_mask.item[0], "y.service");
	assert_int_equal(r->persist.n, 2);
	recipe_free(r);
}

static void every_shipped_recipe_loads_and_shows_itself(void **state)
{
	static const char *const names[] = { "demo", "demo-trixie", "minimal", "examples/web" };
	char shipped[PATH_MAX], path[PATH_MAX + 64];

	(void)state;
	if (!realpath("recipes", shipped))
		fail_msg("run from the top of the source tree");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct recipe_options opt = { .shipped_dir = shipped };
		struct buf first = BUF_INIT, second = BUF_INIT;
		struct recipe *r, *again;

		snprintf(path, sizeof(path), "%s/%s.yaml", shipped, names[i]);
		if (recipe_load_with(path, &opt, &r, &err) < 0)
			fail_msg("%s", err.text);
		recipe_show(r, &first);
		/* Where the top recipe's neighbours are found as well: its folder comes second. */
		opt.shipped_dir = r->dir;
		put("shown.yaml", first.data);
		if (!strchr(names[i], '/')) {
			if (recipe_load_with(at("shown.yaml"), &opt, &again, &err) < 0)
				fail_msg("%s", err.text);
			recipe_show(again, &second);
			assert_string_equal(first.data, second.data);
			recipe_free(again);
		}
		recipe_free(r);
		buf_done(&first);
		buf_done(&second);
	}
}

static void the_trixie_demo_differs_by_its_suite_only(void **state)
{
	struct recipe *a, *b;
	struct buf sa = BUF_INIT, sb = BUF_INIT;
	struct recipe_options opt = { .version = NULL };

	(void)state;
	assert_int_equal(recipe_load_with("recipes/demo.yaml", &opt, &a, &err), 0);
	assert_int_equal(recipe_load_with("recipes/demo-trixie.yaml", &opt, &b, &err), 0);
	assert_string_equal(b->suite, "trixie");
	free(b->suite);
	free(b->name);
	b->suite = strdup(a->suite);
	b->name = strdup(a->name);
	recipe_show(a, &sa);
	recipe_show(b, &sb);
	assert_string_equal(sa.data, sb.data);
	recipe_free(a);
	recipe_free(b);
	buf_done(&sa);
	buf_done(&sb);
}

#define T(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(defaults_are_filled_in),
		T(values_arrive_in_their_units),
		T(sources_are_resolved_beside_the_file_that_names_them),
		T(a_file_beside_the_recipe_comes_before_a_shipped_one),
		T(a_refusal_leaves_the_result_alone),
		T(what_is_refused_is_never_opened),
		T(later_files_win_and_lists_grow),
		T(every_shipped_recipe_loads_and_shows_itself),
		T(the_trixie_demo_differs_by_its_suite_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
