/* See flightlog.h. */
#include "update/flightlog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/io.h"

int flightlog_write(struct device *dev, const char *text)
{
	_cleanup_free_ uint8_t *entry = malloc(FLIGHT_ENTRY_BYTES);
	struct flight about;

	if (!entry)
		return -ENOMEM;
	if (!flight_of_boot(&dev->bs, dev->bs.boots, &about))
		return -ENOENT;
	flight_encode(&about, text, strlen(text), entry);
	return io_pwrite_all(dev->fd, entry, FLIGHT_ENTRY_BYTES, FLIGHT_OFFSET(about.boot));
}

/* The entry that lies at @offset_bytes; @entry is scratch space its text lies in. */
static int read_entry(struct device *dev, uint64_t offset_bytes, uint8_t *entry,
		      struct flight *ret, const char **ret_text)
{
	int r = io_pread_all(dev->fd, entry, FLIGHT_ENTRY_BYTES, offset_bytes);

	return r ? r : flight_decode(entry, ret, ret_text);
}

/*
 * Make @log's text what a person reads: without the "<6>" in front of a kernel's line
 * that says how urgent it was, and a string.
 */
static void tidy(struct flightlog *log)
{
	char *to = log->text;
	bool line_start = true;

	for (size_t i = 0; i < log->about.text_bytes; i++) {
		const char *at = log->text + i;
		size_t digits = line_start && *at == '<' ? strspn(at + 1, "0123456789") : 0;

		line_start = *at == '\n';
		if (digits && at[1 + digits] == '>' && at[2 + digits] == '[')
			i += 1 + digits;
		else
			*to++ = *at ? *at : '?';
	}
	*to = '\0';
	log->about.text_bytes = (uint32_t)(to - log->text);
}

int flightlog_read(struct device *dev, uint64_t number, struct flightlog *ret)
{
	_cleanup_free_ uint8_t *entry = malloc(FLIGHT_ENTRY_BYTES);
	struct flightlog log = { .text = NULL };
	const char *text;
	int r;

	if (!entry)
		return -ENOMEM;
	r = read_entry(dev, FLIGHT_OFFSET(number), entry, &log.about, &text);
	if (r == 0 && log.about.boot != number)
		r = FLIGHT_E_MAGIC; /* the entry is a later or an earlier boot's */
	if (r)
		return r;
	log.text = malloc((size_t)log.about.text_bytes + 1);
	if (!log.text)
		return -ENOMEM;
	memcpy(log.text, text, log.about.text_bytes);
	log.text[log.about.text_bytes] = '\0';
	tidy(&log);
	*ret = log;
	return 0;
}

static int newest_first(const void *a, const void *b)
{
	const struct flight *x = a, *y = b;

	return (x->boot < y->boot) - (x->boot > y->boot);
}

int flightlog_list(struct device *dev, struct flight ret[FLIGHT_ENTRIES])
{
	_cleanup_free_ uint8_t *entry = malloc(FLIGHT_ENTRY_BYTES);
	const char *text;
	int n = 0;

	if (!entry)
		return -ENOMEM;
	for (uint64_t i = 0; i < FLIGHT_ENTRIES; i++) {
		int r = read_entry(dev, FLIGHT_OFFSET(i), entry, &ret[n], &text);

		if (r < 0)
			return r;
		n += r == FLIGHT_OK;
	}
	qsort(ret, (size_t)n, sizeof(*ret), newest_first);
	return n;
}

void flightlog_done(struct flightlog *log)
{
	free(log->text);
	*log = (struct flightlog){ .text = NULL };
}
