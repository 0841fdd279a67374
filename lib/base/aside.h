/*
 * One job at a time done aside, by a thread, while its owner goes on: the writing of what is
 * ready, the reading of what comes next.
 *
 *	aside_start(a, write_it, &it);	(prepare the next) ...	r = aside_wait(a);
 *
 * Where there is no thread, a job is done at once by aside_start(), so that what happens comes
 * in the same order every time; what it comes to is the same.
 */
#ifndef LIB_BASE_ASIDE_H
#define LIB_BASE_ASIDE_H

#include <pthread.h>
#include <stdbool.h>

/* 0, or what aside_wait() is to return. It gets no signals, and a stack of 128 KiB. */
typedef int (*aside_fn)(void *arg);

/* Zeroed, it has no thread. */
struct aside {
	bool threaded;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	aside_fn fn; /* to be done; NULL: idle */
	void *arg;
	bool end;
	int result; /* of the first job since the last wait that failed; 0: none did */
};

/* Give @a a thread; without one, when none can be had, it is as good. aside_done() ends it. */
void aside_init(struct aside *a);

/* Waits for the job in progress, and for no other one. */
void aside_done(struct aside *a);

/* Wait for the job in progress, then begin with @fn. @arg must live until it was waited for. */
void aside_start(struct aside *a, aside_fn fn, void *arg);

/* Wait until nothing is in progress: 0, or the result of the first job that failed. */
int aside_wait(struct aside *a);

#endif
