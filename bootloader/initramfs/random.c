#include "bootloader/initramfs/random.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/random.h>
#include <sys/time.h>

/* It only has to interrupt getrandom(2). */
static void on_alarm(int signal)
{
	(void)signal;
}

void random_wait(void)
{
	const struct sigaction act = { .sa_handler = on_alarm }; /* without SA_RESTART */
	const struct itimerval limit = { .it_value.tv_sec = RANDOM_WAIT_S }, none = { 0 };
	struct sigaction before;
	uint8_t byte;
	ssize_t n;

	if (sigaction(SIGALRM, &act, &before))
		return;
	if (!setitimer(ITIMER_REAL, &limit, NULL)) {
		n = getrandom(&byte, sizeof(byte), 0);
		(void)n; /* with or without it, the wait is over */
		setitimer(ITIMER_REAL, &none, NULL);
	}
	sigaction(SIGALRM, &before, NULL);
}

int random_bytes(void *data, size_t len)
{
	random_wait();
	return getrandom(data, len, GRND_NONBLOCK) == (ssize_t)len ? 0 : -EAGAIN;
}
