/* See aside.h. */
#include "lib/base/aside.h"

#include <signal.h>
#include <stddef.h>

#define STACK_BYTES (128u << 10)

static void *work(void *arg)
{
	struct aside *a = arg;

	pthread_mutex_lock(&a->lock);
	for (;;) {
		int r;

		while (!a->fn && !a->end)
			pthread_cond_wait(&a->changed, &a->lock);
		if (!a->fn)
			break;
		pthread_mutex_unlock(&a->lock);
		r = a->fn(a->arg);
		pthread_mutex_lock(&a->lock);
		if (a->result == 0)
			a->result = r;
		a->fn = NULL;
		pthread_cond_broadcast(&a->changed);
	}
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

/* A thread takes over the signal mask: those of the process are its owner's. */
static int start_thread(struct aside *a, const pthread_attr_t *attr)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&a->thread, attr, work, a);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

void aside_init(struct aside *a)
{
	pthread_attr_t attr;

	*a = (struct aside){ .threaded = false };
	if (pthread_attr_init(&attr))
		return;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->changed, NULL);
	a->threaded = pthread_attr_setstacksize(&attr, STACK_BYTES) == 0 &&
		      start_thread(a, &attr) == 0;
	pthread_attr_destroy(&attr);
}

void aside_done(struct aside *a)
{
	if (!a->threaded)
		return;
	pthread_mutex_lock(&a->lock);
	a->end = true;
	pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->lock);
	pthread_join(a->thread, NULL);
	a->threaded = false;
}

/* With the lock held. */
static void wait_until_idle(struct aside *a)
{
	while (a->fn)
		pthread_cond_wait(&a->changed, &a->lock);
}

void aside_start(struct aside *a, aside_fn fn, void *arg)
{
	if (!a->threaded) {
		int r = fn(arg);

		if (a->result == 0)
			a->result = r;
		return;
	}
	pthread_mutex_lock(&a->lock);
	wait_until_idle(a);
	a->fn = fn;
	a->arg = arg;
	pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->lock);
}

int aside_wait(struct aside *a)
{
	int r;

	if (a->threaded) {
		pthread_mutex_lock(&a->lock);
		wait_until_idle(a);
		pthread_mutex_unlock(&a->lock);
	}
	r = a->result;
	a->result = 0;
	return r;
}
