/*
 * The tree against literal results of veritysetup 2.6.1 (root hash, and the
 * SHA-256 of the whole hash file with its superblock), and the checker against
 * every place a byte can be wrong in.
 */
#include "verity/tree.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/io.h"

static const struct golden {
	unsigned blocks, salt_len;
	bool zero;
	unsigned hash_blocks;
	const char *root, *file;
} golden[] = {
	{ 1, 32, false, 1,
	  "783fdf4640e981c7e177f7442ce04faf41d4f1da5ed24dce30e594a390c37d44",
	  "7b549d14282ea95d2c986ca7fceac4684b8eb35496bcd1a78a078768736784d3" },
	{ 2, 32, false, 2,
	  "ce29c9756473fff32deba11e3b6a3172853f22b4811fc304990cb4ccc84b7a51",
	  "b82d54ed618133185d3465dd37324920993949cc7841abca7defbdee1a562d61" },
	{ 3, 32, false, 2,
	  "561803e70e8f497253b61fdb83183a423c3d2856d9ab3f42251cedb1e8f3f677",
	  "26f6be3344b33e40b291fe3a55e79d48fd3c67039b40cee0de5543d32803d10d" },
	{ 127, 32, false, 2,
	  "5d2708fdb4e564ddc45505377c21cc3ae1391c0101cc7765eb5639f44ebcc0dc",
	  "cf02b1bbc9c1fed3a2d9997bf8a22b9fb86b3f01f88d6f0a4cf02a6de098ecd0" },
	{ 128, 32, false, 2,
	  "e16c05f0738dac2fd4f9b640059840c557de5b74f4967fed004db47682976753",
	  "4eb02d8b24eec16e7e7a39850f5aaba583c86dc4508adaf19b69ac746eb75048" },
	{ 129, 32, false, 4,
	  "d4a33b62af2264c3d9b09bdaa7bae07d5b6d42c898c7bbf885f29093bb0eecb3",
	  "0d241b6b24bc3d742bbe3c67bb088bf15ffc1ff7fe38b6ed0f2274c9bd576b58" },
	{ 255, 32, false, 4,
	  "43fe6f78bbde967f01fa9acde857dbcf2c3031ecc99a5b006c3e9704d44f4a1d",
	  "038a8ee335ced387f60f422bd84ad4a4d7d777ca7aec88ecbc5f44cb1c95a7e8" },
	{ 256, 32, false, 4,
	  "440c74b69d52d03f8cefd32c0fcc517872e3f3cd18d7d743b02192b74c901a92",
	  "fa565822f7e38339b5eb2cdedc6d99f09473e8b5913cb50b832640ac5b281ad6" },
	{ 257, 32, false, 5,
	  "0ef84d66df20fcaef7b67c50e69741fff3ec5d2581a3f7584a6d23c6d6de98b8",
	  "a1f54a834681522947ede4c667c12d2b18a7409be2a6a93707221f161bb654b8" },
	{ 1000, 32, false, 10,
	  "0d2d146a2b9433fed6679e300788ceb1ed45bf0854e093c79bd87d1881a03d05",
	  "67b74d5730184bc38843cc26eb5b7fd6f81830ff4f78258b3420e92fce7451d3" },
	{ 4096, 32, false, 34,
	  "7ab6df10ff6264c5bbf83ca1054c372bfa0b6fe0d03d4c4e261b1a9160a73515",
	  "0fc1c908a36edc005ad1677fc5576b4aeb3c94d9e400e8f4afbcb835528e410b" },
	{ 16383, 32, false, 130,
	  "470baf00dd39e14e739390783bcfcdd2dcd77bef8b5093ddc0fa30cdda441b7c",
	  "93cf6fbf4783eec50216339784caa41ac7750abdaef3ce349d770b55b29c9811" },
	{ 16384, 32, false, 130,
	  "d3a90f559c3c5735cbf61c9ca69db4ea867867baadd3bfc0f0f2a5edc19fb873",
	  "993ec4d92357cae967f2a4a1d6ce20d541c45fb86d16595286e3752ba4b81327" },
	{ 16385, 32, false, 133,
	  "944fcd39d2707cc18e24caced0f22a53d78e155b1c89baa7f9273f7a4aeadef7",
	  "86538fff5b240740b3e2ef028a782f1274e6ef76bc75e27b3b8a35f6ad0e6e11" },
	{ 20000, 32, false, 161,
	  "a077549543b4d4c615a2493b112c46b64e7a328fa0b6aec34ceaf31d1f3205f2",
	  "5597d3a59de1cbf64b9813836ab622e23d275bbc382e6e16e1f1f6984fec7b72" },
	{ 1, 32, true, 1,
	  "4ce3ecf32c133bf6321901b6092219474b6ac91a19d0304621d629e6bb9987dc",
	  "7b549d14282ea95d2c986ca7fceac4684b8eb35496bcd1a78a078768736784d3" },
	{ 128, 32, true, 2,
	  "1c54be08db02b0494336a7d086c623d9149b1e1f6bdbcaf866843bc43a745b9a",
	  "2085b0d037c1ef9a922ee25be132242738ffa6cb6f7684840d727f99b5d19780" },
	{ 1000, 32, true, 10,
	  "10bd5853234f3dda702b282e1e622d787334afeebc973eba1d3395ef3ff6b2b6",
	  "ddd1bc704e49a0acdda118c91e6403b5f9688b1965f2ebfb8a0cde7a3e6c8fc1" },
	{ 300, 0, false, 5,
	  "d610af6a44c79581f86aac95a6002a29b8325b08d0f736458e3c1bf60e838f4d",
	  "1986e6f44c3612737fdbe8e1a9e965e70514564f35229184129f32345e2f6c70" },
	{ 300, 1, false, 5,
	  "c0b979b921ebcc37f305ad793d4ed2d25115511c413457e167b6d36ccf4f4de6",
	  "ff3a8ad3e0b67d9912e055a9fe9ea83eb8bc3bce540a03a1bb5ad7b39a5c997f" },
	{ 300, 64, false, 5,
	  "cb6b051b6925a6468376e327cb1ac2e5082143f69064d7e1fdc482404f02ef62",
	  "cc602cd530e2701fbd00dc51c6c373c3b37e495c5e863e3a628858f43ee3a8b6" },
	{ 300, 100, false, 5,
	  "31f6d16e076ced19339e18a58a78317dcf17b9263e7b3b1f244d7542f9f1594d",
	  "d2a86c681ca7a1c9c41e21a6da91d2a3fc8fc81d3e67b64cc85993f3bb9552cf" },
	{ 300, 256, false, 5,
	  "7ad7e0ebcf3774ab702c8aa80bdd38e45d39e7c4bb383bb0ea0c59a60d0f9b2d",
	  "78236330987d960ba2f9f4e627c52b8d46ee4fc7fbad3ac793c852ecc5e9c579" },
};

/* "6b696c6e-0000-8000-8000-000000000001" */
static const uint8_t uuid[16] = { 0x6b, 0x69, 0x6c, 0x6e, 0, 0, 0x80, 0, 0x80, 0, 0, 0, 0, 0, 0, 1 };
static uint8_t salt[VERITY_SALT_MAX];

static int make_data(unsigned blocks, bool zero)
{
	int fd = memfd_create("data", MFD_CLOEXEC);

	assert_true(fd >= 0);
	for (unsigned b = 0; b < blocks; b++) {
		uint32_t words[VERITY_BLOCK_BYTES / 4] = { 0 };

		for (unsigned i = 0; i < ARRAY_SIZE(words) && !zero; i++)
			words[i] = (b * VERITY_BLOCK_BYTES + i * 4) * 2654435761u;
		assert_int_equal(io_write_all(fd, words, sizeof(words)), 0);
	}
	return fd;
}

static void equals_veritysetup(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(golden); i++) {
		const struct golden *g = &golden[i];
		_cleanup_close_ int data = make_data(g->blocks, g->zero);
		_cleanup_close_ int hash = memfd_create("hash", MFD_CLOEXEC);
		uint64_t bytes = (uint64_t)g->blocks * VERITY_BLOCK_BYTES, size;
		uint8_t root[32], file[32];
		char hex[65];

		for (unsigned threads = 0; threads < 4; threads++) {
			struct verity_options opts = { .threads = threads };

			assert_int_equal(verity_tree_write(data, bytes, salt, g->salt_len, uuid,
							   hash, root, &opts, NULL), 0);
			digest_hex(root, 32, hex);
			assert_string_equal(hex, g->root);
			assert_int_equal(io_size(hash, &size), 0);
			assert_int_equal(size, (uint64_t)g->hash_blocks * VERITY_BLOCK_BYTES);
			assert_int_equal(lseek(hash, 0, SEEK_SET), 0);
			assert_int_equal(digest_fd(hash, file, NULL), 0);
			digest_hex(file, 32, hex);
			assert_string_equal(hex, g->file);
			assert_int_equal(verity_tree_check(data, bytes, hash, salt, g->salt_len,
							   root, &opts, NULL), 0);
		}
	}
}

static void flip(int fd, uint64_t offset)
{
	uint8_t byte;

	assert_int_equal(io_pread_all(fd, &byte, 1, offset), 0);
	byte ^= 0x10;
	assert_int_equal(io_pwrite_all(fd, &byte, 1, offset), 0);
}

static void the_checker_names_the_first_bad_block(void **state)
{
	static const struct {
		bool in_hash;
		uint64_t block;
		unsigned at;
		const char *text;
	} cases[] = {
		{ false, 0, 0, "data block 0 of 16385 is corrupt" },
		{ false, 16384, 4095, "data block 16384 of 16385 is corrupt" },
		{ false, 9000, 77, "data block 9000 of 16385 is corrupt" },
		{ true, 1, 0, "hash block 1 (level 2) is corrupt, or the root hash belongs to another tree" },
		{ true, 1, 4095, "hash block 1 (level 2) is corrupt, or the root hash belongs to another tree" },
		{ true, 2, 5, "hash block 2 (level 1) is corrupt" },
		{ true, 3, 5, "hash block 3 (level 1) is corrupt" },
		{ true, 4, 0, "hash block 4 (level 0) is corrupt" },
		{ true, 132, 4000, "hash block 132 (level 0) is corrupt" },
	};
	_cleanup_close_ int data = make_data(16385, false);
	_cleanup_close_ int hash = memfd_create("hash", MFD_CLOEXEC);
	uint64_t bytes = UINT64_C(16385) * VERITY_BLOCK_BYTES;
	static struct err err;
	uint8_t root[32];

	(void)state;
	assert_int_equal(verity_tree_write(data, bytes, salt, 32, uuid, hash, root, NULL, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int fd = cases[i].in_hash ? hash : data;
		uint64_t offset = cases[i].block * VERITY_BLOCK_BYTES + cases[i].at;

		flip(fd, offset);
		err_init(&err);
		assert_int_equal(verity_tree_check(data, bytes, hash, salt, 32, root, NULL, &err),
				 VERITY_CORRUPT);
		assert_string_equal(err.text, cases[i].text);
		flip(fd, offset);
	}
	/* Two bad blocks far apart: the first is named, whichever thread was quicker. */
	flip(data, UINT64_C(200) * VERITY_BLOCK_BYTES);
	flip(data, UINT64_C(16000) * VERITY_BLOCK_BYTES);
	assert_int_equal(verity_tree_check(data, bytes, hash, salt, 32, root, NULL, &err),
			 VERITY_CORRUPT);
	assert_string_equal(err.text, "data block 200 of 16385 is corrupt");
}

static void the_superblock_is_never_read(void **state)
{
	_cleanup_close_ int data = make_data(300, false);
	_cleanup_close_ int hash = memfd_create("hash", MFD_CLOEXEC);
	uint8_t root[32], junk[VERITY_BLOCK_BYTES];

	(void)state;
	memset(junk, 0xff, sizeof(junk));
	assert_int_equal(verity_tree_write(data, 300 * 4096, salt, 32, uuid, hash, root, NULL, NULL), 0);
	assert_int_equal(io_pwrite_all(hash, junk, sizeof(junk), 0), 0);
	assert_int_equal(verity_tree_check(data, 300 * 4096, hash, salt, 32, root, NULL, NULL), 0);
}

static void a_truncated_image_is_corrupt_under_the_same_root(void **state)
{
	_cleanup_close_ int data = make_data(1000, false);
	_cleanup_close_ int hash = memfd_create("hash", MFD_CLOEXEC);
	static struct err err;
	uint8_t root[32];

	(void)state;
	assert_int_equal(verity_tree_write(data, 1000 * 4096, salt, 32, uuid, hash, root, NULL, NULL), 0);
	/* 900 blocks have a tree of the same shape: the kernel would accept this. */
	assert_int_equal(verity_tree_check(data, 900 * 4096, hash, salt, 32, root, NULL, &err),
			 VERITY_CORRUPT);
	assert_string_equal(err.text, "the spare space behind the hashes of level 0 is not zero");
	assert_int_equal(ftruncate(data, 999 * 4096), 0);
	assert_int_equal(verity_tree_check(data, 1000 * 4096, hash, salt, 32, root, NULL, &err), -ENODATA);
}

static void data_and_tree_may_lie_inside_a_disk(void **state)
{
	struct verity_options opts = { .data_start_bytes = 512, .hash_start_bytes = 3 << 20 };
	_cleanup_close_ int data = make_data(300, false), hash = memfd_create("hash", MFD_CLOEXEC);
	_cleanup_close_ int disk = memfd_create("disk", MFD_CLOEXEC);
	uint8_t root[32], same[32];
	uint64_t done = 0;

	(void)state;
	assert_int_equal(verity_tree_write(data, 300 * 4096, salt, 32, uuid, hash, root, NULL, NULL), 0);
	assert_int_equal(io_copy_range(data, 0, disk, 512, 300 * 4096), 0);
	assert_int_equal(verity_tree_write(disk, 300 * 4096, salt, 32, uuid, disk, same, &opts, NULL), 0);
	assert_memory_equal(root, same, 32);
	opts.done_bytes = &done;
	assert_int_equal(verity_tree_check(disk, 300 * 4096, disk, salt, 32, root, &opts, NULL), 0);
	assert_int_equal(done, 300 * 4096); /* data only, not the tree */
	flip(disk, 512 + 299 * 4096);
	assert_int_equal(verity_tree_check(disk, 300 * 4096, disk, salt, 32, root, &opts, NULL),
			 VERITY_CORRUPT);
}

static void bad_arguments_are_refused_and_the_root_is_left_alone(void **state)
{
	_cleanup_close_ int data = make_data(2, false);
	_cleanup_close_ int hash = memfd_create("hash", MFD_CLOEXEC);
	uint8_t root[32], same[32];
	static struct err err;

	(void)state;
	memset(root, 7, 32);
	memset(same, 7, 32);
	assert_int_equal(verity_tree_write(data, 0, salt, 32, uuid, hash, root, NULL, &err), -EINVAL);
	assert_int_equal(verity_tree_write(data, 4095, salt, 32, uuid, hash, root, NULL, &err), -EINVAL);
	assert_int_equal(verity_tree_write(data, 4096, salt, 257, uuid, hash, root, NULL, &err), -EINVAL);
	assert_int_equal(verity_tree_write(data, 3 * 4096, salt, 32, uuid, hash, root, NULL, &err), -ENODATA);
	assert_int_equal(verity_tree_write(data, UINT64_C(1) << 52, salt, 32, uuid, hash, root, NULL, &err),
			 -EFBIG);
	assert_memory_equal(root, same, 32);
}

static void salt_and_uuid_depend_on_names_only(void **state)
{
	uint8_t s1[32], s2[32], u1[16], u2[16];
	char hex[65];

	(void)state;
	verity_derive("web", "1.0", s1, u1);
	verity_derive("web", "1.1", s2, u2);
	assert_memory_equal(s1, s2, 32); /* so that versions share hash blocks */
	assert_memory_not_equal(u1, u2, 16);
	verity_derive("web1", ".0", s2, u2);
	assert_memory_not_equal(s1, s2, 32);
	assert_memory_not_equal(u1, u2, 16);
	digest_hex(s1, 32, hex);
	assert_string_equal(hex, "cbe4dbbad4eecd5d44c84591246db51744feae5e0c698a5c833c7b26cad6fff5");
	digest_hex(u1, 16, hex);
	assert_string_equal(hex, "164a531ac462828d9bccb8553856a27d");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equals_veritysetup),
		cmocka_unit_test(the_checker_names_the_first_bad_block),
		cmocka_unit_test(the_superblock_is_never_read),
		cmocka_unit_test(a_truncated_image_is_corrupt_under_the_same_root),
		cmocka_unit_test(data_and_tree_may_lie_inside_a_disk),
		cmocka_unit_test(bad_arguments_are_refused_and_the_root_is_left_alone),
		cmocka_unit_test(salt_and_uuid_depend_on_names_only),
	};

	for (unsigned i = 0; i < sizeof(salt); i++)
		salt[i] = (uint8_t)i;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
