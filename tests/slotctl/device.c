/*
 * Makes the device that the cases in this folder are about: a file for the
 * boot-state partition, and the notes early init leaves in /run/kiln.
 *
 *	device RUN-DIR WORD...
 *
 * The words are steps, taken in order by the rules of the boot state themselves:
 *
 *	real                     images are real ones, on a disk beside the partition, and an
 *	                         update.conf is there (first of all)
 *	cramped                  the same, and slot b's root is a block too short for them
 *	fresh VERSION EPOCH      slot a holds it, never booted (first)
 *	boot                     the selector chooses and counts a start
 *	stage NAME               the running boot got that far
 *	confirm  settle  shutdown
 *	fail REASON  bad REASON  the running boot failed; ... and need not be tried again
 *	log TEXT                 what it said, kept in the flight recorder ("\n", "\e", "\0" understood)
 *	install VERSION EPOCH    to the slot that does not run
 *	begin VERSION EPOCH      the same, but it is never finished
 *	selector VERSION         a newer selector is installed; the anchor tries to start it at each
 *	                         boot from then on, and if the word before "boot" is
 *	hangs, returns           that happens, else it works
 *	rebuild                  both copies were lost: rebuilt from the slots
 *	promise TEXT             beside the boot state
 *	disk PATH                the notes name it, and not /dev/vda
 *	uncounted                the notes name another root hash than the slot started last
 *	damage                   both copies become unreadable
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/atomic_file.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"
#include "install/slotindex.h"
#include "lib/core/bytes.h"
#include "lib/core/flight.h"
#include "lib/core/gpt.h"
#include "tests/slotctl/images.h"

#define SECTOR 512u
#define DISK_START (64u * 4096)
#define SLOT_ROOM (BOOT_ROOM + ROOT_BYTES + VERITY_ROOM + SIGFILE_BYTES)
#define DISK_BYTES (DISK_START + 2 * SLOT_ROOM + 16u * 4096)

static struct bs bs;
static struct bs_disk disk;
static struct disk_ops ops;
static int fd = -1;
static const char *run_dir, *disk_path = "/dev/vda";
static bool uncounted, real, hangs, returns;
static int disk_fd = -1;

static _Noreturn void die(const char *what, const char *about)
{
	fprintf(stderr, "device: %s: %s\n", about, what);
	exit(2);
}

static void must(int r, const char *about)
{
	if (r)
		die(bs_error_text(r), about);
}

static int op_read(void *ctx, uint64_t offset_bytes, void *data, size_t len)
{
	(void)ctx;
	return io_pread_all(fd, data, len, offset_bytes);
}

static int op_write(void *ctx, uint64_t offset_bytes, const void *data, size_t len)
{
	(void)ctx;
	return io_pwrite_all(fd, data, len, offset_bytes);
}

static int op_flush(void *ctx)
{
	(void)ctx;
	return 0;
}

/* The root hash is the version's own, so that an image installed again is the same. */
static struct slotdesc image(const char *version, const char *epoch)
{
	struct slotdesc d = { .uki_bytes = 1 << 20, .name = "demo" };

	snprintf(d.version, sizeof(d.version), "%s", version);
	if (!u64_parse(epoch, strlen(epoch), &d.epoch))
		die("no epoch", epoch);
	digest_bytes(version, strlen(version), d.root_hash);
	memset(d.uki_sha256, 3, sizeof(d.uki_sha256));
	if (real) {
		static struct image img;

		image_make(version, &img);
		d.uki_bytes = UKI_BYTES;
		memcpy(d.root_hash, img.m.root_hash, sizeof(d.root_hash));
		memcpy(d.uki_sha256, img.m.part[BUNDLE_UKI].sha256, sizeof(d.uki_sha256));
	}
	return d;
}

static void note(const char *name, const char *text)
{
	_cleanup_free_ char *path = path_join(run_dir, name), *line = str_printf("%s\n", text);
	static struct err err;

	if (!path || !line || atomic_file_write(path, line, strlen(line), 0644, &err))
		die(err.text, name);
}

static enum bs_reason reason(const char *name)
{
	for (int i = 0; i < BS_REASON_COUNT; i++)
		if (strcmp(bs_reason_name((enum bs_reason)i), name) == 0)
			return (enum bs_reason)i;
	die("no such reason", name);
}

static enum bs_stage stage(const char *name)
{
	for (int i = 0; i < BS_STAGE_COUNT; i++)
		if (strcmp(bs_stage_name((enum bs_stage)i), name) == 0)
			return (enum bs_stage)i;
	die("no such stage", name);
}

static void keep_log(const char *text)
{
	static uint8_t entry[FLIGHT_ENTRY_BYTES];
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct flight about;

	for (; *text; text++) {
		char c = *text;

		if (c == '\\' && text[1]) {
			c = *++text;
			c = c == 'n' ? '\n' : c == 'e' ? '\033' : c == '0' ? '\0' : c;
		}
		buf_addc(&b, c);
	}
	if (!flight_of_boot(&bs, bs.boots, &about))
		die("no boot yet", "log");
	flight_encode(&about, b.data ? b.data : "", b.len, entry);
	must(op_write(NULL, FLIGHT_OFFSET(about.boot), entry, sizeof(entry)), "log");
}

static int disk_write(void *ctx, uint64_t offset_bytes, const void *data, size_t len)
{
	(void)ctx;
	return io_pwrite_all(disk_fd, data, len, offset_bytes);
}

static void add_partition(struct gpt *gpt, unsigned idx, const char *name, uint64_t at, uint64_t bytes)
{
	struct gpt_partition p = { .idx = idx, .type = gpt_type_linux, .first_lba = at / SECTOR,
				   .last_lba = (at + bytes) / SECTOR - 1 };

	memset(&p.unique, (int)idx + 1, sizeof(p.unique));
	snprintf(p.name, sizeof(p.name), "%s", name);
	must(gpt_set_partition(gpt, &p), name);
}

/* The disk: two empty slots, @short_bytes missing of slot b's root. All else is not slotctl's. */
static void make_disk(uint64_t short_bytes)
{
	static uint8_t scratch[GPT_HEAD_BYTES(SECTOR)];
	static struct gpt gpt;
	const struct disk_ops disk_ops = { .write = disk_write, .flush = op_flush };
	_cleanup_free_ char *path = path_join(run_dir, "disk-file");
	struct guid id;

	disk_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (disk_fd < 0 || ftruncate(disk_fd, DISK_BYTES))
		die("cannot make a disk", path);
	memset(&id, 0x5a, sizeof(id));
	must(gpt_init(&gpt, SECTOR, DISK_BYTES / SECTOR, &id), "disk");
	for (unsigned s = 0; s < BS_SLOTS; s++) {
		uint64_t at = DISK_START + s * SLOT_ROOM;

		add_partition(&gpt, 4 * s, gpt_name_boot[s], at, BOOT_ROOM);
		add_partition(&gpt, 4 * s + 1, gpt_name_root[s], at += BOOT_ROOM, ROOT_BYTES - s * short_bytes);
		add_partition(&gpt, 4 * s + 2, gpt_name_verity[s], at += ROOT_BYTES, VERITY_ROOM);
		add_partition(&gpt, 4 * s + 3, gpt_name_sig[s], at += VERITY_ROOM, SIGFILE_BYTES);
	}
	must(gpt_write(&gpt, &disk_ops, scratch), "disk");
	real = true;
	note("update.conf", "NAME=demo\nARCH=amd64\nVERSION=1.0.0\nSTATE=1-2");
}

/* Put @version into slot a, with the index an update copies by. */
static void fill_slot(const char *version)
{
	static struct image img;
	struct buf entries = BUF_INIT;
	uint64_t at = DISK_START, bytes[BUNDLE_IN_SLOT] = { UKI_BYTES, ROOT_BYTES, SIGFILE_BYTES };
	uint32_t n;
	uint8_t *index;

	image_make(version, &img);
	image_cut(&img, BUNDLE_IN_SLOT, &entries, NULL);
	n = (uint32_t)(entries.len / BUNDLE_ENTRY_BYTES);
	index = malloc(slotindex_bytes(n));
	slotindex_encode((uint8_t *)entries.data, n, bytes, index);
	must(disk_write(NULL, at, img.uki, UKI_BYTES), version);
	must(disk_write(NULL, at + slotindex_place(BOOT_ROOM, UKI_BYTES, n), index, slotindex_bytes(n)), version);
	must(disk_write(NULL, at += BOOT_ROOM, img.root, ROOT_BYTES), version);
	must(disk_write(NULL, at += ROOT_BYTES, img.verity, VERITY_ROOM), version);
	must(disk_write(NULL, at + VERITY_ROOM, img.sig, SIGFILE_BYTES), version);
	buf_done(&entries);
	free(index);
}

static void start(const char *version, const char *epoch)
{
	struct slotdesc d = image(version, epoch);

	must(bs_init_fresh(&d, 3, &bs), version);
	must(bs_create(&disk, &ops, &bs), version);
	if (real)
		fill_slot(version);
}

/* The selector on the ESP. False: the newer one hung, and that was this boot. */
static bool anchor(void)
{
	unsigned area;

	bs_selector_close(&bs);
	if (!bs_selector_choose(&bs, 0, &area))
		return true;
	must(bs_selector_count_start(&bs, area), "boot");
	if (returns)
		must(bs_selector_failed(&bs, area, BS_SELECTOR_RETURNED), "boot");
	return !hangs;
}

static void boot(void)
{
	bool comes_up = anchor();
	unsigned slot;

	hangs = returns = false;
	if (!comes_up)
		return;
	must(bs_choose(&bs, 0, 0, &slot), "boot");
	must(bs_count_start(&bs, slot), "boot");
	must(bs_set_stage(&bs, BS_STAGE_LOADED), "boot");
}

static void install(const char *version, const char *epoch, bool finish)
{
	struct slotdesc d = image(version, epoch);
	unsigned slot = 1u - bs.current;

	must(bs_install_begin(&bs, slot, bs.current, &d, false), version);
	if (finish)
		must(bs_install_commit(&bs, slot, &d, 3), version);
}

static void put_selector(const char *version)
{
	static char bytes[35000];
	struct bs_selector_image i = { .bytes = sizeof(bytes) };
	unsigned area;

	snprintf(i.version, sizeof(i.version), "%s", version);
	for (size_t n = 0; n < sizeof(bytes); n++)
		bytes[n] = version[n % strlen(version)];
	digest_bytes(bytes, sizeof(bytes), i.sha256);
	must(bs_selector_install_begin(&bs, &i, false, &area), version);
	must(op_write(NULL, BS_SELECTOR_OFFSET(area), bytes, sizeof(bytes)), version);
	must(bs_selector_install_commit(&bs, area, &i), version);
}

static void write_promise(const char *text)
{
	uint8_t block[BS_PROMISE_BYTES] = { 0 };

	memcpy(block, text, strlen(text));
	must(op_write(NULL, BS_PROMISE_OFFSET, block, sizeof(block)), "promise");
}

static void damage(void)
{
	uint8_t block[BS_RECORD_BYTES] = { 0xff };

	for (unsigned i = 0; i < BS_COPIES; i++)
		must(op_write(NULL, BS_COPY_OFFSET(i), block, sizeof(block)), "damage");
}

static void rebuild(void)
{
	struct slotdesc a = bs.slot[0].image, b = bs.slot[1].image;
	bool has_b = bs.slot[1].status != BS_EMPTY;

	bs_rebuild(&a, has_b ? &b : NULL, &bs);
}

/* The step at @words; returns how many more words it took. */
static int take(char **words, int left)
{
	const char *step = words[0], *one = left > 1 ? words[1] : "", *two = left > 2 ? words[2] : "";

	if (!strcmp(step, "real"))
		return make_disk(0), 0;
	if (!strcmp(step, "cramped"))
		return make_disk(BUNDLE_BLOCK_BYTES), 0;
	if (!strcmp(step, "boot"))
		return boot(), 0;
	if (!strcmp(step, "confirm"))
		return must(bs_confirm(&bs, bs.current), step), 0;
	if (!strcmp(step, "settle"))
		return must(bs_end_boot(&bs, bs.current, BS_END_SETTLED), step), 0;
	if (!strcmp(step, "shutdown"))
		return must(bs_end_boot(&bs, bs.current, BS_END_SHUT_DOWN), step), 0;
	if (!strcmp(step, "uncounted"))
		return uncounted = true, 0;
	if (!strcmp(step, "hangs"))
		return hangs = true, 0;
	if (!strcmp(step, "returns"))
		return returns = true, 0;
	if (!strcmp(step, "damage"))
		return damage(), 0;
	if (!strcmp(step, "rebuild"))
		return rebuild(), 0;
	if (!strcmp(step, "disk"))
		return disk_path = one, 1;
	if (!strcmp(step, "stage"))
		return must(bs_set_stage(&bs, stage(one)), one), 1;
	if (!strcmp(step, "fail"))
		return must(bs_mark_failed(&bs, bs.current, reason(one)), one), 1;
	if (!strcmp(step, "bad"))
		return must(bs_mark_bad(&bs, bs.current, reason(one)), one), 1;
	if (!strcmp(step, "selector"))
		return put_selector(one), 1;
	if (!strcmp(step, "log"))
		return keep_log(one), 1;
	if (!strcmp(step, "promise"))
		return write_promise(one), 1;
	if (!strcmp(step, "fresh"))
		return start(one, two), 2;
	if (!strcmp(step, "install") || !strcmp(step, "begin"))
		return install(one, two, step[0] == 'i'), 2;
	die("no such step", step);
}

int main(int argc, char **argv)
{
	_cleanup_free_ char *path = NULL, *dir = NULL;
	char hex[65];

	if (argc < 3)
		die("RUN-DIR WORD...", "usage");
	run_dir = argv[1];
	dir = realpath(run_dir, NULL);
	path = dir ? path_join(dir, "partition") : NULL;
	fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
	if (fd < 0 || ftruncate(fd, BS_PARTITION_BYTES))
		die("cannot make a partition", run_dir);
	ops = (struct disk_ops){ .read = op_read, .write = op_write, .flush = op_flush };
	for (int i = 2; i < argc; i++) {
		const char *const not_stored[] = { "damage", "real", "cramped", "disk" };
		bool store = true;

		for (size_t n = 0; n < ARRAY_SIZE(not_stored); n++)
			store = store && strcmp(argv[i], not_stored[n]);
		i += take(argv + i, argc - i);
		if (store)
			must(bs_store(&disk, &bs), argv[i]);
	}
	bytes_to_hex(bs.slot[bs.current % BS_SLOTS].image.root_hash, 32, hex);
	if (uncounted)
		memset(hex, '9', 64);
	note("boot-state", path);
	if (real) {
		_cleanup_free_ char *file = path_join(dir, "disk-file");

		note("disk", file);
	} else {
		note("disk", disk_path);
	}
	note("slot", bs_slot_name(bs.current));
	note("roothash", hex);
	return 0;
}
