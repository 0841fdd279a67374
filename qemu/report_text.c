/* See report_text.h. */
#include "qemu/report_text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <time.h>

void report_hex(const uint8_t *bytes, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++)
		buf_addf(out, "%02x", bytes[i]);
}

void report_time(int64_t seconds, struct buf *out)
{
	time_t t = (time_t)seconds;
	char text[64];
	struct tm tm;

	if (gmtime_r(&t, &tm) && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		buf_adds(out, text);
}

void report_duration(uint64_t ms, struct buf *out)
{
	uint64_t s = (ms + 500) / 1000, tenths = (ms + 50) / 100;

	if (ms < 99950)
		buf_addf(out, "%" PRIu64 ".%" PRIu64 " s", tenths / 10, tenths % 10);
	else if (s < 600)
		buf_addf(out, "%" PRIu64 " s", s);
	else if (s < 3600)
		buf_addf(out, "%" PRIu64 " min %" PRIu64 " s", s / 60, s % 60);
	else
		buf_addf(out, "%" PRIu64 " h %" PRIu64 " min", s / 3600, s % 3600 / 60);
}

/* The boot came up: what became of it afterwards. */
static void came_up(const struct timeline_boot *b, bool last, struct buf *out)
{
	buf_adds(out, b->confirmed ? "confirmed healthy" : "came up, was not confirmed");
	if (b->end == TIMELINE_RESET)
		buf_adds(out, "; reset later");
	else if (b->end == TIMELINE_OFF)
		buf_adds(out, "; switched off later");
	else if (b->end == TIMELINE_CUT && !last)
		buf_adds(out, "; its power was cut later");
}

void report_boot_words(const struct timeline *t, unsigned idx, struct buf *out)
{
	const struct timeline_boot *b = &t->boot[idx];
	enum timeline_phase phase = timeline_reached(b);
	bool last = idx + 1 == t->n;

	if (phase == PHASE_COUNT)
		came_up(b, last, out);
	else if (b->end == TIMELINE_RESET)
		buf_addf(out, "reset during %s", timeline_phase_name(phase));
	else if (b->end == TIMELINE_OFF)
		buf_addf(out, "switched off during %s", timeline_phase_name(phase));
	else if (b->end == TIMELINE_CUT && !last)
		buf_addf(out, "its power was cut during %s", timeline_phase_name(phase));
	else
		buf_addf(out, "still in %s when the test ended", timeline_phase_name(phase));
}

void report_start_words(const struct bs_boot *start, struct buf *out)
{
	buf_addf(out, "%c %s: %s", start->slot ? 'b' : 'a', start->version,
		 bs_stage_name(start->stage));
	if (start->reason != BS_REASON_NONE)
		buf_addf(out, ", %s", bs_reason_name(start->reason));
	if (start->end != BS_END_UNKNOWN)
		buf_addf(out, ", %s", bs_end_name(start->end));
}
