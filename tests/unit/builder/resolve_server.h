/*
 * A small HTTP server on the loopback for tests of downloads, in a thread of the
 * test itself. It serves the files of a folder, and misbehaves as the first part
 * of the path tells it: /ok/FILE behaves, /MODE/FILE does what enum mode says.
 */
#ifndef TESTS_UNIT_BUILDER_RESOLVE_SERVER_H
#define TESTS_UNIT_BUILDER_RESOLVE_SERVER_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct server {
	char root[256];
	int listener;
	unsigned port;
	pthread_t thread;
	atomic_uint requests, resumed; /* all; those with a Range */
	atomic_bool stop;
	atomic_uint seen[64]; /* requests by a hash of their path */
};

struct request {
	char path[512];
	unsigned long long from;
	bool range;
};

static inline void srv_send(int fd, const void *data, size_t len)
{
	for (const char *p = data; len;) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		p += n;
		len -= (size_t)n;
	}
}

static inline void srv_status(int fd, const char *status, const char *extra)
{
	char head[1024];

	snprintf(head, sizeof(head),
		 "HTTP/1.1 %s\r\n%sContent-Length: 6\r\nConnection: close\r\n\r\nsorry\n", status,
		 extra);
	srv_send(fd, head, strlen(head));
}

static inline bool srv_read(int fd, struct request *rq)
{
	char text[4096], *range;
	size_t len = 0;
	ssize_t n;

	memset(rq, 0, sizeof(*rq));
	do {
		n = read(fd, text + len, sizeof(text) - 1 - len);
		if (n <= 0)
			return false;
		len += (size_t)n;
		text[len] = '\0';
	} while (!strstr(text, "\r\n\r\n") && len < sizeof(text) - 1);
	if (sscanf(text, "GET %511s", rq->path) != 1)
		return false;
	range = strcasestr(text, "\r\nRange: bytes=");
	if (range) {
		rq->range = true;
		rq->from = strtoull(range + 15, NULL, 10);
	}
	return true;
}

/* Send @data from rq->from; @announce is the Content-Length given, @really how many bytes follow. */
static inline void srv_body(int fd, const struct request *rq, const char *data, size_t len,
			    size_t announce, size_t really)
{
	char head[512];

	if (rq->range)
		snprintf(head, sizeof(head),
			 "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes %llu-%zu/%zu\r\n"
			 "Content-Length: %zu\r\nConnection: close\r\n\r\n",
			 rq->from, len - 1, len, announce);
	else
		snprintf(head, sizeof(head),
			 "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
			 announce);
	srv_send(fd, head, strlen(head));
	srv_send(fd, data + rq->from, really);
}

static inline char *srv_load(const struct server *s, const char *name, size_t *len)
{
	char path[1024], *data;
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", s->root, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	data = malloc((size_t)st.st_size + 1);
	*len = (size_t)read(fd, data, (size_t)st.st_size);
	close(fd);
	return data;
}

static inline unsigned srv_hash(const char *path)
{
	unsigned h = 0;

	while (*path)
		h = h * 31 + (unsigned char)*path++;
	return h % 64;
}

static inline void srv_misbehave(struct server *s, int fd, const char *mode, struct request *rq,
				 const char *data, size_t len)
{
	size_t rest = len - rq->from;
	char location[640];

	if (!strcmp(mode, "ok")) {
		srv_body(fd, rq, data, len, rest, rest);
	} else if (!strcmp(mode, "every2nd")) { /* 500 on every odd request of a path */
		if (s->seen[srv_hash(rq->path)]++ % 2 == 0)
			srv_status(fd, "500 Oops", "");
		else
			srv_body(fd, rq, data, len, rest, rest);
	} else if (!strcmp(mode, "drop")) { /* close after 20000 bytes */
		srv_body(fd, rq, data, len, rest, rest < 20000 ? rest : 20000);
	} else if (!strcmp(mode, "stall")) { /* 1000 bytes, then nothing; whole when resumed */
		if (rq->range)
			srv_body(fd, rq, data, len, rest, rest);
		else
			srv_body(fd, rq, data, len, rest, 1000);
		for (int i = 0; !rq->range && i < 400 && !s->stop; i++)
			usleep(10000);
	} else if (!strcmp(mode, "norange")) { /* knows no ranges, and drops the first */
		bool first = s->requests == 1;

		rq->range = false;
		rq->from = 0;
		srv_body(fd, rq, data, len, len, first ? len / 2 : len);
	} else if (!strcmp(mode, "badrange")) { /* answers another range than asked for */
		if (rq->range)
			rq->from /= 2;
		srv_body(fd, rq, data, len, len - rq->from, len - rq->from);
	} else if (!strcmp(mode, "endless")) { /* more bytes than there are */
		char *more = calloc(1, len + 100000);

		srv_body(fd, rq, more, len, len + 100000 - rq->from, len + 100000 - rq->from);
		free(more);
	} else if (!strcmp(mode, "short")) { /* a byte less, and says so */
		srv_body(fd, rq, data, len, rest - 1, rest - 1);
	} else if (!strcmp(mode, "flip")) { /* right length, other bytes */
		char *copy = malloc(len);

		memcpy(copy, data, len);
		copy[len / 2] ^= 1;
		srv_body(fd, rq, copy, len, rest, rest);
		free(copy);
	} else if (!strcmp(mode, "tofile")) {
		snprintf(location, sizeof(location), "Location: file:///etc/hostname\r\n");
		srv_status(fd, "302 Found", location);
	} else if (!strcmp(mode, "loop")) {
		snprintf(location, sizeof(location), "Location: %s\r\n", rq->path);
		srv_status(fd, "302 Found", location);
	} else if (!strcmp(mode, "to-ok")) {
		snprintf(location, sizeof(location), "Location: /ok/%s\r\n",
			 strchr(rq->path + 1, '/') + 1);
		srv_status(fd, "302 Found", location);
	} else {
		srv_status(fd, "404 Not Found", "");
	}
}

static inline void *srv_one(void *arg)
{
	struct { struct server *s; int fd; } *c = arg;
	struct request rq;
	char mode[32] = "", *name;
	char *data;
	size_t len = 0;

	if (srv_read(c->fd, &rq)) {
		c->s->requests++;
		c->s->resumed += rq.range;
		name = strchr(rq.path + 1, '/');
		snprintf(mode, sizeof(mode), "%.*s", (int)(name ? name - rq.path - 1 : 0), rq.path + 1);
		data = name ? srv_load(c->s, name + 1, &len) : NULL;
		if (!data || rq.from > len)
			srv_status(c->fd, data ? "416 Range" : "404 Not Found", "");
		else
			srv_misbehave(c->s, c->fd, mode, &rq, data, len);
		free(data);
	}
	shutdown(c->fd, SHUT_WR);
	close(c->fd);
	free(c);
	return NULL;
}

static inline void *srv_run(void *arg)
{
	struct server *s = arg;

	while (!s->stop) {
		struct { struct server *s; int fd; } *c = malloc(sizeof(*c));
		pthread_t t;

		c->s = s;
		c->fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
		if (c->fd < 0) {
			free(c);
			break;
		}
		pthread_create(&t, NULL, srv_one, c);
		pthread_detach(t);
	}
	return NULL;
}

/* Serve the folder @root. */
static inline void server_start(struct server *s, const char *root)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	memset(s, 0, sizeof(*s));
	snprintf(s->root, sizeof(s->root), "%s", root);
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->listener < 0 || bind(s->listener, (void *)&a, sizeof(a)) < 0 ||
	    listen(s->listener, 64) < 0 || getsockname(s->listener, (void *)&a, &len) < 0)
		abort();
	s->port = ntohs(a.sin_port);
	/* No proxy may stand between a test and itself. */
	setenv("no_proxy", "*", 1);
	pthread_create(&s->thread, NULL, srv_run, s);
}

static inline void server_stop(struct server *s)
{
	s->stop = true;
	shutdown(s->listener, SHUT_RDWR);
	close(s->listener);
	pthread_join(s->thread, NULL);
}

#endif
