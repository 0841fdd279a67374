/*
 * QEMU's machine protocol over an already connected socket: commands out,
 * replies and events in. Enough for power, reset and questions.
 *
 * qmp_read() is called whenever the socket is readable and never blocks; it
 * hands events to the callback and keeps the reply of the one command in
 * flight. Whoever sent a command pumps the machine until qmp_replied().
 */
#ifndef QEMU_QMP_H
#define QEMU_QMP_H

#include <stdbool.h>
#include <stddef.h>

struct err;

/* The longest message we accept; QEMU's greeting is some 300 bytes. */
#define QMP_MESSAGE_MAX 65536

typedef void (*qmp_event_fn)(void *arg, const char *name);

struct qmp {
	int fd; /* not owned */
	char in[QMP_MESSAGE_MAX];
	size_t in_len;
	bool greeted; /* QEMU's greeting came; commands may be sent */
	bool waiting; /* a command is in flight */
	bool failed; /* the last reply was an error */
	char reply[4096]; /* its "return" when that is a string, else the error's text; or "" */
	qmp_event_fn on_event;
	void *arg;
};

void qmp_init(struct qmp *q, int fd, qmp_event_fn on_event, void *arg);

/*
 * Take what the socket holds. 0, -EPIPE when QEMU has closed it, another
 * negative errno when it talks nonsense. @err may be NULL.
 */
int qmp_read(struct qmp *q, struct err *err);

/*
 * Send a command without arguments ("system_reset"), or with @argument_json, an
 * object. 0 or a negative errno; -EBUSY when one is in flight.
 */
int qmp_send(struct qmp *q, const char *command, const char *argument_json, struct err *err);

/* True when nothing is in flight. */
bool qmp_replied(const struct qmp *q);

#endif
