/* See pe_append.h. Field offsets are those of the PE/COFF specification, revision 11. */
#include "uki/pe_append.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/core/bytes.h"
#include "lib/core/pe.h"

enum {
	PE_O_LFANEW = 0x3c,
	/* from the signature "PE\0\0" */
	PE_O_N_SECTIONS = 6,
	PE_O_SYMBOLS = 12, /* pointer, then count */
	PE_O_OPTIONAL = 24,
	/* from the optional header */
	OPT_O_INIT_DATA_BYTES = 8,
	OPT_O_IMAGE_BYTES = 56,
	OPT_O_HEADER_BYTES = 60,
	OPT_O_CHECKSUM = 64,
	OPT_O_N_DIRECTORIES = 108,
	OPT_O_CERTIFICATES = 144, /* directory entry 4: offset, then bytes */
	/* from a section header */
	SECTION_BYTES = 40,
	SEC_O_VIRTUAL_BYTES = 8,
	SEC_O_VIRTUAL_ADDRESS = 12,
	SEC_O_RAW_BYTES = 16,
	SEC_O_RAW_OFFSET = 20,
	SEC_O_CHARACTERISTICS = 36,
};

#define SECTION_READ_ONLY_DATA 0x40000040u
#define PAGE_BYTES 4096u

/* Where the next section goes. */
struct cursor {
	uint64_t file_end; /* aligned to file_align */
	uint64_t image_end; /* aligned to pages */
	uint32_t file_align, section_align;
	uint32_t added_bytes;
};

static uint64_t align_up(uint64_t v, uint64_t align)
{
	return (v + align - 1) / align * align;
}

/* In a section of ours: data only, so its size counts as initialised data. */
static uint32_t raw_bytes_from(const struct pe *pe, unsigned int idx)
{
	struct pe_section s;
	uint32_t sum = 0;

	for (; idx < pe->n_sections; idx++)
		if (pe_section_at(pe, idx, &s) == PE_OK)
			sum += s.raw_bytes;
	return sum;
}

static int check_file(const void *file, size_t len, struct pe *pe, struct err *err)
{
	int e = pe_parse(file, len, len, pe);

	if (e != PE_OK)
		return err_set(err, -EBADMSG, "%s", pe_error_text(e));
	if (pe->cert_offset)
		return err_set(err, -EBADMSG, "it is signed: add sections before that");
	if (!pe->file_alignment || pe->file_alignment % 512 || !pe->section_alignment)
		return err_set(err, -EBADMSG, "its file alignment is %u", pe->file_alignment);
	return 0;
}

/* Where the existing sections end, in the file and in memory. */
static int find_ends(const struct pe *pe, struct cursor *c, struct err *err)
{
	struct pe_section s;

	c->file_align = pe->file_alignment;
	c->section_align = pe->section_alignment > PAGE_BYTES ? pe->section_alignment : PAGE_BYTES;
	c->file_end = 0;
	c->image_end = pe->size_of_image;
	for (unsigned i = 0; i < pe->n_sections; i++) {
		uint64_t virtual_end, raw_end;

		if (pe_section_at(pe, i, &s) != PE_OK)
			return err_set(err, -EBADMSG, "section %u cannot be read", i);
		if (s.name[0] == '/')
			return err_set(err, -EBADMSG, "section %u is named by the symbol table", i);
		virtual_end = (uint64_t)s.virtual_address + s.virtual_bytes;
		raw_end = (uint64_t)s.offset + s.raw_bytes;
		if (virtual_end > c->image_end)
			c->image_end = virtual_end;
		if (raw_end > c->file_end)
			c->file_end = raw_end;
	}
	c->file_end = align_up(c->file_end, c->file_align);
	c->image_end = align_up(c->image_end, c->section_align);
	return 0;
}

static void pad(struct buf *b, uint64_t to)
{
	static const char zeroes[4096];

	while (b->len < to && buf_ok(b)) {
		size_t n = to - b->len < sizeof(zeroes) ? to - b->len : sizeof(zeroes);

		buf_add(b, zeroes, n);
	}
}

static int append_one(struct buf *out, struct cursor *c, size_t header_offset,
		      const struct pe_new_section *s, struct err *err)
{
	uint64_t raw_bytes = align_up(s->len, c->file_align);
	uint8_t *h;

	if (c->image_end + s->len > UINT32_MAX || c->file_end + raw_bytes > UINT32_MAX)
		return err_set(err, -EFBIG, "section %s: the image would pass 4 GiB", s->name);
	buf_add(out, s->data, s->len);
	pad(out, c->file_end + raw_bytes);
	if (!buf_ok(out))
		return err_oom(err);
	h = (uint8_t *)out->data + header_offset;
	memset(h, 0, SECTION_BYTES);
	memcpy(h, s->name, strnlen(s->name, PE_SECTION_NAME_MAX));
	le32_store(h + SEC_O_VIRTUAL_BYTES, (uint32_t)s->len);
	le32_store(h + SEC_O_VIRTUAL_ADDRESS, (uint32_t)c->image_end);
	le32_store(h + SEC_O_RAW_BYTES, (uint32_t)raw_bytes);
	le32_store(h + SEC_O_RAW_OFFSET, (uint32_t)c->file_end);
	le32_store(h + SEC_O_CHARACTERISTICS, SECTION_READ_ONLY_DATA);
	c->file_end += raw_bytes;
	c->image_end = align_up(c->image_end + s->len, c->section_align);
	c->added_bytes += (uint32_t)raw_bytes;
	return 0;
}

/*
 * The PE checksum: 16-bit one's complement sum of the file, its own field as zero, plus the
 * length.
 */
static uint32_t checksum(const uint8_t *file, size_t len, size_t field)
{
	uint64_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		if (i != field && i != field + 2)
			sum += le16_load(file + i);
	if (len % 2)
		sum += file[len - 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint32_t)(sum + len);
}

static int check_names(const struct pe *pe, const struct pe_new_section *sections, size_t n,
		       size_t *ret_n, struct err *err)
{
	struct pe_section s;

	*ret_n = 0;
	for (size_t i = 0; i < n; i++) {
		if (pe_section_find(pe, sections[i].name, &s) != PE_E_NOT_FOUND)
			return err_set(err, -EBADMSG, "it has a section %s already",
				       sections[i].name);
		*ret_n += sections[i].len > 0;
	}
	return 0;
}

static void fix_headers(struct buf *out, const struct cursor *c, unsigned n_sections)
{
	uint8_t *file = (uint8_t *)out->data;
	size_t pe_offset = le32_load(file + PE_O_LFANEW);
	uint8_t *optional = file + pe_offset + PE_O_OPTIONAL;

	le16_store(file + pe_offset + PE_O_N_SECTIONS, (uint16_t)n_sections);
	memset(file + pe_offset + PE_O_SYMBOLS, 0, 8);
	le32_store(optional + OPT_O_INIT_DATA_BYTES,
		   le32_load(optional + OPT_O_INIT_DATA_BYTES) + c->added_bytes);
	le32_store(optional + OPT_O_IMAGE_BYTES, (uint32_t)c->image_end);
	le32_store(optional + OPT_O_CHECKSUM,
		   checksum(file, out->len, pe_offset + PE_O_OPTIONAL + OPT_O_CHECKSUM));
}

int pe_append(const void *file, size_t file_len, const struct pe_new_section *sections, size_t n,
	      struct buf *ret, struct err *err)
{
	struct cursor c = { 0 };
	size_t table_end, n_new = 0, headers;
	struct pe pe;
	int r;

	r = check_file(file, file_len, &pe, err);
	if (r == 0)
		r = find_ends(&pe, &c, err);
	if (r == 0)
		r = check_names(&pe, sections, n, &n_new, err);
	if (r < 0)
		return r;
	table_end = pe.section_table + (size_t)pe.n_sections * SECTION_BYTES;
	headers = le32_load((const uint8_t *)file + le32_load((const uint8_t *)file + PE_O_LFANEW) +
			    PE_O_OPTIONAL + OPT_O_HEADER_BYTES);
	if (table_end + n_new * SECTION_BYTES > headers || headers > file_len ||
	    pe.n_sections + n_new > PE_SECTIONS_MAX)
		return err_set(err, -ENOSPC, "its headers have no room for %zu more sections",
			       n_new);
	buf_add(ret, file, c.file_end < file_len ? c.file_end : file_len);
	pad(ret, c.file_end);
	for (size_t i = 0; i < n; i++) {
		if (!sections[i].len)
			continue;
		r = append_one(ret, &c, table_end, &sections[i], err);
		if (r < 0)
			return r;
		table_end += SECTION_BYTES;
	}
	fix_headers(ret, &c, (unsigned)(pe.n_sections + n_new));
	return 0;
}

/* Are all sections from @idx on behind all those before, in the file and in memory? */
static bool sections_are_last(const struct pe *pe, unsigned int idx, uint64_t *ret_file_end,
			      uint64_t *ret_image_end)
{
	uint64_t file_end = 0, image_end = 0;
	struct pe_section s;

	for (unsigned int i = 0; i < pe->n_sections; i++) {
		if (pe_section_at(pe, i, &s) != PE_OK)
			return false;
		if (i >= idx) {
			if (s.offset < file_end || s.virtual_address < image_end)
				return false;
			continue;
		}
		if ((uint64_t)s.offset + s.raw_bytes > file_end)
			file_end = (uint64_t)s.offset + s.raw_bytes;
		if ((uint64_t)s.virtual_address + s.virtual_bytes > image_end)
			image_end = (uint64_t)s.virtual_address + s.virtual_bytes;
	}
	*ret_file_end = file_end;
	*ret_image_end = image_end;
	return true;
}

int pe_cut(const void *file, size_t file_len, unsigned int n_keep, struct buf *ret, struct err *err)
{
	struct cursor c = { 0 };
	uint64_t file_end, image_end;
	uint8_t *out, *optional;
	struct pe pe;
	int e = pe_parse(file, file_len, file_len, &pe);

	if (e != PE_OK)
		return err_set(err, -EBADMSG, "%s", pe_error_text(e));
	if (!n_keep || n_keep > pe.n_sections || !pe.section_alignment ||
	    !sections_are_last(&pe, n_keep, &file_end, &image_end) || file_end > file_len)
		return err_set(err, -EBADMSG, "its sections cannot be taken apart");
	buf_add(ret, file, file_end);
	if (!buf_ok(ret))
		return err_oom(err);
	out = (uint8_t *)ret->data;
	optional = out + le32_load(out + PE_O_LFANEW) + PE_O_OPTIONAL;
	memset(out + pe.section_table + (size_t)n_keep * SECTION_BYTES, 0,
	       (size_t)(pe.n_sections - n_keep) * SECTION_BYTES);
	if (le32_load(optional + OPT_O_N_DIRECTORIES) > 4)
		memset(optional + OPT_O_CERTIFICATES, 0, 8);
	le32_store(optional + OPT_O_INIT_DATA_BYTES,
		   le32_load(optional + OPT_O_INIT_DATA_BYTES) - raw_bytes_from(&pe, n_keep));
	c.image_end = align_up(image_end, pe.section_alignment);
	fix_headers(ret, &c, n_keep);
	return 0;
}
