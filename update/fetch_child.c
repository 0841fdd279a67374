/* See fetch_child.h. */
#include "update/fetch_child.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "install/source.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/printable.h"
#include "lib/core/bytes.h"
#include "update/update_conf.h"

#define REQUEST_MAX 64
#define ARGUMENTS_MAX 8
#define WORDS_MAX 4096 /* of its last words */
#define NOT_STARTED 126 /* exit status of a child that could not become the program */
#define NO_LIBRARY 127 /* the dynamic loader's, when the image has no libcurl */

struct fetch_child {
	struct source source;
	pid_t pid; /* 0: it was waited for */
	int requests, bytes, words; /* our ends of its stdin, stdout, stderr */
};

/* The last words of the child, on one line. */
static void read_words(struct fetch_child *f, struct buf *out)
{
	char text[WORDS_MAX];
	size_t len = 0;
	ssize_t n;

	while (len < sizeof(text) && (n = read(f->words, text + len, sizeof(text) - len)) > 0)
		len += (size_t)n;
	while (len && text[len - 1] == '\n')
		len--;
	printable_add(out, text, len, false);
}

/* It ended before it gave what was asked for: say why. */
static int explain(struct fetch_child *f, struct err *err)
{
	_cleanup_buf_ struct buf words = BUF_INIT;
	const char *text;
	int status = 0;

	read_words(f, &words);
	text = words.len ? words.data : "no reason was given";
	if (f->pid)
		while (waitpid(f->pid, &status, 0) < 0 && errno == EINTR)
			;
	f->pid = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_STARTED)
		return err_set(err, -ENOENT,
			       "an address needs the program kiln-fetch, which this image does not "
			       "have (%s): add fragments/update.yaml to its recipe",
			       text);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NO_LIBRARY)
		return err_set(err, -ENOENT,
			       "an address needs libcurl, which this image does not have (%s): add "
			       "fragments/update.yaml to its recipe",
			       text);
	if (WIFSIGNALED(status))
		return err_set(err, -EIO, "kiln-fetch was ended by signal %d", WTERMSIG(status));
	return err_set(err, -EIO, "cannot fetch the bundle: %s", text);
}

static int child_request(struct source *s, uint64_t offset, uint64_t len, struct err *err)
{
	struct fetch_child *f = (struct fetch_child *)s;
	char line[REQUEST_MAX];
	int n = snprintf(line, sizeof(line), "GET %" PRIu64 " %" PRIu64 "\n", offset, len);
	int r = io_write_all(f->requests, line, (size_t)n);

	return r ? explain(f, err) : 0;
}

static int child_read(struct source *s, uint64_t offset, void *data, size_t len, struct err *err)
{
	struct fetch_child *f = (struct fetch_child *)s;
	int r = source_read_stream(s, f->bytes, data, len);

	(void)offset;
	if (r == -EINTR)
		return err_set(err, r, "interrupted");
	return r ? explain(f, err) : 0;
}

static void child_free(struct source *s)
{
	struct fetch_child *f = (struct fetch_child *)s;

	close(f->requests);
	close(f->bytes);
	if (f->pid) {
		kill(f->pid, SIGKILL);
		while (waitpid(f->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	close(f->words);
	free(f);
}

static const struct source_class child_class = { child_request, child_read, child_free };

static _Noreturn void become(const char *program, char **argv, const int *ends)
{
	/* Ctrl-C is for slotctl, which ends it. */
	setpgid(0, 0);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	if (dup2(ends[0], 0) == 0 && dup2(ends[1], 1) == 1 && dup2(ends[2], 2) == 2)
		execv(program, argv);
	dprintf(2, "%s: %s\n", program, strerror(errno));
	_exit(NOT_STARTED);
}

static bool add_argument(char **argv, char *owned)
{
	while (*argv)
		argv++;
	*argv = owned;
	return owned != NULL;
}

/* The option, unless @value is empty. */
static bool add_option(char **argv, const char *option, const char *value)
{
	return !value[0] || add_argument(argv, str_printf("--%s=%s", option, value));
}

/* The strings are owned by @argv and freed by free_arguments(). False: no memory. */
static bool make_arguments(const char *program, const char *url, const struct update_conf *conf,
			   char **argv)
{
	char limit[21] = "";

	if (conf->limit_bytes_per_s)
		u64_format(conf->limit_bytes_per_s, limit);
	return add_argument(argv, str_printf("%s", program)) &&
	       add_option(argv, "limit-rate", limit) && add_option(argv, "proxy", conf->proxy) &&
	       add_option(argv, "cacert", conf->cacert) && add_option(argv, "cert", conf->cert) &&
	       add_option(argv, "key", conf->key) && add_argument(argv, str_printf("%s", url));
}

static void free_arguments(char **argv)
{
	for (unsigned n = 0; argv[n]; n++)
		free(argv[n]);
}

/* Three pipes; ours[i] and its[i] are the two ends. */
static int make_pipes(int ours[3], int its[3])
{
	for (unsigned i = 0; i < 3; i++) {
		int p[2];

		if (pipe2(p, O_CLOEXEC)) {
			int r = -errno;

			while (i--) {
				close(ours[i]);
				close(its[i]);
			}
			return r;
		}
		ours[i] = p[i == 0];
		its[i] = p[i != 0];
	}
	return 0;
}

static int start(struct fetch_child *f, const char *program, char **argv, struct err *err)
{
	int ours[3], its[3], r = make_pipes(ours, its);

	if (r)
		return err_errno(err, r, "cannot make a pipe");
	f->pid = fork();
	if (f->pid == 0)
		become(program, argv, its);
	r = f->pid < 0 ? -errno : 0;
	for (unsigned i = 0; i < 3; i++) {
		close(its[i]);
		if (r)
			close(ours[i]);
	}
	if (r)
		return err_errno(err, r, "cannot start a process");
	f->source.class = &child_class;
	f->requests = ours[0];
	f->bytes = ours[1];
	f->words = ours[2];
	return 0;
}

int fetch_child_start(const char *program, const char *url, const struct update_conf *conf,
		      struct source **ret, struct err *err)
{
	char *argv[ARGUMENTS_MAX] = { NULL };
	struct fetch_child *f = calloc(1, sizeof(*f));
	int r;

	program = program ? program : FETCH_PROGRAM;
	r = f && make_arguments(program, url, conf, argv) ? start(f, program, argv, err) :
							      err_oom(err);
	free_arguments(argv);
	if (r)
		free(f);
	else
		*ret = &f->source;
	return r;
}
