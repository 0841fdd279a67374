#!/bin/bash
# Mutants of the installer: each line breaks one step on purpose, and the crash tests,
# made smaller, must go red for it. They are believed only while their mutants die.
#
#	tests/crash/install_mutants.sh BUILD [WORKDIR]	(ALL=1: both tests for every mutant)
#
# BUILD holds the libraries. Prints one line per mutant and fails if one survives or no
# longer applies.
set -u
[ $# -ge 1 ] || { echo "usage: $0 BUILD [WORKDIR]" >&2; exit 2; }
cd "$(dirname "$0")/../.." || exit 1
build=$1
work=${2:-$(mktemp -d)}
mkdir -p "$work"
flags="-std=gnu17 -D_GNU_SOURCE -O2 -w -DSAMPLES=12u -DAGAIN=2u -DSAMPLES_AGAIN=2u"
. tests/mutants.sh

# file | what is broken | sed expression
mutants() {
	cat <<'LIST'
install.c|the boot state does not say `writing`|s/^\tr = change_state(in, rule_begin, err);/\tr = 0;/
install.c|the descriptor is not zeroed|s/^\tint r = clear_descriptor(in, w, err);/\tint r = 0;/
install.c|the zeroed descriptor is not flushed|/^static int clear_descriptor/,/^}/s/r = blk_flush(boot);/r = 0;/
verify_parts.c|the parts are not flushed before they are read back|s/^\tint r = blk_flush(v->in->target->part\[v->part\]);/\tint r = v->part == BUNDLE_VERITY ? blk_flush(v->in->target->part[BUNDLE_VERITY]) : 0;/
verify_parts.c|nothing is read back|s/^\tif (v->at < end)/\tif (part == BUNDLE_VERITY)/
install.c|the descriptor comes before the parts|s/^\t\tr = write_and_verify(in, w, err);/\t\tr = write_descriptor(in, w, err) ?: write_and_verify(in, w, err);/
install.c|the descriptor is not flushed|/^static int write_descriptor/,/^}/s/r = blk_flush(boot);/r = 0;/
install.c|the descriptor is not read back|s/^\treturn memcmp(block, again, sizeof(block)) ?/\treturn 0 ?/
install.c|the commit comes before the writing|s/^\t\tr = write_slot(in, &w, err);/\t\tr = change_state(in, rule_commit, err) ?: write_slot(in, \&w, err);/
install.c|the commit is not stored|s/^\t\tr = bs_store(&c->disk, &c->bs);/\t\tr = rule == rule_commit ? 0 : bs_store(\&c->disk, \&c->bs);/
verify_parts.c|the parts' hashes are not compared|s/^\treturn memcmp(sha256, m->part\[v->part\].sha256, sizeof(sha256)) ? differs(v) : 0;/\treturn 0;/
verify_parts.c|the hash tree is not flushed|s/^\tint r = blk_flush(v->in->target->part\[v->part\]);/\tint r = v->part == BUNDLE_VERITY ? 0 : blk_flush(v->in->target->part[v->part]);/
verify_parts.c|the hash tree is not read back|s/^\tr = verify_upto(v, BUNDLE_VERITY, .*$/\tr = blk_flush(v->in->target->part[BUNDLE_VERITY]);/
verify_parts.c|what came of the reading is not asked|s/^\treturn r ? err_set(err, r, "%s", v->err.text) : 0;/\treturn 0;/
write_parts.c|a chunk's hash is not compared|s/^\t\tif (memcmp(hash\[k\], chunk_of(p, i + k)->hash, BUNDLE_HASH_BYTES))/\t\tif (0)/
write_parts.c|copies come from where nothing was written yet|s/^\t\tr = blk == p->writer->blk ?/\t\tr = 0 ?/
write_parts.c|what is not written yet is read back|s/^\tr = writer_wait(w);/\tr = 0;/
write_parts.c|the end of a part is not written|s/^\t\tr = writer_finish(p->writer);/\t\tr = 0;/
write_parts.c|the signature is left out|s/part < BUNDLE_CARRIED; part++)/part < BUNDLE_SIG; part++)/
chunkplan.c|what is there is not hashed|s/^\treturn !memcmp(hash, c->hash, sizeof(hash));/\treturn true;/
writer.c|only the front of a block is compared|s/memcmp(w->was + at, w->now + at, BLOCK)/memcmp(w->was + at, w->now + at, 64)/
writer.c|the window is written before it was read|s/^\t\tmemcpy(w->now + w->put, w->was + w->put, w->len - w->put);/\t\t;/
hashtree.c|a block of hashes is not filled up with zeroes|s/^\tmemset(t->leaves\[n\].*$/\t;/
hashtree.c|the levels above the lowest are left out|s/^\t\t\tpush_up(t, level, i, digest\[0\]);/\t\t\t;/
LIST
}

sources=$(ls install/*.c)
precompile $sources tests/crash/install_{faults,cuts}_test.c

run_one() {
	mutate install "$@" || return 1
	for t in faults cuts; do
		gcc $(objects tests/crash/install_${t}_test.c) \
			$(mutated "install/$1" $sources) \
			"$build"/libverity.a "$build"/libbase.a "$build"/libcore.a \
			-lcrypto -lblkid -lcmocka -o "$work/$t" || return 1
		timeout 120 "$work/$t" >"$work/$t.log" 2>&1 || by="${by:+$by, }$t"
		[ -z "$by" ] || [ -n "${ALL:-}" ] || break
	done
	return 0
}

# Without a mutant they are green: else nothing below means anything.
by=
run_one "" "" "" || exit 1
[ -z "$by" ] || { echo "red without a mutant ($by)"; tail -20 "$work/$by.log"; exit 1; }

run_mutants
