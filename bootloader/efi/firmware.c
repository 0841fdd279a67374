#include "bootloader/efi/firmware.h"

#include <stdarg.h>
#include <stdbool.h>

#include "lib/core/bytes.h"

#define CALIBRATE_US 1000u
#define HANDLES_FIRST_BYTES 8192u
#define HANDLES_ATTEMPTS 4u /* the set may grow between two calls */
#define NEWLINE_CHARS 2u
#define SAY_AGAIN_MAX 8u /* lines in one boot */

EFI_SYSTEM_TABLE *fw;

static uint64_t ticks_per_ms; /* 0: no clock */

static uint64_t ticks_now(void)
{
#if defined(__x86_64__)
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
#else
	uint64_t now;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(now));
	return now;
#endif
}

static uint64_t ticks_measure(void)
{
#if defined(__x86_64__)
	uint64_t start = ticks_now();

	if (EFI_ERROR(fw->boot->stall(CALIBRATE_US)))
		return 0;
	return (ticks_now() - start) * 1000 / CALIBRATE_US;
#else
	uint64_t hz;

	__asm__ volatile("mrs %0, cntfrq_el0" : "=r"(hz));
	return hz / 1000;
#endif
}

void fw_init(EFI_SYSTEM_TABLE *table)
{
	fw = table;
	ticks_per_ms = ticks_measure();
}

uint64_t fw_now_us(void)
{
	uint64_t now = ticks_now();

	if (!ticks_per_ms)
		return 0;
	return now / ticks_per_ms * 1000 + now % ticks_per_ms * 1000 / ticks_per_ms;
}

void fw_pause_ms(uint64_t ms)
{
	fw->boot->stall((size_t)ms * 1000);
}

void *fw_alloc(uint64_t len)
{
	uint64_t address = 0;
	size_t pages = (size_t)(len / EFI_PAGE_BYTES + (len % EFI_PAGE_BYTES != 0));

	if (!pages || EFI_ERROR(fw->boot->allocate_pages(EFI_ALLOCATE_ANY_PAGES, EFI_LOADER_DATA,
							 pages, &address)))
		return NULL;
	return (void *)(uintptr_t)address;
}

void fw_free(void *p, uint64_t len)
{
	size_t pages = (size_t)(len / EFI_PAGE_BYTES + (len % EFI_PAGE_BYTES != 0));

	if (p)
		fw->boot->free_pages((uint64_t)(uintptr_t)p, pages);
}

struct fw_handles fw_handles_find(const EFI_GUID *protocol)
{
	struct fw_handles h = { .bytes = HANDLES_FIRST_BYTES };

	for (unsigned int i = 0; i < HANDLES_ATTEMPTS; i++) {
		size_t size = h.bytes;
		EFI_STATUS status;

		h.handle = fw_alloc(h.bytes);
		if (!h.handle)
			return (struct fw_handles){ 0 };
		status = fw->boot->locate_handle(EFI_LOCATE_BY_PROTOCOL, protocol, NULL, &size,
						 h.handle);
		if (!EFI_ERROR(status)) {
			h.n = size / sizeof(EFI_HANDLE);
			return h;
		}
		fw_free(h.handle, h.bytes);
		if (status != EFI_BUFFER_TOO_SMALL)
			break;
		h.bytes = size;
	}
	return (struct fw_handles){ 0 };
}

void fw_handles_free(struct fw_handles *h)
{
	fw_free(h->handle, h->bytes);
	*h = (struct fw_handles){ 0 };
}

void *fw_protocol(EFI_HANDLE handle, const EFI_GUID *protocol)
{
	void *interface = NULL;

	return EFI_ERROR(fw->boot->handle_protocol(handle, protocol, &interface)) ? NULL :
										    interface;
}

void fw_set_variable(const EFI_GUID *vendor, const CHAR16 *name, const void *value, size_t len)
{
	const uint32_t attributes = EFI_VARIABLE_BOOTSERVICE_ACCESS | EFI_VARIABLE_RUNTIME_ACCESS;

	if (len && !EFI_ERROR(fw->runtime->set_variable(name, vendor, attributes, len, value)))
		return;
	/* Without attributes a variable of any kind is deleted. */
	fw->runtime->set_variable(name, vendor, 0, 0, NULL);
	if (len)
		fw->runtime->set_variable(name, vendor, attributes, len, value);
}

_Noreturn void fw_reset(void)
{
	for (;;) {
		fw->runtime->reset_system(EFI_RESET_COLD, EFI_SUCCESS, 0, NULL);
		fw_pause_ms(1000);
		fw->runtime->reset_system(EFI_RESET_WARM, EFI_SUCCESS, 0, NULL);
		fw_pause_ms(1000);
	}
}

void fw_watchdog(uint64_t seconds)
{
	fw->boot->set_watchdog_timer((size_t)seconds, 0x6b696c6e, 0, NULL);
}

/* A bounded string under construction; `size` counts the NUL. */
struct text {
	char *out;
	size_t size, len;
};

static void text_add(struct text *t, const char *s)
{
	for (; *s && t->len + 1 < t->size; s++)
		t->out[t->len++] = *s >= ' ' && *s <= '~' ? *s : '?';
}

static void text_add_hex(struct text *t, uint64_t v)
{
	char digits[17];
	size_t n = 0;

	for (int shift = 60; shift >= 0; shift -= 4)
		if (n || v >> shift || !shift)
			digits[n++] = "0123456789abcdef"[v >> shift & 15];
	digits[n] = 0;
	text_add(t, digits);
}

static void text_vformat(struct text *t, const char *fmt, va_list ap)
{
	char number[21];

	for (; *fmt; fmt++) {
		char one[2] = { *fmt, 0 };

		if (*fmt != '%' || !fmt[1]) {
			text_add(t, one);
			continue;
		}
		switch (*++fmt) {
		case 's':
			text_add(t, va_arg(ap, const char *));
			break;
		case 'u':
			u64_format(va_arg(ap, uint64_t), number);
			text_add(t, number);
			break;
		case 'x':
			text_add_hex(t, va_arg(ap, uint64_t));
			break;
		default:
			text_add(t, "%");
			break;
		}
	}
	t->out[t->len] = 0;
}

void text_format(char *out, size_t size, const char *fmt, ...)
{
	struct text t = { .out = out, .size = size };
	va_list ap;

	va_start(ap, fmt);
	text_vformat(&t, fmt, ap);
	va_end(ap);
}

/*
 * A serial port that is busy for a moment costs the rest of a line: then it is said again on a
 * line of its own. Not for ever, as each time may take the firmware's second for a character.
 */
static void print(const CHAR16 *fresh_line)
{
	static unsigned int left = SAY_AGAIN_MAX;
	EFI_STATUS status = fw->con_out->output_string(fw->con_out, fresh_line + NEWLINE_CHARS);

	for (; EFI_ERROR(status) && left; left--)
		status = fw->con_out->output_string(fw->con_out, fresh_line);
}

void say(const char *fmt, ...)
{
	char line[SAY_MAX];
	CHAR16 wide[SAY_MAX + 2 * NEWLINE_CHARS] = { '\r', '\n' };
	struct text t = { .out = line, .size = sizeof(line) };
	va_list ap;
	size_t n = 0;

	text_add(&t, "kiln: ");
	va_start(ap, fmt);
	text_vformat(&t, fmt, ap);
	va_end(ap);
	for (; line[n]; n++)
		wide[NEWLINE_CHARS + n] = (CHAR16)line[n];
	n += NEWLINE_CHARS;
	wide[n++] = '\r';
	wide[n++] = '\n';
	wide[n] = 0;
	if (fw->con_out)
		print(wide);
}

const char *fw_status_text(EFI_STATUS status)
{
	static const char *const words[] = {
		[1] = "load error",
		[2] = "invalid parameter",
		[3] = "unsupported",
		[4] = "bad buffer size",
		[7] = "device error",
		[8] = "write protected",
		[9] = "out of resources",
		[12] = "no media",
		[13] = "media changed",
		[14] = "not found",
		[15] = "access denied",
		[18] = "time-out",
		[20] = "already started",
		[21] = "aborted",
		[26] = "security violation",
		[27] = "CRC error",
	};
	uint64_t n = status & ~EFI_ERROR_BIT;

	if (!status)
		return "success";
	return n < sizeof(words) / sizeof(words[0]) && words[n] ? words[n] : "unknown error";
}
