/* See selector_part.h. */
#include "install/selector_part.h"

#include <errno.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/core/pe.h"

#define PAGE_BYTES 4096u /* a multiple of every sector size */
#define SBAT_COMPONENT "kiln.selector,"
#define SBAT_FIELDS_BEFORE_VERSION 4 /* component, generation, vendor, package */
#define ESP_STEP_BYTES 512u /* clusters are multiples of it */
#define ESP_READ_BYTES (256u * 1024)

_Static_assert(BS_SELECTOR_MAX_BYTES % PAGE_BYTES == 0, "an area is whole pages");

/* The boot state while it is changed; one at a time. */
static struct bs_disk disk;
static struct bs bs;

/* ---- what it is --------------------------------------------------------------------- */

/* The line of the CSV in @text that is about the selector; NULL: none. */
static const char *sbat_line(const char *text, size_t len, const char **ret_end)
{
	const char *at = text, *end = text + len;

	while (at < end) {
		const char *eol = memchr(at, '\n', (size_t)(end - at));

		eol = eol ? eol : end;
		if ((size_t)(eol - at) > strlen(SBAT_COMPONENT) &&
		    memcmp(at, SBAT_COMPONENT, strlen(SBAT_COMPONENT)) == 0) {
			*ret_end = eol;
			return at;
		}
		at = eol + 1;
	}
	return NULL;
}

bool selector_part_version(const void *data, size_t len, char ret[VERSION_TEXT_SIZE])
{
	char version[VERSION_TEXT_SIZE] = { 0 };
	const char *at, *end, *comma;
	struct pe_section s;
	struct pe pe;

	if (pe_parse(data, len, len, &pe) || pe_section_find(&pe, ".sbat", &s))
		return false;
	at = sbat_line((const char *)data + s.offset, s.bytes, &end);
	for (unsigned i = 0; at && i < SBAT_FIELDS_BEFORE_VERSION; i++) {
		at = memchr(at, ',', (size_t)(end - at));
		at = at ? at + 1 : NULL;
	}
	comma = at ? memchr(at, ',', (size_t)(end - at)) : NULL;
	if (!comma || (size_t)(comma - at) >= sizeof(version))
		return false;
	memcpy(version, at, (size_t)(comma - at));
	if (!version_field_valid(version, sizeof(version)))
		return false;
	memcpy(ret, version, sizeof(version));
	return true;
}

/* ---- is it there already? ------------------------------------------------------------- */

bool selector_part_on_esp(const struct disk_ops *esp, uint64_t esp_bytes, size_t len,
			  const uint8_t sha256[32], void *ret)
{
	_cleanup_free_ uint8_t *window = malloc(ESP_READ_BYTES);
	uint8_t digest[DIGEST_BYTES];

	for (uint64_t at = 0; window && at < esp_bytes; at += ESP_READ_BYTES) {
		uint64_t left = esp_bytes - at;
		size_t n = left < ESP_READ_BYTES ? (size_t)left : ESP_READ_BYTES;

		if (esp->read(esp->ctx, at, window, n))
			return false;
		for (size_t i = 0; i + ESP_STEP_BYTES <= n; i += ESP_STEP_BYTES) {
			if (window[i] != 'M' || window[i + 1] != 'Z' || len > left - i ||
			    esp->read(esp->ctx, at + i, ret, len))
				continue;
			digest_bytes(ret, len, digest);
			if (!memcmp(digest, sha256, sizeof(digest)))
				return true;
		}
	}
	return false;
}

bool selector_part_in_area(const struct disk_ops *state, unsigned area,
			   const struct bs_selector_image *image, void *ret)
{
	uint8_t digest[DIGEST_BYTES];

	if (image->bytes > BS_SELECTOR_MAX_BYTES ||
	    state->read(state->ctx, BS_SELECTOR_OFFSET(area), ret, image->bytes))
		return false;
	digest_bytes(ret, image->bytes, digest);
	return !memcmp(digest, image->sha256, sizeof(digest));
}

static int store(struct err *err)
{
	int r = bs_store(&disk, &bs);

	if (r < 0)
		return err_errno(err, r, "cannot store the boot state");
	if (r == BS_E_READBACK)
		return err_set(err, SELECTOR_PART_E_READBACK, "%s", bs_error_text(r));
	return r ? err_set(err, SELECTOR_PART_E_STATE, "%s", bs_error_text(r)) : 0;
}

/* SELECTOR_PART_SAME when @image is what starts, or need only be preferred. */
static int find(const struct selector_part *p, const struct bs_selector_image *image,
		struct err *err)
{
	unsigned area;
	int r;

	for (area = 0; area < BS_SELECTORS; area++) {
		if (!bs_selector_holds(&bs, area, image))
			continue;
		if (bs.selectors.first == area)
			return SELECTOR_PART_SAME;
		bs_selector_prefer(&bs, area);
		r = store(err);
		return r ? r : SELECTOR_PART_SAME;
	}
	if (!bs_selector_choose(&bs, 0, &area) && p->on_esp)
		return SELECTOR_PART_SAME;
	return 0;
}

/* ---- writing ------------------------------------------------------------------------------ */

/* Page by page; the last one is filled up with zeroes. */
static int write_area(const struct selector_part *p, unsigned area, struct err *err)
{
	uint8_t page[PAGE_BYTES];

	for (size_t at = 0; at < p->len; at += PAGE_BYTES) {
		size_t n = p->len - at < PAGE_BYTES ? p->len - at : PAGE_BYTES;
		int r;

		memset(page, 0, sizeof(page));
		memcpy(page, (const uint8_t *)p->data + at, n);
		r = p->state->write ? p->state->write(p->state->ctx, BS_SELECTOR_OFFSET(area) + at,
						      page, sizeof(page)) : -EROFS;
		if (r)
			return err_errno(err, r, "cannot write the selector");
	}
	if (p->state->flush(p->state->ctx))
		return err_set(err, -EIO, "cannot flush the selector");
	for (size_t at = 0; at < p->len; at += PAGE_BYTES) {
		size_t n = p->len - at < PAGE_BYTES ? p->len - at : PAGE_BYTES;
		int r = p->state->read(p->state->ctx, BS_SELECTOR_OFFSET(area) + at, page,
				       sizeof(page));

		if (r)
			return err_errno(err, r, "cannot read the selector back");
		if (memcmp(page, (const uint8_t *)p->data + at, n))
			return err_set(err, SELECTOR_PART_E_READBACK,
				       "the selector did not read back as written");
	}
	return 0;
}

static int replace(const struct selector_part *p, const struct bs_selector_image *image,
		   struct err *err)
{
	unsigned area;
	int r = bs_selector_install_begin(&bs, image, p->allow_refused, &area);

	if (r == BS_E_REFUSED)
		return err_set(err, SELECTOR_PART_E_REFUSED,
			       "selector %s failed here before and is refused", image->version);
	if (r)
		return err_set(err, SELECTOR_PART_E_STATE, "%s", bs_error_text(r));
	r = store(err);
	r = r ? r : write_area(p, area, err);
	if (r)
		return r;
	bs_selector_install_commit(&bs, area, image);
	return store(err);
}

int selector_part_install(const struct selector_part *p, struct err *err)
{
	struct bs_selector_image image = { .bytes = (uint32_t)p->len };
	int r;

	if (p->len > BS_SELECTOR_MAX_BYTES)
		return err_set(err, SELECTOR_PART_E_FORMAT, "a selector has at most %u KiB",
			       BS_SELECTOR_MAX_BYTES / 1024);
	if (!selector_part_version(p->data, p->len, image.version))
		return err_set(err, SELECTOR_PART_E_FORMAT, "this is no selector of kiln's");
	digest_bytes(p->data, p->len, image.sha256);
	r = bs_load(&disk, p->state, &bs);
	if (r < 0)
		return err_errno(err, r, "cannot read the boot state");
	if (r)
		return err_set(err, SELECTOR_PART_E_STATE, "%s", bs_error_text(r));
	r = find(p, &image, err);
	return r ? r : replace(p, &image, err);
}

const char *selector_part_error_name(int error)
{
	static const char *const names[] = {
		[SELECTOR_PART_OK] = "ok",
		[SELECTOR_PART_SAME] = "same",
		[SELECTOR_PART_E_REFUSED] = "refused",
		[SELECTOR_PART_E_FORMAT] = "format",
		[SELECTOR_PART_E_STATE] = "state",
		[SELECTOR_PART_E_READBACK] = "readback",
	};

	if (error < 0)
		return "io";
	return (size_t)error < ARRAY_SIZE(names) ? names[error] : "unknown";
}
