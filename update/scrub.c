/* See scrub.h. */
#include "update/scrub.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/blk.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/core/gpt.h"
#include "verity/tree.h"

/* linux/ioprio.h, which not every libc knows: class idle, for this process. */
#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_IDLE (3 << 13)
#define NICE 19

/* What the process tells; shared memory, written by it alone. */
struct scrub_board {
	uint64_t done_bytes;
	enum scrub_state verdict;
	char why[256];
};

struct place {
	uint64_t data_start, hash_start; /* bytes from the start of the disk */
};

/* Where the slot's data and tree lie, by the disk's own table. */
static int find_place(const char *disk, unsigned slot, const struct verity_params *params,
		      struct place *ret, struct err *err)
{
	static struct gpt gpt;
	_cleanup_blk_ struct blk *b = NULL;
	struct gpt_partition data, hash;
	struct disk_ops ops;
	int r = blk_open(disk, false, &b, err);

	if (r)
		return r;
	ops = blk_disk_ops(b);
	r = gpt_read(&ops, b->sector_bytes, b->size_bytes / b->sector_bytes, &gpt);
	if (r < 0)
		return err_errno(err, r, "cannot read the partition table of %s", disk);
	r = r ?: gpt_find_name(&gpt, gpt_name_root[slot], &data);
	r = r ?: gpt_find_name(&gpt, gpt_name_verity[slot], &hash);
	if (r)
		return err_set(err, -ENOENT, "the root of slot %c on %s: %s", "ab"[slot], disk,
			       gpt_error_text(r));
	r = verity_params_fit(params, gpt_size_bytes(&gpt, &data), gpt_size_bytes(&gpt, &hash));
	if (r == 0 && params->hash_start_block < VERITY_HASH_START_BLOCK)
		r = VERITY_E_HASH_START;
	if (r)
		return err_set(err, -EINVAL, "the root of slot %c on %s: %s", "ab"[slot], disk,
			       verity_error_text(r));
	ret->data_start = gpt_offset_bytes(&gpt, &data);
	ret->hash_start = gpt_offset_bytes(&gpt, &hash) +
			  (params->hash_start_block - VERITY_HASH_START_BLOCK) * VERITY_BLOCK_BYTES;
	return 0;
}

static void be_modest(void)
{
	setpriority(PRIO_PROCESS, 0, NICE);
	syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_IDLE);
}

/* What is read here is read once: it must neither fill the page cache nor come from there. */
static int open_uncached(const char *disk)
{
	int fd = open(disk, O_RDONLY | O_DIRECT | O_CLOEXEC);

	if (fd < 0 && errno == EINVAL) {
		fd = open(disk, O_RDONLY | O_CLOEXEC);
		if (fd >= 0)
			posix_fadvise(fd, 0, 0, POSIX_FADV_NOREUSE);
	}
	return fd;
}

static int check(const char *disk, const struct place *place, const struct verity_params *params,
		 struct scrub_board *board, struct err *err)
{
	struct verity_options opts = { .threads = 1, .done_bytes = &board->done_bytes,
				       .data_start_bytes = place->data_start,
				       .hash_start_bytes = place->hash_start };
	_cleanup_close_ int data = open_uncached(disk);
	/* The tree is a hundredth of the data, and read in pieces of any alignment. */
	_cleanup_close_ int hash = open(disk, O_RDONLY | O_CLOEXEC);
	int r;

	if (data < 0 || hash < 0)
		return err_errno(err, -errno, "cannot open %s", disk);
	r = verity_tree_check(data, params->data_blocks * VERITY_BLOCK_BYTES, hash, params->salt,
			      params->salt_bytes, params->root_hash, &opts, err);
	posix_fadvise(data, 0, 0, POSIX_FADV_DONTNEED);
	posix_fadvise(hash, 0, 0, POSIX_FADV_DONTNEED);
	return r;
}

static enum scrub_state verdict_of(int r)
{
	switch (r) {
	case 0:
		return SCRUB_DONE;
	case VERITY_CORRUPT:
	case -EIO:
	case -EILSEQ: /* the block layer's word for a checksum that is wrong */
	case -EBADMSG:
		return SCRUB_CORRUPT;
	default:
		return SCRUB_BROKEN;
	}
}

static _Noreturn void child(const char *disk, const struct place *place,
			    const struct verity_params *params, struct scrub_board *board)
{
	static struct err err;
	int r;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	be_modest();
	r = check(disk, place, params, board, &err);
	snprintf(board->why, sizeof(board->why), "%.*s", (int)sizeof(board->why) - 1, err.text);
	board->verdict = verdict_of(r);
	_exit(0);
}

int scrub_start(const char *disk, unsigned slot, const struct verity_params *params,
		struct scrub *ret, struct err *err)
{
	struct scrub s = { .total_bytes = params->data_blocks * VERITY_BLOCK_BYTES };
	struct place place;
	int r = find_place(disk, slot, params, &place, err);

	if (r)
		return r;
	s.board = mmap(NULL, sizeof(*s.board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (s.board == MAP_FAILED)
		return err_errno(err, -errno, "cannot share memory");
	s.pid = fork();
	if (s.pid == 0)
		child(disk, &place, params, s.board);
	if (s.pid < 0) {
		r = err_errno(err, -errno, "cannot start a process");
		munmap(s.board, sizeof(*s.board));
		return r;
	}
	*ret = s;
	return 0;
}

enum scrub_state scrub_poll(struct scrub *s, struct err *err)
{
	int status;

	if (s->pid && waitpid(s->pid, &status, WNOHANG) == s->pid) {
		s->pid = 0;
		s->verdict = s->board->verdict;
		/* It says RUNNING to its end when it did not come to one. */
		if (s->verdict == SCRUB_RUNNING) {
			snprintf(s->board->why, sizeof(s->board->why), "it was ended by signal %d",
				 WIFSIGNALED(status) ? WTERMSIG(status) : 0);
			s->verdict = SCRUB_BROKEN;
		}
	}
	if (s->verdict == SCRUB_CORRUPT)
		err_set(err, 0, "the root is damaged: %s", s->board->why);
	if (s->verdict == SCRUB_BROKEN)
		err_set(err, 0, "the root could not be checked: %s", s->board->why);
	return s->verdict;
}

void scrub_hurry(const struct scrub *s)
{
	if (!s->pid)
		return;
	setpriority(PRIO_PROCESS, (id_t)s->pid, 0);
	syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, s->pid, 0);
}

unsigned scrub_percent(const struct scrub *s)
{
	uint64_t done;

	if (!s->board || !s->total_bytes)
		return 0;
	done = __atomic_load_n(&s->board->done_bytes, __ATOMIC_RELAXED);
	return done >= s->total_bytes ? 100 : (unsigned)(done * 100 / s->total_bytes);
}

void scrub_stop(struct scrub *s)
{
	if (s->pid) {
		kill(s->pid, SIGKILL);
		/* It may hang in a read for ever: then it is not waited for. */
		waitpid(s->pid, NULL, WNOHANG);
	}
	if (s->board)
		munmap(s->board, sizeof(*s->board));
	*s = (struct scrub){ 0 };
}
