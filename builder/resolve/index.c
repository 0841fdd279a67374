/*
 * See index.h. Names live in an open hash table; everything is allocated in chunks that go
 * at once.
 */
#include "builder/resolve/index.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/args.h"
#include "lib/base/err.h"

#define CHUNK_BYTES (1u << 20)
#define TEXTS_MAX 64
#define SIMILAR_DISTANCE_MAX 3

struct chunk {
	struct chunk *next;
	size_t used;
	char data[];
};

struct index {
	char *arch;
	struct chunk *chunks;
	char *texts[TEXTS_MAX];
	size_t n_texts, n_packages;
	struct name **slots; /* power of two, at most half full */
	size_t n_slots, n_names;
	struct name **order;
};

struct index *index_new(const char *arch)
{
	struct index *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->arch = strdup(arch);
	x->n_slots = 1u << 12;
	x->slots = calloc(x->n_slots, sizeof(*x->slots));
	x->order = calloc(x->n_slots / 2, sizeof(*x->order));
	return x->arch && x->slots && x->order ? x : index_free(x);
}

struct index *index_free(struct index *x)
{
	if (!x)
		return NULL;
	while (x->chunks) {
		struct chunk *next = x->chunks->next;

		free(x->chunks);
		x->chunks = next;
	}
	for (size_t i = 0; i < x->n_texts; i++)
		free(x->texts[i]);
	free(x->slots);
	free(x->order);
	free(x->arch);
	free(x);
	return NULL;
}

/* Zeroed memory that lives as long as the index. */
static void *take(struct index *x, size_t size)
{
	struct chunk *c = x->chunks;

	size = (size + 15) & ~(size_t)15;
	if (!c || c->used + size > CHUNK_BYTES) {
		c = calloc(1, sizeof(*c) + CHUNK_BYTES);
		if (!c)
			return NULL;
		c->next = x->chunks;
		x->chunks = c;
	}
	c->used += size;
	return c->data + c->used - size;
}

static uint32_t hash_of(struct slice s)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (unsigned char)s.p[i]) * 16777619u;
	return h;
}

static struct name **slot_of(const struct index *x, struct slice s, uint32_t hash)
{
	size_t i = hash & (x->n_slots - 1);

	while (x->slots[i] && (x->slots[i]->hash != hash || x->slots[i]->text.len != s.len ||
			       memcmp(x->slots[i]->text.p, s.p, s.len)))
		i = (i + 1) & (x->n_slots - 1);
	return &x->slots[i];
}

static int grow(struct index *x)
{
	struct name **slots = calloc(x->n_slots * 2, sizeof(*slots));
	struct name **order = reallocarray(x->order, x->n_slots, sizeof(*order));

	if (order)
		x->order = order;
	if (!slots || !order) {
		free(slots);
		return -ENOMEM;
	}
	free(x->slots);
	x->slots = slots;
	x->n_slots *= 2;
	for (size_t i = 0; i < x->n_names; i++)
		*slot_of(x, x->order[i]->text, x->order[i]->hash) = x->order[i];
	return 0;
}

static struct name *intern(struct index *x, struct slice text)
{
	uint32_t hash = hash_of(text);
	struct name **slot, *n;

	if (x->n_names + 1 >= x->n_slots / 2 && grow(x) < 0)
		return NULL;
	slot = slot_of(x, text, hash);
	if (*slot)
		return *slot;
	n = take(x, sizeof(*n));
	if (!n)
		return NULL;
	n->text = text;
	n->hash = hash;
	n->providers_end = &n->providers;
	*slot = n;
	x->order[x->n_names++] = n;
	return n;
}

struct name *index_find(const struct index *x, struct slice text)
{
	return *slot_of(x, text, hash_of(text));
}

struct name *index_find_str(const struct index *x, const char *text)
{
	return index_find(x, (struct slice){ text, strlen(text) });
}

int index_each(const struct index *x, int (*fn)(struct name *n, void *arg), void *arg)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < x->n_names; i++)
		r = fn(x->order[i], arg);
	return r;
}

static bool slice_is(struct slice s, const char *text)
{
	return strlen(text) == s.len && !memcmp(s.p, text, s.len);
}

static bool name_ok(struct slice s)
{
	if (!s.len || !isalnum((unsigned char)s.p[0]))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!islower((unsigned char)s.p[i]) && !isdigit((unsigned char)s.p[i]) &&
		    (!s.p[i] || !strchr("+-.", s.p[i])))
			return false;
	return true;
}

/* The fields needed of every package, found in one pass over its lines. */
struct stanza {
	struct slice package, version, arch, provides;
	enum priority priority;
	bool essential, important;
};

static enum priority priority_of(struct slice v)
{
	static const char *const words[] = { "required", "important", "standard", "optional" };

	for (size_t i = 0; i < 4; i++)
		if (slice_is(v, words[i]))
			return (enum priority)i;
	return PRIORITY_EXTRA;
}

static void read_line(struct stanza *s, const char *p, const char *end)
{
	const char *colon = memchr(p, ':', (size_t)(end - p)), *v = colon ? colon + 1 : end;
	size_t key = colon ? (size_t)(colon - p) : 0;
	struct slice value;

	while (v < end && (*v == ' ' || *v == '\t'))
		v++;
	while (end > v && strchr(" \t\r", end[-1]) && end[-1])
		end--;
	value = (struct slice){ v, (size_t)(end - v) };
#define KEY(k) (key == sizeof(k) - 1 && !strncasecmp(p, k, key))
	if (KEY("Package"))
		s->package = value;
	else if (KEY("Version"))
		s->version = value;
	else if (KEY("Architecture"))
		s->arch = value;
	else if (KEY("Provides"))
		s->provides = value;
	else if (KEY("Priority"))
		s->priority = priority_of(value);
	else if (KEY("Essential"))
		s->essential = slice_is(value, "yes");
	else if (KEY("Important") || KEY("Protected"))
		s->important = slice_is(value, "yes");
#undef KEY
}

static int add_provides(struct index *x, struct package *p, struct slice field)
{
	struct depends_reader r = depends_read(field.len ? field : (struct slice){ "", 0 });
	struct dep d;
	int rc;

	while ((rc = depends_next(&r, &d)) > 0) {
		struct name *n = intern(x, d.name);
		struct provider *v = n ? take(x, sizeof(*v)) : NULL;

		if (!v)
			return -ENOMEM;
		v->package = p;
		v->version = d.relation == DEBVER_EQ ? d.version : (struct slice){ NULL, 0 };
		*n->providers_end = v;
		n->providers_end = &v->next;
	}
	return rc;
}

struct adding {
	struct index *x;
	unsigned release;
	enum archive archive;
};

/* 0, -ENOMEM, or -EINVAL for a stanza that is none. */
static int add_package(const struct adding *a, const struct stanza *s, struct slice text)
{
	struct index *x = a->x;
	struct package *p, **tail;

	if (!name_ok(s->package) || !debver_valid(s->version.p, s->version.len))
		return -EINVAL;
	if (!slice_is(s->arch, x->arch) && !slice_is(s->arch, "all"))
		return 0;
	if (++x->n_packages > INDEX_PACKAGES_MAX)
		return -E2BIG;
	p = take(x, sizeof(*p));
	if (!p)
		return -ENOMEM;
	*p = (struct package){ .stanza = text, .version = s->version, .arch = s->arch,
			       .release = a->release, .archive = a->archive,
			       .order = (unsigned)x->n_packages,
			       .priority = s->priority, .essential = s->essential,
			       .important = s->important };
	p->name = intern(x, s->package);
	if (!p->name)
		return -ENOMEM;
	for (tail = &p->name->versions; *tail; tail = &(*tail)->next)
		;
	*tail = p;
	return add_provides(x, p, s->provides);
}

static int bad_stanza(int rc, const char *name, unsigned line, struct err *err)
{
	if (rc == -ENOMEM)
		return err_oom(err);
	return err_set(err, -EBADMSG, "%s:%u: %s", name, line,
		       rc == -E2BIG ? "too many packages or too long a one" :
				      "a package without a proper name, version or Provides");
}

static int add_text(const struct adding *a, const char *text, size_t len, const char *name,
		    struct err *err)
{
	const char *p = text, *end = text + len, *first = text;
	struct stanza s = { .priority = PRIORITY_EXTRA };
	unsigned line = 0, first_line = 1;
	int r;

	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p)), *stop = nl ? nl : end;
		bool last = stop + 1 >= end;

		line++;
		if (stop > p && *p != ' ' && *p != '\t')
			read_line(&s, p, stop);
		if (stop == p || last) {
			struct slice t = { first, (size_t)(stop - first) };

			r = !t.len			      ? 0 :
			    t.len > INDEX_STANZA_MAX_BYTES ? -E2BIG :
							     add_package(a, &s, t);
			if (r < 0)
				return bad_stanza(r, name, first_line, err);
			s = (struct stanza){ .priority = PRIORITY_EXTRA };
			first = stop + 1;
			first_line = line + 1;
		}
		p = stop + 1;
	}
	return 0;
}

int index_add(struct index *x, char *text, size_t len, const char *name, unsigned release,
	      enum archive archive, struct err *err)
{
	struct adding a = { x, release, archive };

	if (x->n_texts == TEXTS_MAX) {
		free(text);
		return err_set(err, -E2BIG, "%s: more than %d indexes", name, TEXTS_MAX);
	}
	x->texts[x->n_texts++] = text;
	return add_text(&a, text, len, name, err);
}

void index_choose_candidates(struct index *x)
{
	for (size_t i = 0; i < x->n_names; i++) {
		struct name *n = x->order[i];

		n->candidate = n->versions;
		n->pinned = false;
		for (struct package *p = n->versions; p; p = p->next)
			if (debver_compare(p->version.p, p->version.len, n->candidate->version.p,
					   n->candidate->version.len) > 0)
				n->candidate = p;
	}
}

bool index_pin(struct index *x, const char *name, const char *version, const char *sha256)
{
	struct name *n = index_find_str(x, name);

	for (struct package *p = n ? n->versions : NULL; p; p = p->next)
		if (slice_is(p->version, version) &&
		    (!sha256 || slice_is(package_index_field(p, "SHA256"), sha256))) {
			n->candidate = p;
			n->pinned = true;
			return true;
		}
	return false;
}

struct slice package_index_field(const struct package *p, const char *field)
{
	const char *s = p->stanza.p, *end = s + p->stanza.len;
	size_t key = strlen(field);

	while (s < end) {
		const char *nl = memchr(s, '\n', (size_t)(end - s)), *stop = nl ? nl : end, *v;

		if ((size_t)(stop - s) > key && s[key] == ':' && !strncasecmp(s, field, key)) {
			for (v = s + key + 1; v < stop && (*v == ' ' || *v == '\t');)
				v++;
			while (nl && stop + 1 < end && (stop[1] == ' ' || stop[1] == '\t')) {
				nl = memchr(stop + 1, '\n', (size_t)(end - stop - 1));
				stop = nl ? nl : end;
			}
			while (stop > v && isspace((unsigned char)stop[-1]))
				stop--;
			return (struct slice){ v, (size_t)(stop - v) };
		}
		s = stop + 1;
	}
	return (struct slice){ "", 0 };
}

bool package_satisfies(const struct package *p, const struct dep *d)
{
	return debver_satisfies(p->version.p, p->version.len, d->relation, d->version.p,
				d->version.len);
}

bool provider_satisfies(const struct provider *v, const struct dep *d)
{
	if (d->relation == DEBVER_ANY)
		return true;
	return v->version.len && debver_satisfies(v->version.p, v->version.len, d->relation,
						  d->version.p, d->version.len);
}

bool index_dep_is_native(const struct index *x, const struct dep *d)
{
	return !d->arch.len || slice_is(d->arch, "any") || slice_is(d->arch, "native") ||
	       slice_is(d->arch, "all") || slice_is(d->arch, x->arch);
}

size_t index_similar(const struct index *x, const char *word, struct slice *ret, size_t max)
{
	size_t n = 0;

	for (unsigned want = 1; want <= SIMILAR_DISTANCE_MAX && n == 0; want++)
		for (size_t i = 0; i < x->n_names && n < max; i++) {
			const struct slice t = x->order[i]->text;
			char copy[64];

			if (!x->order[i]->versions || t.len >= sizeof(copy))
				continue;
			if (t.len + want < strlen(word) || strlen(word) + want < t.len)
				continue;
			memcpy(copy, t.p, t.len);
			copy[t.len] = '\0';
			if (args_distance(copy, word) == want)
				ret[n++] = t;
		}
	return n;
}
