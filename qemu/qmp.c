/* See qmp.h. The protocol: qemu-doc "QEMU Machine Protocol", one JSON object a line. */
#include "qemu/qmp.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "qemu/jsonread.h"

void qmp_init(struct qmp *q, int fd, qmp_event_fn on_event, void *arg)
{
	memset(q, 0, sizeof(*q));
	q->fd = fd;
	q->on_event = on_event;
	q->arg = arg;
}

static int send_text(struct qmp *q, const char *text, struct err *err)
{
	size_t len = strlen(text);

	while (len) {
		ssize_t n = send(q->fd, text, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, -errno, "cannot talk to QEMU");
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

int qmp_send(struct qmp *q, const char *command, const char *argument_json, struct err *err)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	int r;

	if (q->waiting)
		return err_set(err, -EBUSY, "QEMU has not answered the last command");
	buf_addf(&b, "{\"execute\": \"%s\"", command);
	if (argument_json)
		buf_addf(&b, ", \"arguments\": %s", argument_json);
	buf_adds(&b, "}\n");
	if (!buf_ok(&b))
		return err_oom(err);
	r = send_text(q, b.data, err);
	if (r < 0)
		return r;
	q->waiting = true;
	q->failed = false;
	q->reply[0] = '\0';
	return 0;
}

bool qmp_replied(const struct qmp *q)
{
	return !q->waiting;
}

static int message(struct qmp *q, const char *text, size_t len, struct err *err)
{
	static struct jsonread
		doc; /* 28 KiB: too much for a stack frame; one machine a process */
	const struct jsonread_node *node;
	char name[64];
	int r = jsonread_parse(&doc, text, len);

	if (r < 0)
		return err_set(err, r, "QEMU sent something that is not QMP");
	if (jsonread_get(&doc, 0, "QMP")) {
		q->greeted = true;
		return qmp_send(q, "qmp_capabilities", NULL, err);
	}
	node = jsonread_get(&doc, 0, "event");
	if (node) {
		if (jsonread_string(node, name, sizeof(name)) > 0 && q->on_event)
			q->on_event(q->arg, name);
		return 0;
	}
	node = jsonread_get(&doc, 0, "return");
	if (node) {
		q->waiting = false;
		(void)jsonread_string(node, q->reply, sizeof(q->reply));
		return 0;
	}
	node = jsonread_get(&doc, 0, "error");
	if (node) {
		q->waiting = false;
		q->failed = true;
		node = jsonread_get(&doc, jsonread_index(&doc, node), "desc");
		(void)jsonread_string(node, q->reply, sizeof(q->reply));
	}
	return 0;
}

int qmp_read(struct qmp *q, struct err *err)
{
	ssize_t n = recv(q->fd, q->in + q->in_len, sizeof(q->in) - q->in_len, MSG_DONTWAIT);
	char *end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -EPIPE;
	q->in_len += (size_t)n;
	while ((end = memchr(q->in, '\n', q->in_len))) {
		size_t len = (size_t)(end - q->in) + 1;
		int r = message(q, q->in, len, err);

		if (r < 0)
			return r;
		q->in_len -= len;
		memmove(q->in, q->in + len, q->in_len);
	}
	if (q->in_len == sizeof(q->in))
		return err_set(err, -EMSGSIZE, "QEMU sent a message longer than %d bytes",
			       QMP_MESSAGE_MAX);
	return 0;
}
