/* See version.h. The steps are those of the UAPI.10 text, in its order. */
#include "lib/core/version.h"

#include "lib/core/bytes.h"
#include "lib/core/platform.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_mark(char c)
{
	return c == '~' || c == '-' || c == '^' || c == '.';
}

static const char *skip_separators(const char *s)
{
	while (*s && !is_digit(*s) && !is_letter(*s) && !is_mark(*s))
		s++;
	return s;
}

static size_t run_len(const char *s, bool (*of_kind)(char))
{
	size_t n = 0;

	while (of_kind(s[n]))
		n++;
	return n;
}

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

/*
 * A side with mark @c is older than one without; when both have it, both step
 * over it and are equal so far.
 */
static int compare_mark(const char **a, const char **b, char c)
{
	if (**a != c && **b != c)
		return 0;
	if (**a != c || **b != c)
		return **a == c ? -1 : 1;
	++*a;
	++*b;
	return 0;
}

/*
 * Digit runs as numbers of any length: longer without its zeros is larger. Any
 * number, even 0, is newer than none.
 */
static int compare_numbers(const char **a, const char **b)
{
	size_t a_len, b_len;
	int r;

	if (is_digit(**a) != is_digit(**b))
		return is_digit(**a) ? 1 : -1;
	while (**a == '0')
		++*a;
	while (**b == '0')
		++*b;
	a_len = run_len(*a, is_digit);
	b_len = run_len(*b, is_digit);
	if (a_len != b_len)
		return a_len < b_len ? -1 : 1;
	r = memcmp(*a, *b, a_len);
	*a += a_len;
	*b += b_len;
	return sign(r);
}

static int compare_letters(const char **a, const char **b)
{
	size_t a_len = run_len(*a, is_letter), b_len = run_len(*b, is_letter);
	int r = sign(memcmp(*a, *b, a_len < b_len ? a_len : b_len));

	if (!r && a_len != b_len)
		r = a_len < b_len ? -1 : 1;
	*a += a_len;
	*b += b_len;
	return r;
}

int version_compare(const char *a, const char *b)
{
	for (;;) {
		int r;

		a = skip_separators(a);
		b = skip_separators(b);

		/*
		 * A tilde is older than anything, even than the end of the text, but
		 * after a tilde on both sides more text is newer than its end.
		 */
		r = compare_mark(&a, &b, '~');
		if (r)
			return r;
		if (!*a || !*b)
			return !*a ? (*b ? -1 : 0) : 1;
		r = compare_mark(&a, &b, '-');
		if (!r)
			r = compare_mark(&a, &b, '^');
		if (!r)
			r = compare_mark(&a, &b, '.');
		if (!r)
			r = is_digit(*a) || is_digit(*b) ? compare_numbers(&a, &b) :
							   compare_letters(&a, &b);
		if (r)
			return r;
	}
}

bool version_valid(const char *text, bool allow_underscore)
{
	size_t n = 0;

	for (; text[n]; n++) {
		char c = text[n];

		if (n == VERSION_TEXT_SIZE - 1)
			return false;
		if (!is_digit(c) && !is_letter(c) && !is_mark(c) && c != '+' &&
		    !(c == '_' && allow_underscore))
			return false;
	}
	return n && text[0] != '.';
}

bool version_field_valid(const char *field, size_t size)
{
	size_t len = 0;

	while (len < size && field[len])
		len++;
	return len < size && bytes_are_zero(field + len, size - len) && version_valid(field, true);
}

bool version_field_valid_or_blank(const char *field, size_t size)
{
	return bytes_are_zero(field, size) || version_field_valid(field, size);
}
