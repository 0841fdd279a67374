/* Boot states on the way through life, for the tests of the rules and of the record. */
#ifndef TESTS_UNIT_CORE_BOOTSTATE_FIXTURE_H
#define TESTS_UNIT_CORE_BOOTSTATE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/core/bootstate.h"

static struct slotdesc image(unsigned int id)
{
	struct slotdesc d = { .uki_bytes = 1000, .epoch = 5, .name = "demo" };

	memset(d.uki_sha256, (int)id, sizeof(d.uki_sha256));
	memset(d.root_hash, 0x40 + (int)id, sizeof(d.root_hash));
	d.version[0] = (char)('A' + id);
	return d;
}

static struct bs fresh(void)
{
	struct slotdesc a = image(1);
	struct bs bs;

	assert_int_equal(bs_init_fresh(&a, 3, &bs), BS_OK);
	return bs;
}

static unsigned int boot(struct bs *bs)
{
	unsigned int slot = 99;

	assert_int_equal(bs_choose(bs, 0, 0, &slot), BS_OK);
	assert_int_equal(bs_count_start(bs, slot), BS_OK);
	return slot;
}

static void install(struct bs *bs, unsigned int slot, unsigned int id)
{
	struct slotdesc d = image(id);

	assert_int_equal(bs_install_begin(bs, slot, 1 - slot, &d, false), BS_OK);
	assert_int_equal(bs_install_commit(bs, slot, &d, 3), BS_OK);
}

/* Slot a good and running, image 2 installed in b, not yet booted. */
static struct bs updated(void)
{
	struct bs bs = fresh();

	assert_int_equal(boot(&bs), 0);
	assert_int_equal(bs_confirm(&bs, 0), BS_OK);
	install(&bs, 1, 2);
	return bs;
}

/* Both slots good, b running and confirmed. */
static __attribute__((unused)) struct bs both_good(void)
{
	struct bs bs = updated();

	assert_int_equal(boot(&bs), 1);
	assert_int_equal(bs_confirm(&bs, 1), BS_OK);
	return bs;
}

#endif
