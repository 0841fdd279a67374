/*
 * Why the boot before this one ended, if it could not say so itself: a panic's last words in
 * pstore, or the hardware watchdog. Nothing here fails a boot: firmware whose variable store is
 * full, broken or missing only means that less is known.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bootloader/initramfs/boot.h"
#include "bootloader/initramfs/console.h"
#include "bootloader/initramfs/explain.h"
#include "bootloader/initramfs/pstore.h"
#include "bootloader/initramfs/watchdog.h"
#include "lib/base/cleanup.h"
#include "lib/core/flight.h"

#define PSTORE "/sys/fs/pstore"

struct records {
	size_t n;
	struct pstore_record item[PSTORE_RECORDS_MAX]; /* data is owned */
};

static void records_done(struct records *r)
{
	for (size_t i = 0; i < r->n; i++)
		free((char *)r->item[i].data);
	r->n = 0;
}

static void add_record(struct records *r, int dir, const char *name)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_free_ char *data = NULL;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) || st.st_size <= 0 ||
	    (uint64_t)st.st_size > PSTORE_RECORD_BYTES_MAX)
		return;
	data = malloc((size_t)st.st_size);
	n = data ? read(fd, data, (size_t)st.st_size) : -1;
	if (n <= 0)
		return;
	r->item[r->n++] = (struct pstore_record){
		.time_s = st.st_mtime,
		.data = TAKE_PTR(data),
		.len = (size_t)n,
	};
}

static void read_records(DIR *dir, struct records *ret)
{
	struct dirent *e;

	while (ret->n < PSTORE_RECORDS_MAX && (e = readdir(dir)))
		if (pstore_is_dump(e->d_name))
			add_record(ret, dirfd(dir), e->d_name);
}

/* Dumps of kernel logs only; also those in a form nobody can read any more. */
static unsigned int remove_dumps(DIR *dir)
{
	unsigned int n = 0;
	struct dirent *e;

	rewinddir(dir);
	while ((e = readdir(dir)))
		if (!strncmp(e->d_name, "dmesg-", 6) && !unlinkat(dirfd(dir), e->d_name, 0))
			n++;
	return n;
}

static DIR *open_pstore(void)
{
	if (mount("pstore", PSTORE, "pstore", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) &&
	    errno != EBUSY)
		return NULL;
	return opendir(PSTORE);
}

/*
 * A panic is told and its records are removed in any case: what belongs to no boot of ours would be
 * taken for a later one's. An oops that the system survived is left for the system to collect.
 */
static bool explain_by_dump(struct boot *b, DIR *dir)
{
	static char text[FLIGHT_TEXT_MAX];
	static struct records records;
	enum bs_reason reason = BS_REASON_NONE;
	enum pstore_kind kind;
	bool told;
	size_t len;

	read_records(dir, &records);
	kind = pstore_newest(records.item, records.n, text, sizeof(text), &len);
	records_done(&records);
	if (kind == PSTORE_OTHER)
		return false;
	if (kind == PSTORE_PANIC)
		reason = pstore_reason(text, len);
	told = record_explain(&b->record, reason, text, len);
	if (told && kind == PSTORE_PANIC)
		console_line("explain: the boot before this one: %s", bs_reason_text(reason));
	else if (told)
		console_line("explain: the kernel of the boot before this one had an oops");
	if (told || kind == PSTORE_PANIC)
		console_line("explain: %u records removed from pstore", remove_dumps(dir));
	return told && kind == PSTORE_PANIC;
}

int step_explain(struct boot *b, struct err *err)
{
	bool explained = false;
	DIR *dir;

	(void)err;
	if (!b->record.writable) {
		explain_make_room();
		return 0;
	}
	dir = open_pstore();
	watchdog_feed(&b->watchdog);
	if (dir) {
		explained = explain_by_dump(b, dir);
		closedir(dir);
		umount2(PSTORE, MNT_DETACH);
	}
	if (!explained && b->watchdog.caused_reset &&
	    record_explain(&b->record, BS_REASON_WATCHDOG, NULL, 0))
		console_line("explain: the boot before this one hung: the watchdog reset it");
	return 0;
}

void explain_make_room(void)
{
	struct dirent *e;
	unsigned int n = 0;
	DIR *dir = open_pstore();

	if (!dir)
		return;
	while ((e = readdir(dir)))
		n += !strncmp(e->d_name, "dmesg-", 6);
	if (n > EXPLAIN_RECORDS_KEPT)
		remove_dumps(dir);
	closedir(dir);
	umount2(PSTORE, MNT_DETACH);
}
