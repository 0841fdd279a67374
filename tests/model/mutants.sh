#!/bin/bash
# Mutants of the boot state: each line breaks one rule on purpose, and the unit
# tests or the model must go red for it. A model is believed only while its
# mutants die.
#
#	tests/model/mutants.sh [WORKDIR]	(ALL=1: the model for every mutant)
#
# Prints one line per mutant and fails if one survives or no longer applies.
set -u
cd "$(dirname "$0")/../.." || exit 1
work=${1:-$(mktemp -d)}
mkdir -p "$work"
flags="-std=gnu17 -D_GNU_SOURCE -O2 -w"
core_rest=$(ls lib/core/*.c | grep -v -e bootstate -e sha256)
. tests/mutants.sh

# file | what is broken | sed expression
mutants() {
	cat <<'LIST'
bootstate.c|a start uses up no try|s/^\t\ts->tries_left--;/\t\t;/
bootstate.c|good slots are not counted|s/^\t\ts->unconfirmed++;/\t\tif (!s->good) s->unconfirmed++;/
bootstate.c|the one-shot is not cleared by a start|/^\tbs->oneshot = BS_SLOT_NONE;$/{N;s/.*\n\(\tbs->current = .*\)/\1/}
bootstate.c|an uncounted start may be a trial|s/^\treturn bs->rebuilt && none_good && startable/\treturn startable/
bootstate.c|a slot below the floor may start|s/ && s->image.epoch >= bs->floor;/;/
bootstate.c|confirm counts for any slot|s/^\tif (!is_current(bs, slot))$/\tif (slot >= BS_SLOTS)/
bootstate.c|the only good slot may be overwritten|s/^\tif (gives_up_too_much(bs, slot, running))/\tif (0)/
bootstate.c|installing from an unconfirmed boot|s/ \&\& bs->current == running && bs_boot_confirmed(bs));/);/
bootstate.c|the running slot may be overwritten|s/^\tif (slot == running)/\tif (0)/
bootstate.c|a good slot turns bad|s/^\tif (s->good) {$/\tif (0) {/; s/s->status != BS_READY || s->good || /s->status != BS_READY || /
bootstate.c|a trial is given up for no good one|s/ || !bs_slot_good(bs, other_slot(slot)))/)/
bootstate.c|a commit makes good|/^\tslot_ready(&bs->slot\[slot\], image, tries);/s/$/ bs->slot[slot].good = true;/
bootstate.c|begin does not mark the slot as writing|s/status = BS_WRITING;/status = BS_READY;/
bootstate.c|a refused image is installed again|s/if (!allow_refused && bs_is_refused/if (0 \&\& bs_is_refused/
bootstate.c|a failed trial is not refused|s/^\tif (bytes_are_zero(image->root_hash, 32) || !reason/\tif (1 || !reason/
bootstate.c|confirm does not reset the count|/s->tries_left = 0;/{N;s/\n\ts->unconfirmed = 0;//}
bootstate.c|exhausted good slots never boot|s/return bs->slot\[slot\].good ? RANK_GOOD : RANK_READY;/return RANK_NEVER;/
bootstate.c|exhausted slots do not take turns|s/^\t\treturn bs->current == b;/\t\treturn a > b;/
bootstate.c|the floor falls at a confirm|s/^\tif (s->image.epoch > bs->floor)/\tif (1)/
bootstate.c|a rollback to what was never confirmed|s/status != BS_READY || !bs->slot\[slot\].good)/status != BS_READY)/
bootstate.c|relapses are not counted|s/^\t\ts->relapses++;/\t\t;/
bootstate.c|relapses do not matter|s/ && s->relapses < bs_relapses_max(s)//
bootstate.c|a confirm forgives relapses|s/^\tbs->rebuilt = false;/& s->relapses = 0;/
bootstate.c|a shutdown forgives no relapses|s/^\t\tbs->slot\[slot\].relapses = 0;/\t\t;/
bootstate.c|an unconfirmed boot settles|s/ != BS_STAGE_CONFIRMED && end == BS_END_SETTLED/ == BS_STAGE_COUNT/
bootstate.c|a shut down boot is a relapse|s/last->end == BS_END_UNKNOWN ? BS_REASON_RELAPSE : BS_REASON_NONE/BS_REASON_RELAPSE/
bootstate.c|a retry keeps the refusal|s/^\tbs_forgive(bs, s->image.root_hash);/\t;/
bootstate.c|a retry of the running slot|s/^\tif (slot == bs->current)$/\tif (0)/
bootstate.c|a retry of a good slot|s/s->status == BS_READY && !s->good && !s->tries_left/s->status == BS_READY \&\& !s->tries_left/
bootstate.c|a retry makes good|s/^\ts->good = false;$/\ts->good = true;/
bootstate.c|a retry goes below the floor|s/^\tif (s->image.epoch < bs->floor)$/\tif (0)/
bootstate.c|an explained boot is explained again|s/ || !left_no_word(bs->ring\[i\].reason))/)/
bootstate.c|damage found later leaves the image refused|s/^\tif (bs_is_refused(bs, image->root_hash, NULL) && !reason/\tif (0 \&\& !reason/
bootstate_selector.c|a start of a newer selector uses up no try|s/^\t\ts->tries_left--;/\t\t;/
bootstate_selector.c|starts of good selectors are not counted|s/^\t\ts->unconfirmed++;/\t\t;/
bootstate_selector.c|a selector without tries is started|s/^\t\treturn s->tries_left > 0;/\t\treturn true;/
bootstate_selector.c|good selectors are started for ever|s/ \&\& s->unconfirmed < BS_SELECTOR_UNCONFIRMED_MAX;/;/
bootstate_selector.c|bad selectors are started|s/return s->status == BS_SELECTOR_GOOD \&\& /return s->status >= BS_SELECTOR_GOOD \&\& /
bootstate_selector.c|a selector that failed in this boot is started again|s/failed_mask \& 1u << area || //
bootstate_selector.c|the start of a selector is not remembered|s/^\tbs->selectors.through = (uint8_t)area;/\t;/
bootstate_selector.c|a failed selector is confirmed by the boot without it|/^\tend_trial_without_tries(s);$/{n;s/^\tbs->selectors.through = BS_SELECTOR_NONE;/\t;/}
bootstate_selector.c|the boot before is still the selector's|s/^\tsel->through = BS_SELECTOR_NONE;/\t;/
bootstate_selector.c|a selector that came back is tried again|s/^\t\ts->status = BS_SELECTOR_BAD;$/\t\t;/
bootstate_selector.c|a selector that cannot be read is bad|s/^\tif (reason != BS_SELECTOR_READ && reason != BS_SELECTOR_MEMORY)/\tif (1)/
bootstate_selector.c|a confirm makes every selector good|s/^\t\tif (i == through && s->status/\t\tif (s->status/
bootstate_selector.c|a selector that counted no slot becomes good|s/sel->stage >= BS_STAGE_SELECTED ? sel->through : BS_SELECTOR_NONE;/sel->through;/
bootstate_selector.c|early init speaks for a selector that counted no slot|s/^\tif (stage == BS_STAGE_SELECTED || sel->stage >= BS_STAGE_SELECTED)/\tif (1)/
bootstate_selector.c|a selector that was left is never tried again|s/^\t\t\ts->unconfirmed = BS_SELECTOR_UNCONFIRMED_MAX - 1;/\t\t\t;/
bootstate_selector.c|an install takes the good selector|s/^\tif (worth(&sel->area\[target\]) > worth(&sel->area\[sel->first\]))/\tif (1)/
bootstate_selector.c|an install takes the second good selector for nothing|s/^\tif (worth(&sel->area\[target\]) > worth(&sel->area\[sel->first\]))/\tif (0)/
bootstate_selector.c|an area keeps its selector while it is written|s/^\tmemset(&sel->area\[target\], 0, sizeof(sel->area\[target\]));/\t;/
bootstate_selector.c|what replaces the running selector inherits its boot|s/^\tif (sel->through == target) {/\tif (0) {/
bootstate_selector.c|a refused selector is installed again|s/^\t\tif (!allow_refused && is_refused/\t\tif (0 \&\& is_refused/
bootstate_selector.c|an installed selector is good at once|s/\.status = BS_SELECTOR_TRIAL, \.tries_left/.status = BS_SELECTOR_GOOD, .tries_left/
bootstate_selector.c|the older selector is preferred|s/^\tbs->selectors.first = (uint8_t)area;/\t;/
bootstate_selector.c|a retry of the selector that runs|s/^\tif (bs->selectors.through == area)$/\tif (0)/
bootstate_selector.c|a retry of a selector that did not fail|s/BS_SELECTOR_EMPTY || startable(s))$/BS_SELECTOR_EMPTY)/
bootstate_selector.c|a retry of no selector|s/^\tif (s->status == BS_SELECTOR_EMPTY || startable(s))$/\tif (startable(s))/
bootstate_selector.c|a retry makes the selector good|/^\tif (s->status != BS_SELECTOR_GOOD) {$/{n;s/TRIAL/GOOD/}
bootstate_selector.c|a retry gives no tries|s/^\t\ts->tries_left = BS_SELECTOR_TRIES;/\t\t;/
bootstate_selector.c|a retried selector is not the next|/^\ts->reason = BS_SELECTOR_OK;$/{n;s/^\tbs->selectors.first = .*/\t;/}
bootstate_selector.c|a retry takes what was confirmed for a trial|s/^\tif (s->status != BS_SELECTOR_GOOD) {$/\tif (1) {/
bootstate_selector.c|a retry gives a good selector no starts|/^\ts->unconfirmed = 0;$/{N;s/^\ts->unconfirmed = 0;\n\ts->reason/\ts->reason/}
bootstate_format.c|unknown bytes among selectors are ignored|s/^\t       selectors_have_unknown_parts(data + BS_O_SELECTORS);/\t       0;/
bootstate_disk.c|the newest copy is overwritten|s/^\t\tdisk->target = 1 - copy;/\t\tdisk->target = copy;/
bootstate_disk.c|the older copy is loaded|s/!sequence_after(bs.sequence, ret->sequence)/sequence_after(bs.sequence, ret->sequence)/
bootstate_disk.c|nothing is read back|s/return memcmp(disk->check, disk->record, BS_RECORD_BYTES) ? BS_E_READBACK : BS_OK;/return BS_OK;/
bootstate_disk.c|no flush|s/^\t\tr = ops->flush(ops->ctx);/\t\tr = 0;/
bootstate_disk.c|a failed store is not looked at again|s/^\t\tdisk->uncertain = true;/\t\tdisk->uncertain = false;/
bootstate_disk.c|a newer format is overwritten|s/^\tif (disk->newer)/\tif (0)/
bootstate_disk.c|the sequence stands still|s/^\tbs->sequence++;/\t;/
bootstate_format.c|the seal is not checked|s/^\tif (memcmp(data + BS_O_SEAL, seal, SHA256_BYTES))/\tif (0)/
bootstate_format.c|unknown flags are ignored|s/^\tif (has_unknown_parts(data))/\tif (0)/
LIST
}

core=$(ls lib/core/bootstate*.c)
base=$(ls lib/base/{digest,io,buf,err}.c)
unit="bootstate bootstate_end bootstate_disk bootstate_selector"
precompile $core $core_rest lib/core/sha256.c $base \
	$(printf 'tests/unit/core/%s_test.c ' $unit) tests/model/{bootstate,selectors}_test.c

build() { # test source, program, sources that only it needs; $file is the one mutated
	gcc $(objects "$1" $3 $core_rest $base) \
		$(mutated "lib/core/$file" $core) -lcrypto -lcmocka -o "$2"
}

run_one() {
	mutate lib/core "$@" || return 1
	for t in $unit; do
		build tests/unit/core/${t}_test.c "$work/unit" lib/core/sha256.c || return 1
		timeout 60 "$work/unit" >"$work/unit.log" 2>&1 || by=unit
		[ -z "$by" ] || break
	done
	# The model takes seconds: by default only for what the unit tests let pass.
	[ -z "$by" ] || [ -n "${ALL:-}" ] || return 0
	for t in bootstate selectors; do
		build tests/model/${t}_test.c "$work/model" "" || return 1
		timeout 300 "$work/model" >"$work/model.log" 2>&1 || by="${by:+$by, }model of $t"
	done
	return 0
}

run_mutants
