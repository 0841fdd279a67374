/* What is known beforehand of ssh to an image. */
#include "qemu/ssh.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/atomic_file.h"
#include "lib/base/path.h"

static char dir[] = "/tmp/kiln-ssh-test.XXXXXX";

static int setup(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return path_remove_tree(dir);
}

static const char *obstacle(const char *manifest)
{
	char path[96], image[96];

	snprintf(path, sizeof(path), "%s/web_1.0.manifest.json", dir);
	snprintf(image, sizeof(image), "%s/web_1.0.raw", dir);
	assert_int_equal(atomic_file_write(path, manifest, strlen(manifest), 0600, NULL), 0);
	return ssh_obstacle(image);
}

static void the_manifest_tells_why_ssh_cannot_work(void **state)
{
	const char *why;

	(void)state;
	assert_null(obstacle("{\"credentials\": true,\n{\"name\": \"openssh-server\"}}"));
	assert_null(obstacle("{\"credentials\": true,\n{\"name\": \"dropbear-bin\"}}"));
	/* A manifest that says nothing of credentials does not speak against it. */
	assert_null(obstacle("{\"name\": \"openssh-server\"}"));
	why = obstacle("{\"credentials\": true,\n{\"name\": \"openssh-client\"}}");
	assert_non_null(why);
	assert_non_null(strstr(why, "no ssh server"));
	why = obstacle("{\"credentials\": false,\n{\"name\": \"openssh-server\"}}");
	assert_non_null(why);
	assert_non_null(strstr(why, "image.credentials"));
}

static void without_a_manifest_ssh_is_worth_trying(void **state)
{
	(void)state;
	assert_null(ssh_obstacle("/nonexistent/x.raw"));
	assert_null(ssh_obstacle("/nonexistent.d/x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_manifest_tells_why_ssh_cannot_work),
		cmocka_unit_test(without_a_manifest_ssh_is_worth_trying),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
