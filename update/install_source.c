/* See install_source.h. */
#include "update/install_source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "install/source.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "update/fetch_child.h"
#include "update/pick.h"
#include "update/update_conf.h"

bool install_source_is_url(const char *text)
{
	return strncasecmp(text, "http://", 7) == 0 || strncasecmp(text, "https://", 8) == 0;
}

/* Takes @fd: what can be read at any offset is a file, the rest comes as it comes. */
static int from_fd(int fd, struct source **ret, struct err *err)
{
	struct stat st;
	bool file;
	int r;

	if (fstat(fd, &st)) {
		r = -errno;
		close(fd);
		return err_errno(err, r, "cannot use the bundle");
	}
	/* Standard input may be a file that was read from already. */
	file = (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)) && lseek(fd, 0, SEEK_CUR) == 0;
	r = file ? source_of_file(fd, ret) : source_of_pipe(fd, ret);
	if (r)
		close(fd);
	return r ? err_oom(err) : 0;
}

static int from_path(const char *path, struct source **ret, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT && strstr(path, "://"))
		return err_set(err, -EINVAL,
			       "cannot open %s: only http:// and https:// are fetched", path);
	return fd < 0 ? err_errno(err, -errno, "cannot open %s", path) : from_fd(fd, ret, err);
}

static int from_stdin(struct source **ret, struct err *err)
{
	int fd = fcntl(0, F_DUPFD_CLOEXEC, 3);

	return fd < 0 ? err_errno(err, -errno, "cannot use standard input") : from_fd(fd, ret, err);
}

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int install_source_open(const char *text, const struct update_conf *conf, const char *fetch,
			struct source **ret, char **ret_name, struct buf *notes, struct err *err)
{
	_cleanup_free_ char *name = NULL;
	int r = 0;

	if (is_directory(text))
		r = pick_bundle(text, conf->name, conf->arch, &name, notes, err);
	else if (!(name = strdup(strcmp(text, "-") ? text : "standard input")))
		r = err_oom(err);
	if (r)
		return r;
	if (install_source_is_url(text))
		r = fetch_child_start(fetch, text, conf, ret, err);
	else if (!strcmp(text, "-"))
		r = from_stdin(ret, err);
	else
		r = from_path(name, ret, err);
	if (r == 0)
		*ret_name = TAKE_PTR(name);
	return r;
}
