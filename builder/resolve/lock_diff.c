/* What changed between two locks, for people. See lock.h. */
#include <stdio.h>
#include <string.h>

#include "builder/resolve/debver.h"
#include "builder/resolve/lock.h"
#include "lib/base/buf.h"

static void describe_change(const struct lock_package *a, const struct lock_package *b,
			    struct buf *out)
{
	int c = debver_compare(a->version, strlen(a->version), b->version, strlen(b->version));

	if (c == 0)
		buf_addf(out, "  ! %-32s %s has other bytes now\n", b->name, b->version);
	else
		buf_addf(out, "  %c %-32s %s -> %s%s\n", c < 0 ? '^' : 'v', b->name, a->version,
			 b->version, c < 0 ? "" : " (older)");
}

size_t lock_diff(const struct lock *old, const struct lock *new, struct buf *out)
{
	size_t i = 0, k = 0, n = 0, n_old = old ? old->n_packages : 0;

	while (i < n_old || k < new->n_packages) {
		const struct lock_package *a = i < n_old ? &old->packages[i] : NULL;
		const struct lock_package *b = k < new->n_packages ? &new->packages[k] : NULL;
		int c = !a ? 1 : !b ? -1 : strcmp(a->name, b->name);

		n++;
		if (c < 0) {
			buf_addf(out, "  - %-32s %s\n", a->name, a->version);
		} else if (c > 0) {
			buf_addf(out, "  + %-32s %s (by %s)\n", b->name, b->version, b->by);
		} else if (strcmp(a->sha256, b->sha256)) {
			describe_change(a, b, out);
		} else {
			n--;
		}
		i += c <= 0;
		k += c >= 0;
	}
	return n;
}
