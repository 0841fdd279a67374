/* See value.h. */
#include "builder/recipe/value.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/args.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"

#define FIELD(type_, k_, base_) ((type_ *)((char *)(base_) + (k_)->offset))

static int refuse(struct value_reason *why, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static int refuse(struct value_reason *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static size_t digits(const char *text)
{
	return strspn(text, "0123456789");
}

/* Decimal digits only; false for anything else and for what does not fit. */
static bool read_decimal(const char *text, size_t len, uint64_t *ret)
{
	uint64_t n = 0;

	if (!len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(text[i] - '0'), &n))
			return false;
	*ret = n;
	return true;
}

static int read_bool(const struct schema_key *k, const char *text, bool quoted, void *base,
		     struct value_reason *why)
{
	static const char *const yes[] = { "yes", "on", "True", "TRUE", "1", "y" };
	static const char *const no[] = { "no", "off", "False", "FALSE", "0", "n" };
	bool is_true = !strcmp(text, "true");

	if (is_true || !strcmp(text, "false")) {
		if (quoted)
			return refuse(why, "is in quotes; write %s without", text);
		*FIELD(bool, k, base) = is_true;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (!strcmp(text, yes[i]))
			return refuse(why, "is neither true nor false; did you mean 'true'?");
		if (!strcmp(text, no[i]))
			return refuse(why, "is neither true nor false; did you mean 'false'?");
	}
	return refuse(why, "is neither true nor false");
}

static int read_uint(const struct schema_key *k, const char *text, bool quoted, void *base,
		     struct value_reason *why)
{
	size_t len = digits(text);
	uint64_t n;

	(void)quoted;
	if (!len || text[len])
		return refuse(why, "is not a number from %" PRIu64 " to %" PRIu64, k->min, k->max);
	if (len > 1 && text[0] == '0')
		return refuse(why, "begins with 0; numbers here are decimal");
	if (!read_decimal(text, len, &n) || n < k->min || n > k->max)
		return refuse(why, "is not between %" PRIu64 " and %" PRIu64, k->min, k->max);
	*FIELD(uint32_t, k, base) = (uint32_t)n;
	return 0;
}

static int read_mode(const struct schema_key *k, const char *text, bool quoted, void *base,
		     struct value_reason *why)
{
	size_t len = strspn(text, "01234567");

	(void)quoted;
	if (text[len] || len < 3 || len > 5)
		return refuse(why, "is not an octal mode such as 0644");
	if (text[0] != '0')
		return refuse(why, "must begin with 0, to be seen as octal; write 0%s", text);
	if (strtoul(text, NULL, 8) > k->max)
		return refuse(why, "is more than %04" PRIo64, k->max);
	*FIELD(uint32_t, k, base) = (uint32_t)strtoul(text, NULL, 8);
	return 0;
}

/* "1GB", "1g", "1 GiB": what was meant, when it is clear. */
static void suggest_size(const char *text, size_t len, struct value_reason *why)
{
	const char *unit = text + len + strspn(text + len, " ");
	char u = (char)toupper((unsigned char)*unit);

	if (!len || len > 12 || !u || !strchr("KMGT", u) ||
	    (unit[1] && strcasecmp(unit + 1, "b") && strcasecmp(unit + 1, "ib")))
		refuse(why, "is not a size such as 512M or 2G");
	else
		refuse(why, "is not a size; did you mean '%.*s%c'?", (int)len, text, u);
}

void value_size(struct buf *out, uint64_t n_bytes)
{
	static const char units[] = "KMGT";
	int i = -1;

	while (n_bytes && n_bytes % 1024 == 0 && i < 3) {
		n_bytes /= 1024;
		i++;
	}
	buf_addf(out, "%" PRIu64, n_bytes);
	if (i >= 0)
		buf_addc(out, units[i]);
}

static int refuse_bound(struct value_reason *why, const char *how, uint64_t bound_bytes)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	value_size(&b, bound_bytes);
	return refuse(why, "is %s %s", how, buf_ok(&b) ? b.data : "the bound");
}

static int read_size(const struct schema_key *k, const char *text, bool quoted, void *base,
		     struct value_reason *why)
{
	size_t len = digits(text);
	uint64_t n;
	int r = len ? args_size(text, &n) : -EINVAL;

	(void)quoted;
	if (r == -EINVAL) {
		suggest_size(text, len, why);
		return r;
	}
	if (r < 0 || n > k->max)
		return refuse_bound(why, "more than", k->max);
	if (n < k->min)
		return refuse_bound(why, "less than", k->min);
	if (k->align && n % k->align)
		return refuse_bound(why, "not a multiple of", k->align);
	*FIELD(uint64_t, k, base) = n;
	return 0;
}

static int read_duration(const struct schema_key *k, const char *text, bool quoted, void *base,
			 struct value_reason *why)
{
	size_t len = digits(text);
	uint64_t unit = 1, n;

	(void)quoted;
	if (len && !text[len])
		return refuse(why, "has no unit; did you mean '%ss'?", text);
	if (!len || !strchr("smh", text[len]) || text[len + 1])
		return refuse(why, "is not a duration such as 120s or 2m");
	unit = text[len] == 'm' ? 60 : text[len] == 'h' ? 3600 : 1;
	if (!read_decimal(text, len, &n) || __builtin_mul_overflow(n, unit, &n) || n < k->min ||
	    n > k->max)
		return refuse(why, "is not between %" PRIu64 "s and %" PRIu64 "s", k->min, k->max);
	*FIELD(uint32_t, k, base) = (uint32_t)n;
	return 0;
}

int value_read(const struct schema_key *k, const char *text, bool quoted, void *base,
	       struct value_reason *why)
{
	switch (k->type) {
	case SCHEMA_BOOL:
		return read_bool(k, text, quoted, base, why);
	case SCHEMA_UINT:
		return read_uint(k, text, quoted, base, why);
	case SCHEMA_MODE:
		return read_mode(k, text, quoted, base, why);
	case SCHEMA_SIZE:
		return read_size(k, text, quoted, base, why);
	case SCHEMA_DURATION:
		return read_duration(k, text, quoted, base, why);
	default:
		return refuse(why, "is of no scalar type");
	}
}

void value_write(const struct schema_key *k, const void *base, struct buf *out)
{
	const void *field = (const char *)base + k->offset;

	switch (k->type) {
	case SCHEMA_BOOL:
		buf_adds(out, *(const bool *)field ? "true" : "false");
		return;
	case SCHEMA_UINT:
		buf_addf(out, "%" PRIu32, *(const uint32_t *)field);
		return;
	case SCHEMA_MODE:
		buf_addf(out, "\"0%03" PRIo32 "\"", *(const uint32_t *)field);
		return;
	case SCHEMA_SIZE:
		value_size(out, *(const uint64_t *)field);
		return;
	case SCHEMA_DURATION:
		buf_addf(out, "%" PRIu32 "s", *(const uint32_t *)field);
		return;
	default:
		return;
	}
}
