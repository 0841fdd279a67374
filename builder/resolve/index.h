/*
 * The package indexes of all suites as one table.
 *
 * Texts are added one Packages file at a time and stay in memory; a package is a
 * slice of such a text, its rarely needed fields are looked up when asked for.
 * Then one candidate version per name is chosen, and all later questions are about
 * candidates only.
 */
#ifndef BUILDER_RESOLVE_INDEX_H
#define BUILDER_RESOLVE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "builder/resolve/depends.h"
#include "builder/resolve/mirrors.h"

struct err;

#define INDEX_FILE_MAX_BYTES (512u << 20)
#define INDEX_STANZA_MAX_BYTES (1u << 20)
#define INDEX_PACKAGES_MAX 1000000

/* Priority: in the order apt prefers among providers. */
enum priority { PRIORITY_REQUIRED, PRIORITY_IMPORTANT, PRIORITY_STANDARD, PRIORITY_OPTIONAL,
		PRIORITY_EXTRA };

struct name;

struct package {
	struct slice stanza;
	struct slice version, arch;
	struct name *name;
	struct package *next; /* other versions of the name, in the order they were added */
	unsigned release; /* which release vouched: the caller's number */
	unsigned order; /* how many packages were added before it */
	enum archive archive;
	enum priority priority;
	bool essential, important;
	struct package *by; /* who asked for it; set by reasons_find() */
	const char *root; /* "@base", "@recipe", "@kernel" for what was asked for by name */
};

/* A package that provides a name, perhaps with a version. */
struct provider {
	struct package *package;
	struct slice version; /* empty: none, matches unversioned dependencies only */
	struct provider *next;
};

/* A chosen package that stands against a name. */
struct against {
	struct package *owner;
	struct dep dep;
	struct against *next;
};

struct name {
	struct slice text;
	struct package *versions; /* real packages of this name */
	struct package *candidate; /* the only version considered; NULL for purely virtual names */
	struct provider *providers; /* in the order they were added */
	struct provider **providers_end;
	struct package *chosen; /* the walk's choice, or NULL */
	struct package *needed; /* what every solution contains, known before the walk, or NULL */
	struct against *against;
	uint32_t hash;
	bool pinned; /* candidate was set by index_pin() */
};

struct index;

/* For packages of @arch and "all". NULL when out of memory. */
struct index *index_new(const char *arch);
/* NULL-safe; returns NULL. */
struct index *index_free(struct index *x);

/*
 * Add the Packages text @text, which the index takes over (also on failure). @name is
 * its name for errors. -EBADMSG with "name:line: what" for malformed text.
 */
int index_add(struct index *x, char *text, size_t len, const char *name, unsigned release,
	      enum archive archive, struct err *err);

/* Make the highest version of every name its candidate; of equal ones the first added. */
void index_choose_candidates(struct index *x);

/* Make @version the candidate of @name instead. False when the index has no such version. */
bool index_pin(struct index *x, const char *name, const char *version, const char *sha256);

/* The name, or NULL when no package has or provides it. */
struct name *index_find(const struct index *x, struct slice text);
struct name *index_find_str(const struct index *x, const char *text);

/*
 * Call @fn for every name, in the order first seen, until it returns non-zero, which is
 * returned.
 */
int index_each(const struct index *x, int (*fn)(struct name *n, void *arg), void *arg);

/* The value of @field in the package's stanza; empty when absent. */
struct slice package_index_field(const struct package *p, const char *field);

/* True when the version of candidate @p satisfies @d, which names it. */
bool package_satisfies(const struct package *p, const struct dep *d);
bool provider_satisfies(const struct provider *v, const struct dep *d);

/*
 * True when the dependency is about this machine's architecture at all (":any", ":native",
 * ours).
 */
bool index_dep_is_native(const struct index *x, const struct dep *d);

/* Up to @max names of real packages closest to @word into @ret; returns how many. */
size_t index_similar(const struct index *x, const char *word, struct slice *ret, size_t max);

#endif
