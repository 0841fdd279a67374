/* See clock.h. */
#include "qemu/clock.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <time.h>

#define DAY_MS (24ull * 3600 * 1000)

uint64_t clock_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

int clock_left_ms(uint64_t deadline_ms)
{
	uint64_t now = clock_now_ms();

	if (deadline_ms == CLOCK_NEVER)
		return -1;
	if (deadline_ms <= now)
		return 0;
	return deadline_ms - now > INT_MAX ? INT_MAX : (int)(deadline_ms - now);
}

int clock_duration(const char *text, uint64_t *ret_ms)
{
	uint64_t n = 0, unit;
	const char *p = text;

	if (*p < '0' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++) {
		n = n * 10 + (uint64_t)(*p - '0');
		if (n > DAY_MS)
			return -EINVAL;
	}
	if (!*p || !strcmp(p, "s"))
		unit = 1000;
	else if (!strcmp(p, "ms"))
		unit = 1;
	else if (!strcmp(p, "m"))
		unit = 60000;
	else
		return -EINVAL;
	if (n == 0 || n * unit > DAY_MS)
		return -EINVAL;
	*ret_ms = n * unit;
	return 0;
}
