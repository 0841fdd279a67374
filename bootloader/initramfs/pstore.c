#include "bootloader/initramfs/pstore.h"

#include <string.h>

#include "bootloader/initramfs/verdict.h"
#include "lib/core/bytes.h"

#define PANIC_LINE "Kernel panic - not syncing: "

bool pstore_is_dump(const char *name)
{
	size_t len = strlen(name);

	/* What the kernel could not decompress keeps an ending. */
	return !strncmp(name, "dmesg-", 6) && !(len > 2 && !strcmp(name + len - 2, ".z"));
}

static enum pstore_kind kind_of(const char *word, size_t len)
{
	if (len == 5 && !memcmp(word, "Panic", len))
		return PSTORE_PANIC;
	return len == 4 && !memcmp(word, "Oops", len) ? PSTORE_OOPS : PSTORE_OTHER;
}

/* A decimal number that ends at @end exactly. */
static bool number_between(const char *at, const char *end, uint32_t *ret)
{
	uint64_t n;

	if (!u64_parse(at, (size_t)(end - at), &n) || n > UINT32_MAX)
		return false;
	*ret = (uint32_t)n;
	return true;
}

bool pstore_head_parse(const char *data, size_t len, struct pstore_head *ret)
{
	static const char part[] = " Part";
	const char *end = memchr(data, '\n', len), *hash, *blank;
	struct pstore_head h;

	if (!end)
		return false;
	hash = memchr(data, '#', (size_t)(end - data));
	blank = hash ? memchr(hash, ' ', (size_t)(end - hash)) : NULL;
	if (!blank || (size_t)(end - blank) < sizeof(part) || memcmp(blank, part, sizeof(part) - 1))
		return false;
	h.kind = kind_of(data, (size_t)(hash - data));
	if (!number_between(hash + 1, blank, &h.count) ||
	    !number_between(blank + sizeof(part) - 1, end, &h.part) || !h.part ||
	    h.part > PSTORE_PARTS_MAX)
		return false;
	h.head_bytes = (size_t)(end + 1 - data);
	*ret = h;
	return true;
}

/* The dump to be put together: everything that was written with its newest record. */
struct dump {
	enum pstore_kind kind;
	int64_t time_s;
	uint32_t count;
};

static bool newer(const struct dump *than, enum pstore_kind kind, int64_t time_s, uint32_t count)
{
	if (kind != than->kind)
		return kind > than->kind;
	if (time_s != than->time_s)
		return time_s > than->time_s;
	return count > than->count;
}

static struct dump find_newest(const struct pstore_record *records, size_t n)
{
	struct dump d = { .kind = PSTORE_OTHER };

	for (size_t i = 0; i < n; i++) {
		struct pstore_head h;

		if (pstore_head_parse(records[i].data, records[i].len, &h) &&
		    newer(&d, h.kind, records[i].time_s, h.count))
			d = (struct dump){ h.kind, records[i].time_s, h.count };
	}
	return d;
}

/* Its part @number: of several, the one written last, as an older dump may be of the same count. */
static const struct pstore_record *find_part(const struct pstore_record *records, size_t n,
					     const struct dump *d, uint32_t number,
					     size_t *ret_head_bytes)
{
	const struct pstore_record *best = NULL;

	for (size_t i = 0; i < n; i++) {
		const struct pstore_record *rec = &records[i];
		struct pstore_head h;

		if (!pstore_head_parse(rec->data, rec->len, &h) || h.kind != d->kind ||
		    h.count != d->count || h.part != number || rec->time_s > d->time_s ||
		    (uint64_t)d->time_s - (uint64_t)rec->time_s > PSTORE_DUMP_S ||
		    (best && best->time_s >= rec->time_s))
			continue;
		best = rec;
		*ret_head_bytes = h.head_bytes;
	}
	return best;
}

/* From the newest part backwards, as the end of a log says why. */
enum pstore_kind pstore_newest(const struct pstore_record *records, size_t n, char *out,
			       size_t size, size_t *ret_len)
{
	struct dump d = find_newest(records, n);
	size_t at = size;

	if (d.kind == PSTORE_OTHER)
		return PSTORE_OTHER;
	for (uint32_t number = 1; number <= PSTORE_PARTS_MAX && at; number++) {
		size_t head, len, take;
		const struct pstore_record *rec = find_part(records, n, &d, number, &head);

		if (!rec)
			continue;
		len = rec->len - head;
		take = len < at ? len : at;
		at -= take;
		memcpy(out + at, rec->data + head + (len - take), take);
	}
	memmove(out, out + at, size - at);
	*ret_len = size - at;
	return d.kind;
}

static bool holds(const char *line, size_t len, const char *what)
{
	return memmem(line, len, what, strlen(what));
}

enum bs_reason pstore_reason(const char *text, size_t len)
{
	const char *line = memmem(text, len, PANIC_LINE, sizeof(PANIC_LINE) - 1), *end;
	enum bs_reason own;
	size_t left;

	if (!line)
		return BS_REASON_PANIC;
	left = (size_t)(text + len - line);
	end = memchr(line, '\n', left);
	left = end ? (size_t)(end - line) : left;
	if (holds(line, left, "dm-verity device corrupted"))
		return BS_REASON_VERITY;
	if (holds(line, left, "deadlocked on memory") || holds(line, left, "ut of memory"))
		return BS_REASON_MEMORY;
	if (!holds(line, left, "Attempted to kill init"))
		return BS_REASON_PANIC;
	own = verdict_from_log(text, len);
	return own == BS_REASON_NONE ? BS_REASON_PANIC : own;
}
