/* See jsonread.h. Recursive descent over a bounded depth. */
#include "qemu/jsonread.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

struct reader {
	struct jsonread *doc;
	const char *p, *end;
	unsigned depth;
};

static int value(struct reader *r, const char *key, size_t key_len);

static void space(struct reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
		r->p++;
}

static bool take(struct reader *r, char c)
{
	space(r);
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static int escape(struct reader *r)
{
	if (r->p == r->end)
		return -EINVAL;
	if (*r->p != 'u')
		return strchr("\"\\/bfnrt", *r->p++) && r->p[-1] ? 0 : -EINVAL;
	r->p++;
	for (int i = 0; i < 4; i++)
		if (r->p == r->end || !is_hex(*r->p++))
			return -EINVAL;
	return 0;
}

/* The opening quote is taken already. */
static int string(struct reader *r, const char **ret_text, size_t *ret_len)
{
	const char *start = r->p;

	while (r->p < r->end) {
		unsigned char c = (unsigned char)*r->p++;

		if (c == '"') {
			*ret_text = start;
			*ret_len = (size_t)(r->p - 1 - start);
			return 0;
		}
		if (c < 32 || (c == '\\' && escape(r) < 0))
			return -EINVAL;
	}
	return -EINVAL;
}

static int members(struct reader *r)
{
	if (take(r, '}'))
		return 0;
	do {
		const char *key;
		size_t len;
		int rc;

		if (!take(r, '"') || string(r, &key, &len) < 0 || !take(r, ':'))
			return -EINVAL;
		rc = value(r, key, len);
		if (rc < 0)
			return rc;
	} while (take(r, ','));
	return take(r, '}') ? 0 : -EINVAL;
}

static int elements(struct reader *r)
{
	if (take(r, ']'))
		return 0;
	do {
		int rc = value(r, NULL, 0);

		if (rc < 0)
			return rc;
	} while (take(r, ','));
	return take(r, ']') ? 0 : -EINVAL;
}

static bool digits(struct reader *r)
{
	const char *start = r->p;

	while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
		r->p++;
	return r->p > start;
}

static int number(struct reader *r, struct jsonread_node *node)
{
	node->kind = JR_NUMBER;
	node->text = r->p;
	if (*r->p == '-')
		r->p++;
	if (!digits(r))
		return -EINVAL;
	if (r->p < r->end && *r->p == '.') {
		r->p++;
		if (!digits(r))
			return -EINVAL;
	}
	if (r->p < r->end && (*r->p == 'e' || *r->p == 'E')) {
		r->p++;
		if (r->p < r->end && (*r->p == '+' || *r->p == '-'))
			r->p++;
		if (!digits(r))
			return -EINVAL;
	}
	node->len = (size_t)(r->p - node->text);
	return 0;
}

static int word(struct reader *r, struct jsonread_node *node)
{
	static const struct {
		const char *text;
		enum jsonread_kind kind;
	} words[] = { { "true", JR_TRUE }, { "false", JR_FALSE }, { "null", JR_NULL } };

	for (unsigned i = 0; i < 3; i++) {
		size_t len = strlen(words[i].text);

		if ((size_t)(r->end - r->p) >= len && !memcmp(r->p, words[i].text, len)) {
			node->kind = words[i].kind;
			r->p += len;
			return 0;
		}
	}
	return -EINVAL;
}

static int nested(struct reader *r, struct jsonread_node *node)
{
	bool object = *r->p++ == '{';
	int rc;

	node->kind = object ? JR_OBJECT : JR_ARRAY;
	if (++r->depth > JSONREAD_DEPTH_MAX)
		return -E2BIG;
	rc = object ? members(r) : elements(r);
	r->depth--;
	return rc;
}

static int value(struct reader *r, const char *key, size_t key_len)
{
	struct jsonread_node *node;
	int rc;

	space(r);
	if (r->p == r->end)
		return -EINVAL;
	if (r->doc->n == JSONREAD_NODES_MAX)
		return -E2BIG;
	node = &r->doc->node[r->doc->n++];
	*node = (struct jsonread_node){ .key = key, .key_len = key_len };
	if (*r->p == '{' || *r->p == '[') {
		rc = nested(r, node);
	} else if (*r->p == '"') {
		r->p++;
		node->kind = JR_STRING;
		rc = string(r, &node->text, &node->len);
	} else if (*r->p == '-' || (*r->p >= '0' && *r->p <= '9')) {
		rc = number(r, node);
	} else {
		rc = word(r, node);
	}
	node->end = r->doc->n;
	return rc;
}

int jsonread_parse(struct jsonread *doc, const char *text, size_t len)
{
	struct reader r = { .doc = doc, .p = text, .end = text + len };
	int rc;

	doc->n = 0;
	rc = value(&r, NULL, 0);
	if (rc < 0)
		return rc;
	space(&r);
	return r.p == r.end ? 0 : -EINVAL;
}

const struct jsonread_node *jsonread_get(const struct jsonread *doc, unsigned at, const char *key)
{
	size_t len = strlen(key);

	if (at >= doc->n || doc->node[at].kind != JR_OBJECT)
		return NULL;
	for (unsigned i = at + 1; i < doc->node[at].end; i = doc->node[i].end)
		if (doc->node[i].key_len == len && !memcmp(doc->node[i].key, key, len))
			return &doc->node[i];
	return NULL;
}

unsigned jsonread_index(const struct jsonread *doc, const struct jsonread_node *node)
{
	return (unsigned)(node - doc->node);
}

/* @p is at the character behind the backslash; advances it over the escape. */
static char decode(const char **p)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	const char *hit;
	unsigned code = 0;
	char c = *(*p)++;

	if (c != 'u') {
		hit = strchr(from, c);
		return hit ? to[hit - from] : c;
	}
	for (int i = 0; i < 4; i++) {
		char h = *(*p)++;

		code = code * 16 + (unsigned)(h <= '9' ? h - '0' : (h | 32) - 'a' + 10);
	}
	return code && code < 128 ? (char)code : '?';
}

int jsonread_string(const struct jsonread_node *node, char *out, size_t size)
{
	const char *p, *end;
	size_t n = 0;

	if (!node || node->kind != JR_STRING || !size)
		return -EINVAL;
	p = node->text;
	end = p + node->len;
	out[0] = '\0';
	while (p < end) {
		char c = *p++;

		if (n + 1 == size || n == INT_MAX)
			return -ENOSPC;
		out[n++] = c == '\\' ? decode(&p) : c;
		out[n] = '\0';
	}
	return (int)n;
}
