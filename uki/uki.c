/* See uki.h. */
#include "uki/uki.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "uki/pe_append.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/core/bytes.h"
#include "lib/core/pe.h"
#include "lib/core/pe_load.h"
#include "lib/core/slotdesc.h"
#include "lib/core/uki_parts.h"

#define STUB_MAX_BYTES (16u << 20)
#define KERNEL_MAX_BYTES (256u << 20)

/* Offsets of the x86 boot protocol in a bzImage. */
enum { BZ_O_MAGIC = 0x202, BZ_O_VERSION_TEXT = 0x20e, BZ_SETUP = 0x200 };

/* The kernel must be a program the stub can start on its machine, and the one we were told. */
static int check_kernel(const char *data, size_t len, const char *release, uint16_t machine,
			struct err *err)
{
	const uint8_t *b = (const uint8_t *)data;
	size_t at, n = strlen(release);
	struct pe pe;
	int e = pe_parse(data, len, len, &pe);

	if (e == PE_OK)
		e = pe_load_check(&pe);
	if (e != PE_OK)
		return err_set(err, -EBADMSG, "no kernel with an EFI stub: %s", pe_error_text(e));
	if (pe.machine != machine)
		return err_set(err, -EBADMSG, "made for machine %04x, the stub for %04x",
			       pe.machine, machine);
	if (machine != PE_MACHINE_X64)
		return 0;
	if (len < BZ_SETUP + 0x100 || memcmp(b + BZ_O_MAGIC, "HdrS", 4) != 0)
		return err_set(err, -EBADMSG, "no x86 boot protocol header");
	at = le16_load(b + BZ_O_VERSION_TEXT) + (size_t)BZ_SETUP;
	if (at + n >= len || memcmp(b + at, release, n) != 0 || (b[at + n] != ' ' && b[at + n]))
		return err_set(err, -EBADMSG, "says it is not version '%s'", release);
	return 0;
}

/* The sections as they will lie in memory when the stub looks for them. */
static int find_loaded(const struct buf *uki, uint8_t **ret_image, struct uki_parts *ret,
		       struct err *err)
{
	_cleanup_free_ uint8_t *image = NULL;
	const char *section;
	struct pe pe;
	int e = pe_parse(uki->data, uki->len, uki->len, &pe);

	if (e == PE_OK)
		e = pe_load_check(&pe);
	if (e == PE_OK) {
		image = malloc(pe.size_of_image);
		if (!image)
			return err_oom(err);
		e = pe_load(&pe, image, 0);
	}
	if (e != PE_OK)
		return err_set(err, -EBADMSG, "the UKI cannot be loaded: %s", pe_error_text(e));
	e = uki_parts_find(image, pe.size_of_image, ret, &section);
	if (e != UKI_OK)
		return err_set(err, -EBADMSG, "the stub could not start the UKI: %s%s%s", section,
			       *section ? ": " : "", uki_error_text(e));
	*ret_image = TAKE_PTR(image);
	return 0;
}

/* What the stub will find is what we meant. */
static int read_back(const struct buf *uki, const struct pe_new_section *want, size_t n,
		     struct err *err)
{
	_cleanup_free_ uint8_t *image = NULL;
	struct uki_parts parts;
	int r = find_loaded(uki, &image, &parts, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		while (k < UKI_PARTS && strcmp(uki_part_name[k], want[i].name) != 0)
			k++;
		if (k == UKI_PARTS || parts.part[k].bytes != want[i].len ||
		    memcmp(parts.part[k].data, want[i].data, want[i].len) != 0)
			return err_set(err, -EBADMSG, "the UKI does not read back: section %s",
				       want[i].name);
	}
	return 0;
}

int uki_build(const struct uki_options *o, struct buf *ret, struct err *err)
{
	_cleanup_free_ char *stub = NULL, *kernel = NULL;
	_cleanup_buf_ struct buf uki = BUF_INIT;
	size_t stub_len, kernel_len;
	struct pe pe;
	int r;

	r = io_read_file(o->stub, STUB_MAX_BYTES, &stub, &stub_len, err);
	if (r < 0)
		return r;
	r = pe_parse(stub, stub_len, stub_len, &pe);
	if (r != PE_OK)
		return err_set(err, -EBADMSG, "%s: %s", o->stub, pe_error_text(r));
	r = io_read_file(o->kernel, KERNEL_MAX_BYTES, &kernel, &kernel_len, err);
	if (r < 0)
		return err_add(err, r, "kernel");
	r = check_kernel(kernel, kernel_len, o->release, pe.machine, err);
	if (r < 0)
		return err_add(err, r, "kernel %s", o->kernel);

	const struct pe_new_section sections[] = {
		{ ".osrel", o->os_release, strlen(o->os_release) },
		{ ".uname", o->release, strlen(o->release) },
		{ ".cmdline", o->cmdline, strlen(o->cmdline) },
		{ ".linux", kernel, kernel_len },
		{ ".initrd", o->initrd, o->initrd_len },
	};

	for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
		if (!sections[i].len)
			return err_set(err, -EINVAL, "UKI: section %s is empty", sections[i].name);
	if (!buf_reserve(&uki, stub_len + kernel_len + o->initrd_len + 65536))
		return err_oom(err);
	r = pe_append(stub, stub_len, sections, ARRAY_SIZE(sections), &uki, err);
	if (r < 0)
		return err_add(err, r, "%s", o->stub);
	r = read_back(&uki, sections, ARRAY_SIZE(sections), err);
	if (r < 0)
		return r;
	buf_add(ret, uki.data, uki.len);
	return buf_ok(ret) ? 0 : err_oom(err);
}

int uki_check_fit(uint64_t uki_bytes, uint64_t slot_bytes, struct err *err)
{
	uint64_t room = slot_bytes > SLOTDESC_BYTES ? slot_bytes - SLOTDESC_BYTES : 0;

	if (uki_bytes <= room)
		return 0;
	return err_set(err, -ENOSPC,
		       "the UKI has %" PRIu64 " bytes, %" PRIu64 " more than slots.boot holds "
		       "(%" PRIu64 " MiB): raise slots.boot to at least %" PRIu64 "M",
		       uki_bytes, uki_bytes - room, slot_bytes >> 20,
		       (uki_bytes + SLOTDESC_BYTES + (1u << 20) - 1) >> 20);
}
