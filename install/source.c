/* See source.h. */
#include "install/source.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"

#define SKIP_BYTES 65536u
#define STOP_POLL_MS 250

struct source *source_free(struct source *s)
{
	if (s)
		s->class->free(s);
	return NULL;
}

int source_request(struct source *s, uint64_t offset, uint64_t len, struct err *err)
{
	int r;

	if (len == 0)
		return 0;
	if (!source_has_room(s) || offset < s->next || len > UINT64_MAX - offset)
		return err_set(err, -ESPIPE,
			       "byte %" PRIu64 " of the bundle is asked for out of order", offset);
	r = s->class->request ? s->class->request(s, offset, len, err) : 0;
	if (r)
		return r;
	s->range[s->n++] = (struct source_range){ offset, len };
	s->next = offset + len;
	return 0;
}

int source_read(struct source *s, void *data, size_t len, struct err *err)
{
	uint8_t *to = data;

	while (len > 0) {
		struct source_range *range = &s->range[0];
		size_t n;
		int r;

		if (s->n == 0)
			return err_set(err, -ESPIPE, "more is read than was asked for");
		n = range->len < len ? (size_t)range->len : len;
		r = s->class->read(s, range->offset, to, n, err);
		if (r)
			return r;
		s->read_bytes += n;
		to += n;
		len -= n;
		range->offset += n;
		range->len -= n;
		if (range->len == 0)
			memmove(range, range + 1, --s->n * sizeof(*range));
	}
	return 0;
}

int source_read_stream(const struct source *s, int fd, void *data, size_t len)
{
	uint8_t *to = data;

	while (len > 0) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (s->stop && *s->stop)
			return -EINTR;
		if (poll(&p, 1, STOP_POLL_MS) <= 0)
			continue;
		n = read(fd, to, len);
		if (n == 0)
			return -ENODATA;
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		if (n > 0) {
			to += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/* ---- a descriptor ---------------------------------------------------------------- */

struct source_fd {
	struct source source;
	int fd;
	uint64_t at; /* of a pipe: bytes that came out of it */
};

static void fd_free(struct source *s)
{
	close(((struct source_fd *)s)->fd);
	free(s);
}

static int fd_failed(int r, uint64_t offset, struct err *err)
{
	if (r == -EINTR)
		return err_set(err, r, "interrupted");
	if (r == -ENODATA)
		return err_set(err, r, "the bundle ends before byte %" PRIu64, offset);
	return err_errno(err, r, "cannot read the bundle");
}

static int file_read(struct source *s, uint64_t offset, void *data, size_t len, struct err *err)
{
	int r = io_pread_all(((struct source_fd *)s)->fd, data, len, offset);

	return r ? fd_failed(r, offset + len, err) : 0;
}

static int pipe_read(struct source *s, uint64_t offset, void *data, size_t len, struct err *err)
{
	struct source_fd *p = (struct source_fd *)s;
	uint8_t skipped[SKIP_BYTES];
	int r = 0;

	while (r == 0 && p->at < offset) {
		size_t n = offset - p->at < SKIP_BYTES ? (size_t)(offset - p->at) : SKIP_BYTES;

		r = source_read_stream(s, p->fd, skipped, n);
		p->at += n;
	}
	if (r == 0)
		r = source_read_stream(s, p->fd, data, len);
	p->at += len;
	return r ? fd_failed(r, offset + len, err) : 0;
}

static const struct source_class file_class = { NULL, file_read, fd_free };
static const struct source_class pipe_class = { NULL, pipe_read, fd_free };

static int new_source(int fd, const struct source_class *class, struct source **ret)
{
	struct source_fd *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->source.class = class;
	s->fd = fd;
	*ret = &s->source;
	return 0;
}

int source_of_file(int fd, struct source **ret)
{
	return new_source(fd, &file_class, ret);
}

int source_of_pipe(int fd, struct source **ret)
{
	return new_source(fd, &pipe_class, ret);
}
