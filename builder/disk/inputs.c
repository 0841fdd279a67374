/* See inputs.h. */
#include "builder/disk/inputs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/disk/table.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/core/bootstate.h"
#include "lib/core/pe.h"
#include "lib/core/verity_table.h"
#include "lib/core/version.h"

#define UKI_READ_MAX_BYTES (1u << 30)

static void close_input(struct disk_input *in)
{
	if (in->fd >= 0)
		close(in->fd);
	in->fd = -1;
}

void disk_inputs_done(struct disk_inputs *in)
{
	close_input(&in->uki);
	close_input(&in->root);
	close_input(&in->verity);
	close_input(&in->sig);
}

static int open_input(const char *path, const struct disk_part *part, uint64_t room_bytes,
		      struct disk_input *ret, struct err *err)
{
	int r;

	ret->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (ret->fd < 0)
		return err_errno(err, -errno, "%s", path);
	r = io_size(ret->fd, &ret->bytes);
	if (r < 0)
		return err_errno(err, r, "%s", path);
	if (ret->bytes == 0)
		return err_set(err, -EBADMSG, "%s is empty", path);
	if (ret->bytes > room_bytes)
		return err_set(err, -ENOSPC,
			       "%s has %" PRIu64 " bytes, %" PRIu64 " more than partition %s holds",
			       path, ret->bytes, ret->bytes - room_bytes, part->name);
	return 0;
}

static int check_magic(const struct disk_input *in, const char *path, const char *magic, size_t len,
		       const char *what, struct err *err)
{
	char head[16];

	if (io_pread_all(in->fd, head, len, 0) < 0 || memcmp(head, magic, len) != 0)
		return err_set(err, -EBADMSG, "%s is no %s", path, what);
	if (in->bytes % VERITY_BLOCK_BYTES)
		return err_set(err, -EBADMSG, "%s: its %" PRIu64 " bytes are no multiple of %d",
			       path, in->bytes, VERITY_BLOCK_BYTES);
	return 0;
}

static int check_selector(const char *path, struct err *err)
{
	_cleanup_free_ char *data = NULL;
	struct pe pe;
	size_t len;
	int r = io_read_file(path, BS_SELECTOR_MAX_BYTES, &data, &len, err);

	if (r < 0)
		return err_add(err, r, "selector");
	r = pe_parse(data, len, len, &pe);
	if (r != PE_OK)
		return err_set(err, -EBADMSG, "selector %s: %s", path, pe_error_text(r));
	if (pe.machine != PE_MACHINE_X64 || pe.subsystem != 10)
		return err_set(err, -EBADMSG, "selector %s is no EFI application for x86-64", path);
	return 0;
}

/* The signed command line inside the UKI must name this root, or the slot could never boot. */
static int check_uki(const struct disk_inputs *in, const struct disk_options *o, struct err *err)
{
	_cleanup_free_ char *data = malloc(in->uki.bytes);
	struct verity_params p;
	struct pe_section s;
	struct pe pe;
	int r;

	if (!data)
		return err_oom(err);
	r = io_pread_all(in->uki.fd, data, in->uki.bytes, 0);
	if (r < 0)
		return err_errno(err, r, "%s", o->uki);
	r = pe_parse(data, in->uki.bytes, in->uki.bytes, &pe);
	if (r == PE_OK && pe.file_bytes != in->uki.bytes)
		r = PE_E_RANGE;
	if (r == PE_OK)
		r = pe_section_find(&pe, ".cmdline", &s);
	if (r != PE_OK)
		return err_set(err, -EBADMSG, "UKI %s: %s", o->uki, pe_error_text(r));
	r = verity_params_from_cmdline(data + s.offset, s.bytes, &p);
	if (r == VERITY_OK)
		r = verity_params_fit(&p, in->root.bytes, in->verity.bytes);
	if (r != VERITY_OK)
		return err_set(err, -EBADMSG, "UKI %s: %s", o->uki, verity_error_text(r));
	if (memcmp(p.root_hash, o->root_hash, sizeof(p.root_hash)) != 0 ||
	    p.data_blocks * VERITY_BLOCK_BYTES != in->root.bytes)
		return err_set(err, -EBADMSG, "UKI %s names another root than %s", o->uki, o->root);
	return 0;
}

int disk_inputs_open(const struct disk_options *o, const struct disk_layout *layout,
		     struct disk_inputs *ret, struct err *err)
{
	const struct disk_part *part = layout->part;
	int r;

	r = open_input(o->uki, &part[TABLE_BOOT_A],
		       part[TABLE_BOOT_A].size_bytes - SLOTDESC_BYTES, &ret->uki, err);
	if (r == 0)
		r = open_input(o->root, &part[TABLE_ROOT_A], part[TABLE_ROOT_A].size_bytes,
			       &ret->root, err);
	if (r == 0)
		r = open_input(o->verity, &part[TABLE_VERITY_A], part[TABLE_VERITY_A].size_bytes,
			       &ret->verity, err);
	if (r == 0)
		r = open_input(o->verity_sig, &part[TABLE_SIG_A], DISK_SIG_BYTES, &ret->sig, err);
	if (r == 0)
		r = check_magic(&ret->root, o->root, "hsqs", 4, "squashfs", err);
	if (r == 0)
		r = check_magic(&ret->verity, o->verity, "verity\0\0", 8, "verity hash file", err);
	if (r == 0)
		r = check_selector(o->selector, err);
	return r == 0 ? check_uki(ret, o, err) : r;
}

int disk_inputs_describe(const struct disk_inputs *in, const struct disk_options *o,
			 struct slotdesc *ret, struct err *err)
{
	struct slotdesc d = { .uki_bytes = in->uki.bytes, .epoch = o->epoch_s };
	int r;

	if (!version_valid(o->name, true) || !version_valid(o->version, true))
		return err_set(err, -EINVAL, "'%s' version '%s' is no image name and version",
			       o->name, o->version);
	if (lseek(in->uki.fd, 0, SEEK_SET) < 0)
		return err_errno(err, -errno, "%s", o->uki);
	r = digest_fd(in->uki.fd, d.uki_sha256, NULL);
	if (r < 0)
		return err_errno(err, r, "%s", o->uki);
	memcpy(d.root_hash, o->root_hash, sizeof(d.root_hash));
	memcpy(d.name, o->name, strlen(o->name));
	memcpy(d.version, o->version, strlen(o->version));
	*ret = d;
	return 0;
}
