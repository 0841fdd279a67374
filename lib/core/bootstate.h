/*
 * The boot state: which slot to boot, how often it may still be tried, and why
 * the last boots ended as they did. Design section 11.
 *
 * THE PROMISE. At every instant, through a power cut after any byte of any
 * write, some slot stays bootable, and a slot which was confirmed good is never
 * given up for one which was not. All decisions that uphold it are taken in
 * bootstate.c and nowhere else; selector, early init, slotctl, builder and the
 * tests link the same object. Storing lives in bootstate_disk.c and the layout
 * in bootstate_format.c, as unforgiving as the rules.
 *
 * HOW A BOOT GOES
 *	selector:	bs_load(); then until one starts:
 *			bs_choose(), bs_count_start(), bs_store(), read and hash the UKI,
 *			start it; when it cannot start: bs_mark_bad() and choose again.
 *			If bs_store() fails: bs_choose() with BS_CHOOSE_UNCOUNTED instead.
 *			If bs_load() says BS_E_LOST: bs_rebuild() from slot descriptors.
 *			Before all that, unless it was itself started so, a newer
 *			selector may be started: see "newer selectors" below.
 *	early init:	bs_load(), bs_set_stage(), bs_store() as it gets on;
 *			bs_mark_bad() + bs_store() + reboot when a verification fails.
 *	slotctl:	bs_confirm() when healthy; bs_mark_failed() + reboot when not;
 *			bs_end_boot() when it ran long enough, and at an orderly shutdown;
 *			bs_install_begin(), write, bs_install_commit().
 * Every rule changes only the struct in memory; nothing is decided until
 * bs_store() returned 0. A rule that returns an error changed nothing.
 */
#ifndef LIB_CORE_BOOTSTATE_H
#define LIB_CORE_BOOTSTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/core/disk.h"
#include "lib/core/slotdesc.h"

/* ---- where things lie in the boot-state partition (1 MiB), in bytes ---- */
#define BS_PARTITION_BYTES (1024 * 1024)
#define BS_COPIES 2
#define BS_RECORD_BYTES 4096
#define BS_COPY_STRIDE_BYTES (64 * 1024)
#define BS_COPY_OFFSET(copy) ((uint64_t)(copy) * BS_COPY_STRIDE_BYTES)
/* Newer selectors, one in each area: raw bytes that the record describes. */
#define BS_SELECTORS 2
#define BS_SELECTOR_MAX_BYTES (192 * 1024)
#define BS_SELECTOR_OFFSET(area) \
	(BS_COPY_OFFSET(BS_COPIES) + (uint64_t)(area) * BS_SELECTOR_MAX_BYTES)
/* The flight recorder (lib/core/flight.h): what the last failed boots said. */
#define BS_FLIGHT_OFFSET (512 * 1024)
#define BS_FLIGHT_BYTES (256 * 1024)
/*
 * A promise about the state partition that must survive a power cut: a text,
 * NUL-padded. While one stands here, whatever the partition holds is formatted by
 * early init, which then takes the promise back.
 */
#define BS_PROMISE_OFFSET (768 * 1024)
#define BS_PROMISE_BYTES 4096
#define BS_PROMISE_FORMATTING "kiln: formatting the state partition\n" /* early init, begun */
#define BS_PROMISE_RESET "kiln: factory reset asked for\n" /* slotctl */

#define BS_SLOTS 2
#define BS_SLOT_NONE 0xff
#define BS_REFUSED_MAX 8
#define BS_RING_MAX 16
#define BS_TRIES_MAX 15 /* most tries a recipe may ask for */
#define BS_TRIES_DEFAULT 3 /* when a rebuilt state knows no better */
#define BS_LATER_BYTES 248
#define BS_SELECTOR_NONE 0xff
/*
 * Fewer than a slot usually has: when selector and image are both new and the selector is to
 * blame, the image still gets a try without it.
 */
#define BS_SELECTOR_TRIES 2
#define BS_SELECTOR_UNCONFIRMED_MAX 3 /* starts in a row of a good one, none of them confirmed */

/* What a slot holds. Values are on disk: never renumber. */
enum bs_status {
	BS_EMPTY = 0, /* nothing usable */
	BS_WRITING = 1, /* an install has begun; contents undefined */
	BS_READY = 2, /* complete and verified when it was written */
	BS_BAD = 3, /* complete, but it failed and is not tried again */
	BS_STATUS_COUNT
};

/* How far a boot got. Values are on disk: never renumber; later is further. */
enum bs_stage {
	BS_STAGE_NONE = 0,
	BS_STAGE_SELECTED = 1, /* counted, about to be loaded */
	BS_STAGE_LOADED = 2, /* UKI read, hash right, about to start */
	BS_STAGE_KERNEL = 3, /* early init runs */
	BS_STAGE_VERITY = 4, /* root verified and active */
	BS_STAGE_ROOT = 5, /* root and state are mounted, switching */
	BS_STAGE_USERSPACE = 6, /* the system manager runs */
	BS_STAGE_CONFIRMED = 7,
	BS_STAGE_COUNT
};

/* Why a boot failed. Values are on disk: never renumber, only append. */
enum bs_reason {
	BS_REASON_NONE = 0,
	BS_REASON_NO_VERDICT = 1, /* it stopped without a word: reset, hang, power cut, panic */
	BS_REASON_TRIES_EXHAUSTED = 2,
	BS_REASON_NO_PARTITION = 3, /* a partition of the slot is missing or too small */
	BS_REASON_UKI_READ = 4, /* I/O error */
	BS_REASON_UKI_SIZE = 5,
	BS_REASON_UKI_HASH = 6,
	BS_REASON_UKI_REFUSED = 7, /* firmware did not accept it: signature, format */
	BS_REASON_UKI_RETURNED = 8, /* it started and came back */
	BS_REASON_MEMORY = 9,
	BS_REASON_BELOW_FLOOR = 10, /* older than the rollback floor */
	BS_REASON_CMDLINE = 11, /* verity parameters missing or wrong */
	BS_REASON_MODULES = 12, /* a kernel module did not load */
	BS_REASON_NO_DEVICE = 13, /* the disk did not appear */
	BS_REASON_SIGNATURE = 14, /* root hash signature missing or wrong */
	BS_REASON_VERITY = 15, /* device-mapper refused, or a block was corrupt */
	BS_REASON_ROOT_MOUNT = 16,
	BS_REASON_STATE = 17, /* the state partition: mkfs, fsck, mount */
	BS_REASON_SWITCH_ROOT = 18,
	BS_REASON_HEALTH = 19, /* a health check failed */
	BS_REASON_HEALTH_TIMEOUT = 20,
	BS_REASON_OPERATOR = 21, /* somebody said so: rollback */
	BS_REASON_OTHER = 22,
	BS_REASON_PANIC = 23, /* the kernel panicked and its last words were found */
	BS_REASON_WATCHDOG = 24, /* the hardware watchdog says it caused the reset */
	BS_REASON_RELAPSE = 25, /* confirmed, then stopped without a word before it settled */
	BS_REASON_SHUT_DOWN = 26, /* shut down in order before it was confirmed */
	BS_REASON_COUNT
};

/* How a boot ended, as far as it could still say so. Values are on disk: never renumber. */
enum bs_end {
	BS_END_UNKNOWN = 0, /* running, or it stopped without a word */
	BS_END_SETTLED = 1, /* it ran long enough to count as a success, however it ended then */
	BS_END_SHUT_DOWN = 2, /* in order: reboot or power off */
	BS_END_COUNT
};

/* What an area for a newer selector holds. Values are on disk: never renumber. */
enum bs_selector_status {
	BS_SELECTOR_EMPTY = 0, /* nothing usable; an install may be under way */
	BS_SELECTOR_TRIAL = 1, /* complete, and no boot through it was confirmed yet */
	BS_SELECTOR_GOOD = 2, /* a boot through it was confirmed */
	BS_SELECTOR_BAD = 3, /* it failed and is not tried again */
	BS_SELECTOR_STATUS_COUNT
};

/* Why a newer selector failed. Values are on disk: never renumber, only append. */
enum bs_selector_reason {
	BS_SELECTOR_OK = 0,
	BS_SELECTOR_NO_VERDICT = 1, /* no kernel came of it: it hung, or reset the machine */
	BS_SELECTOR_NOT_CONFIRMED = 2, /* it started kernels, and no boot was confirmed */
	BS_SELECTOR_READ = 3, /* I/O error */
	BS_SELECTOR_HASH = 4,
	BS_SELECTOR_MEMORY = 5,
	BS_SELECTOR_REFUSED = 6, /* by the firmware: signature, format */
	BS_SELECTOR_RETURNED = 7, /* it started and came back */
	BS_SELECTOR_OTHER = 8,
	BS_SELECTOR_REASON_COUNT
};

/* Positive results of this module. */
enum bs_error {
	BS_OK = 0,
	BS_E_LOST, /* no valid copy: rebuild */
	BS_E_NEWER, /* a newer kiln wrote this: boot, but never write */
	BS_E_READBACK, /* what was read back is not what was written */
	BS_E_MAGIC, /* decode: no record here */
	BS_E_SEAL, /* decode: checksum wrong */
	BS_E_FIELD, /* decode: sealed, but a field makes no sense */
	BS_E_NO_SLOT, /* nothing can be started */
	BS_E_SLOT, /* no such slot, or not the running one */
	BS_E_STATUS, /* the slot's status does not allow that */
	BS_E_RUNNING, /* the running slot is never written */
	BS_E_ONLY_GOOD, /* that would give up what can boot for what has not proved itself */
	BS_E_REFUSED, /* that root hash failed before and is refused */
	BS_E_FLOOR, /* the image is older than the rollback floor */
	BS_E_DIFFERENT, /* the slot holds another image than named */
};

struct bs_slot {
	enum bs_status status;
	uint8_t priority; /* higher is tried first; 0 to 15 */
	uint8_t tries_left; /* starts left for a slot not yet good */
	uint8_t tries_max; /* of a fresh install; for a good slot, unconfirmed boots allowed */
	bool good; /* confirmed at least once since it was written */
	uint8_t unconfirmed; /* starts since the last confirm; saturates at 255 */
	/*
	 * Boots in a row that were confirmed and then stopped without a word before they
	 * settled; saturates at 255. A confirm does not reset it: a system that
	 * panics a minute after each confirm would never be left otherwise.
	 */
	uint8_t relapses;
	enum bs_stage stage; /* furthest stage of its last boot */
	enum bs_reason reason; /* why its last boot failed, or NONE */
	struct slotdesc image; /* version, root hash, UKI size and hash, epoch */
};

/* One boot in the ring. */
struct bs_boot {
	uint64_t number; /* the boot counter of that start; 0: entry unused */
	uint8_t slot; /* 0 or 1 */
	enum bs_stage stage;
	enum bs_reason reason;
	enum bs_end end;
	char version[VERSION_TEXT_SIZE]; /* what the slot held then */
};

/* A root hash that failed; it is not installed again until told. */
struct bs_refused {
	uint8_t root_hash[32]; /* all zero: entry unused */
	enum bs_reason reason;
	char version[VERSION_TEXT_SIZE];
};

/* The bytes of a newer selector. */
struct bs_selector_image {
	uint32_t bytes; /* 1 to BS_SELECTOR_MAX_BYTES */
	uint8_t sha256[32];
	char version[VERSION_TEXT_SIZE];
};

/* One area. */
struct bs_selector {
	enum bs_selector_status status;
	uint8_t tries_left; /* starts left for a trial */
	uint8_t unconfirmed; /* starts since the last confirmed one; saturates at 255 */
	enum bs_selector_reason reason; /* why its last start failed */
	struct bs_selector_image image; /* of an empty area: all zero */
};

/*
 * What is known of newer selectors. Its place and layout in the record never change, in
 * later formats either: the selector that must read it is never updated.
 */
struct bs_selectors {
	uint8_t first; /* area tried first */
	uint8_t through; /* area that the boot under way was started through, or BS_SELECTOR_NONE */
	enum bs_stage stage; /* how far that boot got */
	struct bs_selector area[BS_SELECTORS];
};

/* The whole record, decoded. About 3 KiB. */
struct bs {
	uint64_t sequence; /* of the copy it came from; bs_store() counts it up */
	uint64_t boots; /* boot counter: starts ever counted */
	uint64_t floor; /* lowest image epoch that may boot; never falls */
	uint8_t current; /* slot started last, or BS_SLOT_NONE */
	uint8_t oneshot; /* slot to start once, or BS_SLOT_NONE */
	bool rebuilt; /* made from slot descriptors, not confirmed since */
	struct bs_slot slot[BS_SLOTS];
	struct bs_refused refused[BS_REFUSED_MAX]; /* newest first */
	struct bs_boot ring[BS_RING_MAX]; /* newest first */
	struct bs_selectors selectors;
	/*
	 * What a later kiln may add and an older one may ignore: kept as it is. Anything else that
	 * is added makes the record one of a newer format for a selector that is never updated.
	 */
	uint8_t later[BS_LATER_BYTES];
};

/* ---- making a state ---- */

/*
 * The state of a fresh image: slot a holds @image, ready, priority 1, @tries (1 to
 * BS_TRIES_MAX) tries, not yet good; slot b empty. BS_E_FIELD when @tries or
 * @image makes no sense.
 */
int bs_init_fresh(const struct slotdesc *image, unsigned int tries, struct bs *ret);

/*
 * Rebuild after BS_E_LOST from the slot descriptors that were readable (NULL:
 * none). Slots become ready but not good, a before b. The floor becomes the
 * lower of the two epochs. Never fails; with no descriptor nothing will be
 * bootable.
 */
void bs_rebuild(const struct slotdesc *a, const struct slotdesc *b, struct bs *ret);

/* ---- choosing and starting (selector) ---- */

/* Flags of bs_choose(). */
#define BS_CHOOSE_UNCOUNTED 1u /* the record cannot be stored: never a trial */

/*
 * The slot to start now, leaving out the slots in the bit set @failed_mask (bit
 * n: slot n failed already in this boot). In this order: the one-shot slot; the
 * highest priority among ready slots that have tries left, or are good with
 * fewer unconfirmed boots and relapses than allowed; a good slot whatever its count; a ready
 * slot whatever its tries, rather than none. Slots below the floor never.
 * With BS_CHOOSE_UNCOUNTED only good slots (any ready one when the state was
 * rebuilt and nothing is known to be good). BS_E_NO_SLOT.
 */
int bs_choose(const struct bs *bs, unsigned int failed_mask, unsigned int flags,
	      unsigned int *ret_slot);

/*
 * Count one start of @slot, which bs_choose() named. To be stored *before* the
 * start. Uses up a try of a trial, counts an unconfirmed boot; clears the one-shot;
 * closes the books on the previous boot (BS_REASON_NO_VERDICT if it stopped
 * without confirm or failure, BS_REASON_RELAPSE if it was confirmed but had not
 * settled, BS_REASON_SHUT_DOWN if it was shut down unconfirmed) and gives up a trial
 * in the other slot that used up its tries, when @slot is good. BS_E_SLOT, BS_E_STATUS, BS_E_FLOOR.
 */
int bs_count_start(struct bs *bs, unsigned int slot);

/* ---- how the running boot gets on (selector, early init, slotctl) ---- */

/* The slot started last reached @stage; an earlier stage than known is ignored. BS_E_SLOT. */
int bs_set_stage(struct bs *bs, enum bs_stage stage);

/*
 * The boot of @slot (the one started last) failed for @reason; the tries
 * decide what becomes of it. BS_E_SLOT.
 */
int bs_mark_failed(struct bs *bs, unsigned int slot, enum bs_reason reason);

/*
 * The boot of @slot (the one started last) failed for @reason and trying again
 * is pointless: a trial becomes bad and its root hash refused, if a good slot
 * is left; otherwise its tries end. A good slot stays good but steps back
 * behind any other that can boot. BS_E_SLOT.
 */
int bs_mark_bad(struct bs *bs, unsigned int slot, enum bs_reason reason);

/*
 * @slot is healthy: it becomes good, its unconfirmed boots are forgotten, the
 * floor rises to its epoch. Only for the slot started last: BS_E_SLOT;
 * BS_E_STATUS if it is not ready.
 */
int bs_confirm(struct bs *bs, unsigned int slot);

/*
 * The boot of @slot (the one started last) ran long enough, or is being shut down.
 * If it was confirmed, its relapses are forgotten. A shutdown may follow
 * BS_END_SETTLED, not the other way round. BS_E_SLOT; BS_E_STATUS: settled, but not confirmed.
 */
int bs_end_boot(struct bs *bs, unsigned int slot, enum bs_end end);

/*
 * Something was found that explains the boot before this one: the newest earlier
 * start that reached a kernel. Only a boot that left no word of its own
 * (NO_VERDICT, RELAPSE) is explained. True, with the boot's number, if there is one;
 * @reason replaces its own and that of the refusal it may have caused.
 */
bool bs_explain_previous(struct bs *bs, enum bs_reason reason, uint64_t *ret_number);

/* ---- installing (slotctl; the builder for slot b) ---- */

/*
 * May @image be written to @slot while @running runs (BS_SLOT_NONE: the disk is
 * not running)? Refusals, in order: BS_E_SLOT, BS_E_RUNNING, BS_E_FIELD, BS_E_FLOOR,
 * BS_E_REFUSED (unless @allow_refused), BS_E_ONLY_GOOD: the slot could boot, and the
 * running one is not confirmed in this boot (not running: the other slot is not
 * as good). An empty, bad or half-written slot may always be written.
 */
int bs_install_check(const struct bs *bs, unsigned int slot, unsigned int running,
		     const struct slotdesc *image, bool allow_refused);

/*
 * The same checks, then the slot becomes `writing` and remembers @image. To be
 * stored before its first byte is written. May be repeated: resume or restart.
 */
int bs_install_begin(struct bs *bs, unsigned int slot, unsigned int running,
		     const struct slotdesc *image, bool allow_refused);

/*
 * Everything is written, flushed, and verified as read back: `writing` becomes
 * `ready`, first in line, with @tries tries. BS_E_STATUS if no install had begun,
 * BS_E_DIFFERENT if @image is not the one begun, BS_E_FIELD.
 */
int bs_install_commit(struct bs *bs, unsigned int slot, const struct slotdesc *image,
		      unsigned int tries);

/* ---- an operator's wishes (slotctl) ---- */

/*
 * Prefer @slot from the next boot on. Only to a good slot not below the floor:
 * BS_E_SLOT, BS_E_STATUS, BS_E_FLOOR.
 */
int bs_rollback(struct bs *bs, unsigned int slot);

/*
 * Try the image in @slot again although it failed: a bad slot, or one whose tries
 * are used up, becomes a trial with all its tries, first in line, and is no
 * longer refused. BS_E_SLOT; BS_E_RUNNING for the slot started last; BS_E_STATUS when there is
 * no failed trial; BS_E_FLOOR.
 */
int bs_retry(struct bs *bs, unsigned int slot);

/* Start @slot once (BS_SLOT_NONE: forget it). It must be ready: as bs_rollback(). */
int bs_set_oneshot(struct bs *bs, unsigned int slot);

/* Most relapses in a row before a good slot is left for another good one. */
unsigned int bs_relapses_max(const struct bs_slot *s);

/* Is this root hash refused? With @ret_reason (may be NULL) why. */
bool bs_is_refused(const struct bs *bs, const uint8_t root_hash[32], enum bs_reason *ret_reason);

/* Forget a refusal; true if there was one. */
bool bs_forgive(struct bs *bs, const uint8_t root_hash[32]);

/*
 * ---- newer selectors ----
 *
 * The firmware starts the selector on the ESP, which is never written again: the anchor. A newer
 * one lies in an area of the boot-state partition, and the anchor may start it:
 *	anchor:		bs_load(), bs_selector_close(); then until one stays:
 *			bs_selector_choose(), bs_selector_count_start(), bs_store(); read it,
 *			hash it, start it; when it cannot start or comes back:
 *			bs_load(), bs_selector_failed(), bs_store().
 *			With none to choose, or when a store fails: go on as a selector.
 *			Only where bs_load() returned 0 and the record can be stored.
 *	newer one:	goes on as a selector; calls none of these.
 *	installer:	bs_selector_install_begin(), bs_store(), write and verify the area,
 *			bs_selector_install_commit(), bs_store().
 * bs_confirm() makes good what the boot was started through. So the anchor is always left to
 * boot with, and an older good selector before it.
 */

/*
 * The anchor starts anew: close the books on the boot before, if it was started through a
 * newer selector. A trial without tries left becomes bad. To be stored with what comes next.
 */
void bs_selector_close(struct bs *bs);

/*
 * To be asked before bs_selector_close(): did the machine stop after it started a newer selector
 * and before that came to count a slot? Then no boot of a slot is what ended.
 */
bool bs_selector_to_blame(const struct bs *bs);

/*
 * The area to start now, leaving out the set @failed_mask: the first in line, then the other,
 * each only if it is a trial with tries left, or good with few unconfirmed starts. False: none.
 */
bool bs_selector_choose(const struct bs *bs, unsigned int failed_mask, unsigned int *ret_area);

/* Count a start of @area, to be stored *before* it. BS_E_SLOT; BS_E_STATUS: not to be chosen. */
int bs_selector_count_start(struct bs *bs, unsigned int area);

/*
 * What was started (or should have been) from @area failed for @reason, and this boot goes on
 * without it. Only an I/O error and lack of memory leave it another chance. BS_E_SLOT.
 */
int bs_selector_failed(struct bs *bs, unsigned int area, enum bs_selector_reason reason);

/* True when @area holds @image and bs_selector_choose() could name it. */
bool bs_selector_holds(const struct bs *bs, unsigned int area,
		       const struct bs_selector_image *image);

/*
 * Prepare to write @image to *@ret_area: that one which is less worth keeping. It becomes
 * empty; to be stored before its first byte is written. BS_E_FIELD; BS_E_REFUSED: these very
 * bytes failed here before (unless @allow_refused).
 */
int bs_selector_install_begin(struct bs *bs, const struct bs_selector_image *image,
			      bool allow_refused, unsigned int *ret_area);

/*
 * @image is in @area, written, flushed and verified as read back: it becomes a trial, first in
 * line. BS_E_SLOT, BS_E_FIELD; BS_E_STATUS: the area is not empty.
 */
int bs_selector_install_commit(struct bs *bs, unsigned int area,
			       const struct bs_selector_image *image);

/* Put @area, which can be chosen, first in line again. BS_E_SLOT, BS_E_STATUS. */
int bs_selector_prefer(struct bs *bs, unsigned int area);

/*
 * An operator's wish: try what failed in @area again. One that is bad becomes a trial with all its
 * tries, a good one that was left gets its starts back; it is first in line, and refused no
 * longer. BS_E_SLOT; BS_E_RUNNING: this boot was started through it; BS_E_STATUS: it did not
 * fail, or has another start in any case.
 */
int bs_selector_retry(struct bs *bs, unsigned int area);

/* For the rules of slots alone: the boot under way got as far as @stage, or was confirmed. */
void bs_selector_reached(struct bs *bs, enum bs_stage stage);
void bs_selector_confirmed(struct bs *bs);

/* True when the fields of @image make sense. */
bool bs_selector_image_valid(const struct bs_selector_image *image);

/* ---- questions ---- */

/* True when bs_choose() would take @slot while it can count (it has a chance of its own). */
bool bs_slot_bootable(const struct bs *bs, unsigned int slot);

/* True when @slot is ready, good and not below the floor. */
bool bs_slot_good(const struct bs *bs, unsigned int slot);

/*
 * Which slot is running, told from the root hash on the signed command line: the
 * slot started last, if that is its root hash. BS_E_SLOT when not: then this
 * start was not counted (the record could not be stored), and nothing may be
 * said in the name of a slot.
 */
int bs_running_slot(const struct bs *bs, const uint8_t root_hash[32], unsigned int *ret_slot);

/* True when the slot started last was confirmed in this boot. */
bool bs_boot_confirmed(const struct bs *bs);

/* ---- the record on disk ---- */

/* Encode @bs with its sequence. Never fails; bs_store() checks that it decodes again. */
void bs_encode(const struct bs *bs, uint8_t out[BS_RECORD_BYTES]);

/* Decode one copy. BS_E_MAGIC, BS_E_SEAL, BS_E_NEWER, BS_E_FIELD; @ret only on BS_OK. */
int bs_decode(const uint8_t data[BS_RECORD_BYTES], struct bs *ret);

/*
 * A boot-state partition in use. About 8 KiB of scratch: give it static
 * storage. Fields are private.
 */
struct bs_disk {
	const struct disk_ops *ops; /* offsets from the start of the partition */
	int target; /* copy to overwrite next */
	bool newer; /* a newer format was seen: never write */
	bool uncertain; /* the last store failed: what landed is not known */
	int copy_error[BS_COPIES]; /* per copy: 0, enum bs_error, or the read's code */
	uint8_t record[BS_RECORD_BYTES];
	uint8_t check[BS_RECORD_BYTES];
};

/*
 * Read both copies and take the newest valid one. BS_OK; BS_E_LOST: nothing valid
 * (then bs_rebuild(), and bs_store() may write); BS_E_NEWER: only copies of a
 * newer format are valid (bs_store() will refuse). When one copy is ours and
 * the other newer: BS_OK, and bs_store() refuses. @ret_bs only on BS_OK; @disk is
 * initialised in any case and keeps @ops.
 */
int bs_load(struct bs_disk *disk, const struct disk_ops *ops, struct bs *ret_bs);

/*
 * Store @bs over the older copy: count up its sequence, write, flush, read back,
 * compare. 0; BS_E_NEWER; BS_E_READBACK; BS_E_FIELD (@bs makes no sense);
 * or a negative code of the callbacks (DISK_READ_ONLY). After a
 * failure the newer copy on disk is still whole and @bs->sequence unchanged.
 */
int bs_store(struct bs_disk *disk, struct bs *bs);

/*
 * Fill a new partition: both copies hold @bs. For the builder and for
 * provisioning only; never on a disk that may hold a state.
 */
int bs_create(struct bs_disk *disk, const struct disk_ops *ops, struct bs *bs);

/* ---- words (stable, for --json and metrics) and sentences ---- */
const char *bs_status_name(enum bs_status status); /* "ready" */
const char *bs_stage_name(enum bs_stage stage); /* "userspace" */
const char *bs_reason_name(enum bs_reason reason); /* "health-timeout" */
const char *bs_reason_text(enum bs_reason reason); /* "the health checks did not finish in time" */
const char *bs_end_name(enum bs_end end); /* "shut-down" */
const char *bs_selector_status_name(enum bs_selector_status status); /* "trial" */
const char *bs_selector_reason_name(enum bs_selector_reason reason); /* "returned" */
const char *bs_selector_reason_text(enum bs_selector_reason reason); /* "it came back" */
const char *bs_error_text(int error); /* enum bs_error; negative: "input/output error" */

/* "a", "b", or "none". */
const char *bs_slot_name(unsigned int slot);

#endif
