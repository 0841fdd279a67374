/* See scenario_text.h. */
#include "qemu/scenario_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/args.h"
#include "lib/base/err.h"
#include "qemu/clock.h"

#define MISTAKES_MAX 20

int mistake(struct parser *p, unsigned column, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (p->mistakes++ == 0)
		err_set(p->err, -EINVAL, "%s:%u:%u: %s", p->file, p->line, column, text);
	else if (p->mistakes <= MISTAKES_MAX)
		err_append(p->err, "\n%s:%u:%u: %s", p->file, p->line, column, text);
	return -EINVAL;
}

static int quoted(struct parser *p, const char *line, unsigned *i, unsigned len, struct token *t)
{
	unsigned n = 0;

	t->quoted = true;
	for ((*i)++; *i < len && line[*i] != '"'; (*i)++) {
		char c = line[*i];

		if (c == '\\' && *i + 1 < len) {
			c = line[++*i];
			if (c == 'n')
				c = '\n';
			else if (c != '"' && c != '\\')
				return mistake(p, *i + 1, "unknown escape '\\%c' in a text", c);
		}
		if (n + 1 == TOKEN_SIZE)
			return mistake(p, t->column, "the text is longer than %d bytes",
				       TOKEN_SIZE - 1);
		t->text[n++] = c;
	}
	t->text[n] = '\0';
	if (*i == len)
		return mistake(p, t->column, "the text has no closing '\"'");
	(*i)++;
	return 0;
}

static int bare(struct parser *p, const char *line, unsigned *i, unsigned len, struct token *t)
{
	unsigned n = 0;

	t->quoted = false;
	while (*i < len && !strchr(" \t\"#", line[*i])) {
		if (n + 1 == TOKEN_SIZE)
			return mistake(p, t->column, "the word is too long");
		t->text[n++] = line[(*i)++];
	}
	t->text[n] = '\0';
	return 0;
}

int tokenise(struct parser *p, const char *line, unsigned len)
{
	unsigned i = 0;

	p->n = p->at = 0;
	for (;;) {
		struct token *t = &p->token[p->n];
		int r;

		while (i < len && (line[i] == ' ' || line[i] == '\t' || line[i] == '\r'))
			i++;
		if (i == len || line[i] == '#')
			break;
		if (p->n == TOKENS_MAX)
			return mistake(p, i + 1, "too many words");
		t->column = i + 1;
		r = line[i] == '"' ? quoted(p, line, &i, len, t) : bare(p, line, &i, len, t);
		if (r < 0)
			return r;
		p->n++;
	}
	p->line_len = i;
	return 0;
}

const struct token *peek(const struct parser *p)
{
	return p->at < p->n ? &p->token[p->at] : NULL;
}

unsigned column_here(const struct parser *p)
{
	return peek(p) ? peek(p)->column : p->line_len + 1;
}

bool take_word(struct parser *p, const char *word)
{
	const struct token *t = peek(p);

	if (!t || t->quoted || strcmp(t->text, word))
		return false;
	p->at++;
	return true;
}

int take_choice(struct parser *p, const char *const *choices)
{
	char all[512] = "";
	const struct token *t = peek(p);

	for (int i = 0; choices[i]; i++) {
		size_t used = strlen(all);

		if (take_word(p, choices[i]))
			return i;
		snprintf(all + used, sizeof(all) - used, "%s%s", i ? ", " : "", choices[i]);
	}
	return mistake(p, column_here(p), "'%s' is not one of: %s", t ? t->text : "", all);
}

int take_text(struct parser *p, const char *what, char **ret)
{
	const struct token *t = peek(p);

	if (!t || !t->quoted)
		return mistake(p, column_here(p), "%s must stand here, in double quotes", what);
	if (!*t->text)
		return mistake(p, t->column, "%s must not be empty", what);
	free(*ret);
	*ret = strdup(t->text);
	p->at++;
	return *ret ? 0 : err_oom(p->err);
}

int take_number(struct parser *p, const char *what, uint64_t max, uint64_t *ret)
{
	const struct token *t = peek(p);
	uint64_t n = 0;

	if (!t || t->quoted || !*t->text || strspn(t->text, "0123456789") != strlen(t->text))
		return mistake(p, column_here(p), "%s must be a number", what);
	for (const char *d = t->text; *d; d++) {
		n = n * 10 + (uint64_t)(*d - '0');
		if (n > max)
			return mistake(p, t->column, "%s is at most %" PRIu64, what, max);
	}
	*ret = n;
	p->at++;
	return 0;
}

int take_size(struct parser *p, uint64_t *ret)
{
	const struct token *t = peek(p);

	if (!t || args_size(t->text, ret) < 0)
		return mistake(p, column_here(p), "a size such as 512M must stand here");
	p->at++;
	return 0;
}

int take_time(struct parser *p, uint64_t *ret)
{
	const struct token *t = peek(p);

	if (!t)
		return 0;
	if (t->quoted || clock_duration(t->text, ret) < 0)
		return mistake(p, t->column, "'%s' is not a time such as 60s", t->text);
	p->at++;
	return 0;
}
