/* See deb_ar.h. */
#include "builder/rootfs/deb_ar.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"

/* struct ar_hdr of ar(5), as byte offsets. */
enum {
	AR_MAGIC_BYTES = 8,
	AR_NAME = 0,
	AR_NAME_BYTES = 16,
	AR_SIZE = 48,
	AR_SIZE_BYTES = 10,
	AR_FMAG = 58,
	AR_HEADER_BYTES = 60,
};

#define AR_MEMBERS_MAX 16

static int bad(struct err *err, const char *what)
{
	return err_set(err, -EBADMSG, "not a Debian package: %s", what);
}

/* Digits, then only spaces. */
static bool parse_size(const char *field, uint64_t *ret)
{
	uint64_t v = 0;
	int i = 0;

	for (; i < AR_SIZE_BYTES && field[i] >= '0' && field[i] <= '9'; i++)
		v = v * 10 + (uint64_t)(field[i] - '0');
	if (i == 0)
		return false;
	for (; i < AR_SIZE_BYTES; i++)
		if (field[i] != ' ')
			return false;
	*ret = v;
	return true;
}

/* The member's name without padding; a single '/' at its end is GNU ar's terminator. */
static bool parse_name(const char *field, char name[17])
{
	int n = AR_NAME_BYTES;

	while (n && field[n - 1] == ' ')
		n--;
	if (n > 1 && field[n - 1] == '/')
		n--;
	if (n == 0 || memchr(field, '\0', AR_NAME_BYTES) || memchr(field, '/', (size_t)n) ||
	    memchr(field, ' ', (size_t)n))
		return false;
	memcpy(name, field, (size_t)n);
	name[n] = '\0';
	return true;
}

static int read_header(int fd, uint64_t at, uint64_t file_bytes, struct deb_member *m,
		       struct err *err)
{
	char head[AR_HEADER_BYTES];

	if (file_bytes - at < sizeof(head))
		return bad(err, "junk after the last member");
	if (io_pread_all(fd, head, sizeof(head), at) < 0)
		return bad(err, "cannot be read");
	if (head[AR_FMAG] != '`' || head[AR_FMAG + 1] != '\n' ||
	    !parse_name(head + AR_NAME, m->name) || !parse_size(head + AR_SIZE, &m->size_bytes))
		return bad(err, "a broken member header");
	m->offset_bytes = at + sizeof(head);
	if (m->size_bytes > file_bytes - m->offset_bytes)
		return bad(err, "a member is longer than the file");
	return 0;
}

/* "control.tar.xz" for stem "control.tar"; false for another name or an unknown ending. */
static bool parse_tar_name(struct deb_member *m, const char *stem)
{
	static const struct {
		const char *ending;
		enum deb_compression c;
	} endings[] = {
		{ "", DEB_PLAIN }, { ".gz", DEB_GZ }, { ".xz", DEB_XZ }, { ".zst", DEB_ZST },
	};
	size_t n = strlen(stem);

	if (strncmp(m->name, stem, n))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
		if (strcmp(m->name + n, endings[i].ending))
			continue;
		m->compression = endings[i].c;
		return true;
	}
	return false;
}

static int check_version(int fd, const struct deb_member *m, struct err *err)
{
	char text[16] = { 0 };
	size_t n = m->size_bytes < sizeof(text) ? (size_t)m->size_bytes : sizeof(text) - 1;

	if (strcmp(m->name, "debian-binary"))
		return bad(err, "the first member is not debian-binary");
	if (io_pread_all(fd, text, n, m->offset_bytes) < 0 || strncmp(text, "2.", 2) ||
	    !strchr(text, '\n'))
		return bad(err, "its format version is not 2");
	return 0;
}

/* What the next member must be: 0 debian-binary, 1 control.tar, 2 data.tar, 3 the end. */
static int take_member(int fd, struct deb_member *m, int *stage, struct deb_members *out,
		       struct err *err)
{
	if (*stage == 0) {
		(*stage)++;
		return check_version(fd, m, err);
	}
	if (m->name[0] == '_')
		return 0;
	if (*stage == 1) {
		if (!parse_tar_name(m, "control.tar"))
			return bad(err, "control.tar is missing or of an unknown kind");
		out->control = *m;
	} else if (*stage == 2) {
		if (!parse_tar_name(m, "data.tar"))
			return bad(err, "data.tar is missing or of an unknown kind");
		out->data = *m;
	} else {
		return bad(err, "a member after data.tar");
	}
	(*stage)++;
	return 0;
}

int deb_ar_read(int fd, struct deb_members *ret, struct err *err)
{
	struct deb_members out = { 0 };
	struct deb_member m = { 0 };
	uint64_t file_bytes, at = AR_MAGIC_BYTES;
	char magic[AR_MAGIC_BYTES];
	int r, stage = 0;

	r = io_size(fd, &file_bytes);
	if (r < 0)
		return err_errno(err, r, "cannot read");
	if (file_bytes < AR_MAGIC_BYTES || io_pread_all(fd, magic, sizeof(magic), 0) < 0 ||
	    memcmp(magic, "!<arch>\n", AR_MAGIC_BYTES))
		return bad(err, "it does not begin with '!<arch>'");
	for (int i = 0; at < file_bytes; i++) {
		if (i == AR_MEMBERS_MAX)
			return bad(err, "too many members");
		r = read_header(fd, at, file_bytes, &m, err);
		if (r == 0)
			r = take_member(fd, &m, &stage, &out, err);
		if (r < 0)
			return r;
		/* The padding byte of an odd last member may be missing. */
		at = m.offset_bytes + m.size_bytes;
		at += at & 1 && at < file_bytes;
	}
	if (stage != 3)
		return bad(err, stage < 2 ? "control.tar is missing" : "data.tar is missing");
	*ret = out;
	return 0;
}
