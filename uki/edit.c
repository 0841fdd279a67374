/* See edit.h. */
#include "uki/edit.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/core/pe.h"
#include "uki/pe_append.h"

#define INITRD_ALIGN 4 /* between archives, as the kernel's unpacker wants it */

enum { OSREL, UNAME, CMDLINE, LINUX, INITRD, PARTS };

static const char *const names[PARTS] = { ".osrel", ".uname", ".cmdline", ".linux", ".initrd" };

static bool is_part(const char *name)
{
	for (unsigned int i = 0; i < PARTS; i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

/* The number of sections in front, which are the stub's. */
static unsigned int stub_sections(const struct pe *pe)
{
	unsigned int n = 0;
	struct pe_section s;

	while (pe_section_at(pe, n, &s) == PE_OK && !is_part(s.name))
		n++;
	return n;
}

static int find_parts(const struct pe *pe, struct pe_new_section parts[PARTS], struct err *err)
{
	for (unsigned int i = 0; i < PARTS; i++) {
		struct pe_section s;
		int e = pe_section_find(pe, names[i], &s);

		if (e != PE_OK)
			return err_set(err, -EBADMSG, "section %s: %s", names[i], pe_error_text(e));
		parts[i] = (struct pe_new_section){ names[i], pe->data + s.offset, s.bytes };
	}
	if (stub_sections(pe) + PARTS != pe->n_sections)
		return err_set(err, -EBADMSG, "it has sections of others behind the stub's");
	return 0;
}

static int join_initrd(const struct pe_new_section *old, const struct uki_edit *edit,
		       struct buf *ret, struct err *err)
{
	static const char zeroes[INITRD_ALIGN];

	buf_reserve(ret, old->len + edit->initrd_len + INITRD_ALIGN);
	buf_add(ret, old->data, old->len);
	buf_add(ret, zeroes, (INITRD_ALIGN - old->len % INITRD_ALIGN) % INITRD_ALIGN);
	buf_add(ret, edit->initrd, edit->initrd_len);
	return buf_ok(ret) ? 0 : err_oom(err);
}

int uki_edit(const void *uki, size_t len, const struct uki_edit *edit, struct buf *ret,
	     struct err *err)
{
	_cleanup_buf_ struct buf stub = BUF_INIT, initrd = BUF_INIT;
	struct pe_new_section parts[PARTS];
	struct pe pe;
	int r = pe_parse(uki, len, len, &pe);

	if (r != PE_OK)
		return err_set(err, -EBADMSG, "no UKI: %s", pe_error_text(r));
	r = find_parts(&pe, parts, err);
	if (r == 0 && edit->initrd)
		r = join_initrd(&parts[INITRD], edit, &initrd, err);
	if (r == 0)
		r = pe_cut(uki, len, stub_sections(&pe), &stub, err);
	if (r < 0)
		return err_add(err, r, "UKI");
	if (edit->initrd)
		parts[INITRD] = (struct pe_new_section){ ".initrd", initrd.data, initrd.len };
	if (edit->cmdline)
		parts[CMDLINE] = (struct pe_new_section){ ".cmdline", edit->cmdline,
							  strlen(edit->cmdline) };
	if (edit->kernel)
		parts[LINUX] = (struct pe_new_section){ ".linux", edit->kernel, edit->kernel_len };
	r = pe_append(stub.data, stub.len, parts, PARTS, ret, err);
	return r < 0 ? err_add(err, r, "UKI") : 0;
}

int uki_cmdline(const void *uki, size_t len, char **ret, struct err *err)
{
	struct pe_section s;
	struct pe pe;
	int e = pe_parse(uki, len, len, &pe);

	if (e == PE_OK)
		e = pe_section_find(&pe, ".cmdline", &s);
	if (e != PE_OK)
		return err_set(err, -EBADMSG, "UKI: %s", pe_error_text(e));
	*ret = strndup((const char *)pe.data + s.offset, s.bytes);
	return *ret ? 0 : err_oom(err);
}

static int read_entry(struct archive *a, const struct archive_entry *e, size_t max_bytes,
		      char **ret, struct err *err)
{
	int64_t size = archive_entry_size((struct archive_entry *)e);
	char *text;

	if (size < 0 || (uint64_t)size > max_bytes)
		return err_set(err, -EFBIG, "it has more than %zu bytes", max_bytes);
	text = malloc((size_t)size + 1);
	if (!text)
		return err_oom(err);
	if (archive_read_data(a, text, (size_t)size) != size) {
		free(text);
		return err_set(err, -EBADMSG, "%s", archive_error_string(a) ?: "it ends early");
	}
	text[size] = '\0';
	*ret = text;
	return 0;
}

static int find_entry(struct archive *a, const char *path, size_t max_bytes, char **ret,
		      struct err *err)
{
	struct archive_entry *e;
	int r;

	while ((r = archive_read_next_header(a, &e)) == ARCHIVE_OK)
		if (archive_entry_filetype(e) == AE_IFREG &&
		    !strcmp(archive_entry_pathname(e), path))
			return read_entry(a, e, max_bytes, ret, err);
	if (r == ARCHIVE_EOF)
		return err_set(err, -ENOENT, "the archive does not have it");
	return err_set(err, -EBADMSG, "%s", archive_error_string(a));
}

int uki_initrd_file(const void *uki, size_t len, const char *path, size_t max_bytes, char **ret,
		    struct err *err)
{
	struct archive *a = archive_read_new();
	struct pe_section s;
	struct pe pe;
	int r = a ? pe_parse(uki, len, len, &pe) : -ENOMEM;

	if (r == PE_OK)
		r = pe_section_find(&pe, ".initrd", &s);
	if (r > 0)
		r = err_set(err, -EBADMSG, "%s", pe_error_text(r));
	else if (r < 0)
		err_oom(err);
	else if (archive_read_support_filter_zstd(a) || archive_read_support_format_cpio(a) ||
		 archive_read_open_memory(a, pe.data + s.offset, s.bytes))
		r = err_set(err, -EBADMSG, "%s", archive_error_string(a));
	r = r ?: find_entry(a, path, max_bytes, ret, err);
	archive_read_free(a);
	return r < 0 ? err_add(err, r, "UKI: initramfs: %s", path) : 0;
}
