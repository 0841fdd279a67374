/* See verity_table.h. */
#include "lib/core/verity_table.h"

#include <stdbool.h>

#include "lib/core/bytes.h"
#include "lib/core/cmdline.h"
#include "lib/core/platform.h"

#define SECTORS_PER_BLOCK (VERITY_BLOCK_BYTES / 512)

_Static_assert(VERITY_FANOUT * VERITY_HASH_BYTES == VERITY_BLOCK_BYTES, "a full block of hashes");
/* Worst case of kiln.verity: two numbers of 20 digits, two commas, the salt, the NUL. */
_Static_assert(VERITY_PARAM_TEXT_SIZE >= 2 * 20 + 2 + 2 * VERITY_SALT_MAX + 1, "text fits");
_Static_assert(VERITY_TABLE_TEXT_SIZE >= 2 * VERITY_DEVICE_TEXT_MAX + 2 * VERITY_SALT_MAX + 64 +
	       2 * 20 + 64, "table fits");

/* A text that grows in the caller's buffer; @full once something did not fit. */
struct text {
	char *at;
	size_t left; /* with room for the NUL */
	bool full;
};

static void text_add(struct text *t, const char *s)
{
	size_t len = strlen(s);

	if (t->full || len >= t->left) {
		t->full = true;
		return;
	}
	memcpy(t->at, s, len + 1);
	t->at += len;
	t->left -= len;
}

static void text_add_number(struct text *t, uint64_t v)
{
	char number[21];

	u64_format(v, number);
	text_add(t, number);
}

static void text_add_salt(struct text *t, const struct verity_params *p)
{
	char pair[3];

	if (!p->salt_bytes)
		text_add(t, "-");
	for (uint32_t i = 0; i < p->salt_bytes; i++) {
		bytes_to_hex(p->salt + i, 1, pair);
		text_add(t, pair);
	}
}

static int check_ranges(const struct verity_params *p)
{
	if (!p->data_blocks || p->data_blocks > VERITY_DATA_BLOCKS_MAX)
		return VERITY_E_DATA_BLOCKS;
	if (p->hash_start_block > VERITY_HASH_START_MAX)
		return VERITY_E_HASH_START;
	if (p->salt_bytes > VERITY_SALT_MAX)
		return VERITY_E_SALT;
	return VERITY_OK;
}

static int parse_salt(const char *text, struct verity_params *p)
{
	size_t len = strlen(text);

	if (len == 1 && text[0] == '-') {
		p->salt_bytes = 0;
		return VERITY_OK;
	}
	if (!len || len % 2 || len / 2 > VERITY_SALT_MAX ||
	    !bytes_from_hex(text, len, p->salt, len / 2))
		return VERITY_E_SALT;
	p->salt_bytes = (uint32_t)(len / 2);
	return VERITY_OK;
}

static size_t field_len(const char *text)
{
	size_t n = 0;

	while (text[n] && text[n] != ',')
		n++;
	return n;
}

/*
 * A decimal field in its only spelling: no leading zero, so that one set of
 * parameters has one text.
 */
static bool parse_number(const char *text, size_t len, uint64_t *ret)
{
	return !(len > 1 && text[0] == '0') && u64_parse(text, len, ret);
}

int verity_params_parse(const char *root_hash, const char *verity, struct verity_params *ret)
{
	struct verity_params p = { 0 };
	size_t len;
	int r;

	if (!bytes_from_hex(root_hash, strlen(root_hash), p.root_hash, VERITY_HASH_BYTES))
		return VERITY_E_ROOT_HASH;
	len = field_len(verity);
	if (verity[len] != ',' || !parse_number(verity, len, &p.data_blocks))
		return VERITY_E_SYNTAX;
	verity += len + 1;
	len = field_len(verity);
	if (verity[len] != ',' || !parse_number(verity, len, &p.hash_start_block))
		return VERITY_E_SYNTAX;
	verity += len + 1;
	if (verity[field_len(verity)] == ',')
		return VERITY_E_SYNTAX;
	r = parse_salt(verity, &p);
	if (!r)
		r = check_ranges(&p);
	if (r)
		return r;
	*ret = p;
	return VERITY_OK;
}

int verity_params_from_cmdline(const char *line, size_t len, struct verity_params *ret)
{
	char root_hash[2 * VERITY_HASH_BYTES + 1], verity[VERITY_PARAM_TEXT_SIZE];

	if (cmdline_check(line, len, "kiln.") ||
	    cmdline_get(line, len, "kiln.roothash", root_hash, sizeof(root_hash)) ||
	    cmdline_get(line, len, "kiln.verity", verity, sizeof(verity)))
		return VERITY_E_CMDLINE;
	return verity_params_parse(root_hash, verity, ret);
}

int verity_params_format(const struct verity_params *p, char *ret_text, size_t size)
{
	char out[VERITY_PARAM_TEXT_SIZE];
	struct text t = { out, sizeof(out), false };
	int r = check_ranges(p);

	if (r)
		return r;
	text_add_number(&t, p->data_blocks);
	text_add(&t, ",");
	text_add_number(&t, p->hash_start_block);
	text_add(&t, ",");
	text_add_salt(&t, p);
	if (t.full || strlen(out) >= size)
		return VERITY_E_BUFFER;
	memcpy(ret_text, out, strlen(out) + 1);
	return VERITY_OK;
}

int verity_tree_shape(uint64_t data_blocks, struct verity_tree *ret)
{
	struct verity_tree tree = { 0 };

	if (!data_blocks || data_blocks > VERITY_DATA_BLOCKS_MAX)
		return VERITY_E_DATA_BLOCKS;
	for (uint64_t below = data_blocks; below > 1;) {
		below = (below + VERITY_FANOUT - 1) / VERITY_FANOUT;
		tree.level_blocks[tree.levels++] = below;
		tree.hash_blocks += below;
	}
	*ret = tree;
	return VERITY_OK;
}

int verity_params_fit(const struct verity_params *p, uint64_t data_bytes, uint64_t hash_bytes)
{
	struct verity_tree tree;
	int r = check_ranges(p);

	if (!r)
		r = verity_tree_shape(p->data_blocks, &tree);
	if (r)
		return r;
	if (p->data_blocks > data_bytes / VERITY_BLOCK_BYTES)
		return VERITY_E_DATA_SIZE;
	if (p->hash_start_block + tree.hash_blocks > hash_bytes / VERITY_BLOCK_BYTES)
		return VERITY_E_HASH_SIZE;
	return VERITY_OK;
}

uint64_t verity_data_sectors(const struct verity_params *p)
{
	return p->data_blocks * SECTORS_PER_BLOCK;
}

/* A device name that cannot end its field of the table early. */
static bool device_valid(const char *name)
{
	size_t len = strlen(name);

	if (!len || len > VERITY_DEVICE_TEXT_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] > '~' || name[i] == '\\' || name[i] == ',')
			return false;
	return true;
}

int verity_table_format(const struct verity_params *p, const char *data_dev, const char *hash_dev,
			enum verity_damage damage, char *ret_text, size_t size)
{
	char out[VERITY_TABLE_TEXT_SIZE], root[2 * VERITY_HASH_BYTES + 1];
	struct text t = { out, sizeof(out), false };
	int r = check_ranges(p);

	if (r)
		return r;
	if (!device_valid(data_dev) || !device_valid(hash_dev))
		return VERITY_E_DEVICE;
	bytes_to_hex(p->root_hash, VERITY_HASH_BYTES, root);
	text_add(&t, "1 ");
	text_add(&t, data_dev);
	text_add(&t, " ");
	text_add(&t, hash_dev);
	text_add(&t, " 4096 4096 ");
	text_add_number(&t, p->data_blocks);
	text_add(&t, " ");
	text_add_number(&t, p->hash_start_block);
	text_add(&t, " sha256 ");
	text_add(&t, root);
	text_add(&t, " ");
	text_add_salt(&t, p);
	/* Not restart_on_corruption: a restart in order says nothing that outlives it. */
	if (damage != VERITY_DAMAGE_EIO)
		text_add(&t, " 1 panic_on_corruption");
	if (t.full || strlen(out) >= size)
		return VERITY_E_BUFFER;
	memcpy(ret_text, out, strlen(out) + 1);
	return VERITY_OK;
}

const char *verity_error_text(int error)
{
	switch ((enum verity_error)error) {
	case VERITY_OK:
		return "no error";
	case VERITY_E_ROOT_HASH:
		return "the root hash is not 64 hex digits";
	case VERITY_E_SYNTAX:
		return "kiln.verity is not DATA_BLOCKS,HASH_START_BLOCK,SALT";
	case VERITY_E_DATA_BLOCKS:
		return "the number of data blocks is out of range";
	case VERITY_E_HASH_START:
		return "the start of the hash tree is out of range";
	case VERITY_E_SALT:
		return "the salt is not hex of at most 256 bytes";
	case VERITY_E_CMDLINE:
		return "the command line lacks a kiln parameter or has it twice";
	case VERITY_E_DATA_SIZE:
		return "the data does not fit its partition";
	case VERITY_E_HASH_SIZE:
		return "the hash tree does not fit its partition";
	case VERITY_E_DEVICE:
		return "a device name is malformed";
	case VERITY_E_BUFFER:
		return "the text does not fit its buffer";
	}
	return "unknown error";
}
