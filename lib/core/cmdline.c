/* See cmdline.h. The splitting follows lib/cmdline.c:next_arg() of Linux. */
#include "lib/core/cmdline.h"

#include "lib/core/platform.h"

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || (unsigned char)c == 0xa0;
}

static size_t line_len(const char *line, size_t len)
{
	size_t n = 0;

	while (n < len && line[n])
		n++;
	return n;
}

bool cmdline_next(const char **at, const char *end, struct cmdline_token *ret)
{
	const char *s = *at, *equals = NULL, *start;
	bool quoted = false, in_quote = false;

	while (s < end && is_blank(*s))
		s++;
	if (s == end)
		return false;
	if (*s == '"') {
		s++;
		quoted = in_quote = true;
	}
	start = s;
	for (; s < end; s++) {
		if (is_blank(*s) && !in_quote)
			break;
		/* As in the kernel, a token that begins with `=` has no value there. */
		if (!equals && *s == '=' && s != start)
			equals = s;
		if (*s == '"')
			in_quote = !in_quote;
	}
	*at = s;

	/* One closing quote goes, whether it closes the token or the value. */
	if (s > start && s[-1] == '"' &&
	    (quoted || (equals && equals + 1 < s && equals[1] == '"')))
		s--;
	ret->key = start;
	ret->value = NULL;
	ret->value_len = 0;
	if (!equals) {
		ret->key_len = (size_t)(s - start);
		return true;
	}
	ret->key_len = (size_t)(equals - start);
	ret->value = equals + 1;
	if (ret->value < s && *ret->value == '"')
		ret->value++;
	ret->value_len = s > ret->value ? (size_t)(s - ret->value) : 0;
	return true;
}

static bool same_key(const struct cmdline_token *t, const char *key, size_t len)
{
	return t->key_len == len && !memcmp(t->key, key, len);
}

/* How often @key occurs in [@at, @end). */
static unsigned int count_key(const char *at, const char *end, const char *key, size_t len)
{
	struct cmdline_token t;
	unsigned int n = 0;

	while (cmdline_next(&at, end, &t))
		n += same_key(&t, key, len);
	return n;
}

static int check_bytes(const char *line, size_t len)
{
	bool in_quote = false;

	for (size_t i = 0; i < len; i++) {
		if (((unsigned char)line[i] < ' ' && !is_blank(line[i])) || line[i] == 0x7f)
			return CMDLINE_E_BYTE;
		if (line[i] == '"')
			in_quote = !in_quote;
	}
	return in_quote ? CMDLINE_E_QUOTE : CMDLINE_OK;
}

int cmdline_check(const char *line, size_t len, const char *prefix)
{
	size_t prefix_len = strlen(prefix);
	struct cmdline_token t;
	const char *at = line, *end;
	int r;

	len = line_len(line, len);
	if (len > CMDLINE_MAX)
		return CMDLINE_E_LONG;
	r = check_bytes(line, len);
	if (r)
		return r;
	end = line + len;
	while (cmdline_next(&at, end, &t)) {
		if (t.key_len < prefix_len || memcmp(t.key, prefix, prefix_len))
			continue;
		if (count_key(at, end, t.key, t.key_len))
			return CMDLINE_E_TWICE;
	}
	return CMDLINE_OK;
}

int cmdline_get(const char *line, size_t len, const char *key, char *ret_value, size_t size)
{
	size_t key_len = strlen(key);
	struct cmdline_token t, found = { 0 };
	const char *at = line, *end;
	unsigned int n = 0;

	len = line_len(line, len);
	if (len > CMDLINE_MAX)
		return CMDLINE_E_LONG;
	end = line + len;
	while (cmdline_next(&at, end, &t)) {
		if (!same_key(&t, key, key_len))
			continue;
		found = t;
		n++;
	}
	if (!n)
		return CMDLINE_E_MISSING;
	if (n > 1)
		return CMDLINE_E_TWICE;
	if (!found.value)
		return CMDLINE_E_NO_VALUE;
	if (found.value_len >= size)
		return CMDLINE_E_SIZE;
	memcpy(ret_value, found.value, found.value_len);
	ret_value[found.value_len] = '\0';
	return CMDLINE_OK;
}

const char *cmdline_error_text(int error)
{
	switch ((enum cmdline_error)error) {
	case CMDLINE_OK:
		return "no error";
	case CMDLINE_E_MISSING:
		return "the key is missing";
	case CMDLINE_E_TWICE:
		return "the key is given more than once";
	case CMDLINE_E_NO_VALUE:
		return "the key has no value";
	case CMDLINE_E_SIZE:
		return "the value is too long";
	case CMDLINE_E_QUOTE:
		return "a quote is never closed";
	case CMDLINE_E_LONG:
		return "the command line is too long";
	case CMDLINE_E_BYTE:
		return "a control character is in the command line";
	}
	return "unknown error";
}
