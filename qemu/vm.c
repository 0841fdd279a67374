/* See vm.h: laying a machine out and clearing it away. Running it is vm_run.c. */
#include "qemu/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"
#include "qemu/ssh.h"

static const char *const cache_modes[] = { "writeback",	 "writethrough", "none",
					   "directsync", "unsafe",	 NULL };
static const char *const buses[] = { "virtio", "nvme", "ahci", NULL };
static const char *const watchdogs[] = { "i6300esb", "itco", "none", NULL };

static bool one_of(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (!strcmp(word, *list))
			return true;
	return false;
}

static int check_options(const struct vm_options *o, struct err *err)
{
	if (o->memory_bytes && o->memory_bytes < VM_MEMORY_MIN)
		return err_set(err, -EINVAL, "the machine needs at least 128M of memory");
	if (o->cpus > 64)
		return err_set(err, -EINVAL, "at most 64 CPUs");
	if (o->cache && !one_of(o->cache, cache_modes))
		return err_set(err, -EINVAL,
			       "unknown cache mode '%s': writeback, writethrough, none, "
			       "directsync or unsafe",
			       o->cache);
	if (o->bus && !one_of(o->bus, buses))
		return err_set(err, -EINVAL, "unknown disk bus '%s': virtio, nvme or ahci",
			       o->bus);
	if (o->watchdog && !one_of(o->watchdog, watchdogs))
		return err_set(err, -EINVAL, "unknown watchdog '%s': i6300esb, itco or none",
			       o->watchdog);
	if (o->bus && !strcmp(o->bus, "ahci") &&
	    (o->sector_bytes > 512 || (o->second_bytes && o->second_sector_bytes > 512)))
		return err_set(err, -EINVAL, "QEMU has no ahci disk with sectors of 4096 bytes");
	if (o->mode == VM_DISK_PERSIST && o->disk_bytes)
		return err_set(err, -EINVAL,
			       "the image file itself is not resized; grow it with "
			       "qemu-img, or leave --persist out");
	return 0;
}

static int make_work(struct vm *vm, struct err *err)
{
	const char *parent = vm->options.work_parent;

	if (!parent)
		parent = getenv("TMPDIR");
	if (!parent || !*parent)
		parent = "/var/tmp";
	vm->work = str_printf("%s/kiln-vm.XXXXXX", parent);
	if (!vm->work)
		return err_oom(err);
	if (!mkdtemp(vm->work)) {
		int r = -errno;

		free(TAKE_PTR(vm->work));
		return err_errno(err, r, "cannot make a directory in %s", parent);
	}
	return 0;
}

static int make_disk(struct vm *vm, struct err *err)
{
	const struct vm_options *o = &vm->options;

	switch (o->mode) {
	case VM_DISK_PERSIST:
		vm->disk = realpath(o->image, NULL);
		if (!vm->disk)
			return err_errno(err, -errno, "cannot open the image %s", o->image);
		return image_probe(vm->disk, &vm->disk_format, err);
	case VM_DISK_COPY:
		vm->disk_format = IMAGE_RAW;
		vm->disk = path_join(vm->work, "disk.raw");
		return vm->disk ? image_copy(o->image, vm->disk, o->disk_bytes, err)
				: err_oom(err);
	case VM_DISK_OVERLAY:
		vm->disk_format = IMAGE_QCOW2;
		vm->disk = path_join(vm->work, "disk.qcow2");
		return vm->disk ? image_overlay(o->image, vm->disk, o->disk_bytes, err)
				: err_oom(err);
	}
	return -EINVAL;
}

static int make_second(struct vm *vm, struct err *err)
{
	_cleanup_close_ int fd = -1;

	if (!vm->options.second_bytes)
		return 0;
	vm->second = path_join(vm->work, "second.raw");
	if (!vm->second)
		return err_oom(err);
	fd = open(vm->second, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)vm->options.second_bytes) < 0)
		return err_errno(err, -errno, "cannot make %s", vm->second);
	return 0;
}

int vm_use_second(struct vm *vm, struct err *err)
{
	if (!vm->second)
		return err_set(err, -ENOENT, "the machine has no second disk");
	if (vm->pid)
		return err_set(err, -EBUSY,
			       "the machine is on; disks are changed with the power off");
	free(vm->disk);
	vm->disk = TAKE_PTR(vm->second);
	vm->disk_format = IMAGE_RAW;
	vm->options.sector_bytes = vm->options.second_sector_bytes;
	vm->options.second_bytes = 0;
	return 0;
}

/* The variable store keeps its content over power cuts, so it is made once a machine. */
static int make_vars(struct vm *vm, struct err *err)
{
	_cleanup_close_ int in = open(vm->firmware.vars, O_RDONLY | O_CLOEXEC), out = -1;
	uint64_t bytes;
	int r;

	vm->vars = path_join(vm->work, "vars.fd");
	if (!vm->vars)
		return err_oom(err);
	if (in < 0)
		return err_errno(err, -errno, "cannot read %s", vm->firmware.vars);
	out = open(vm->vars, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out < 0)
		return err_errno(err, -errno, "cannot make %s", vm->vars);
	r = io_size(in, &bytes);
	if (r == 0 && ftruncate(out, (off_t)bytes) < 0)
		r = -errno;
	if (r == 0)
		r = io_copy_range(in, 0, out, 0, bytes);
	return r < 0 ? err_errno(err, r, "cannot copy %s", vm->firmware.vars) : 0;
}

static void on_line(void *arg, uint64_t at_ms, const char *text)
{
	struct vm *vm = arg;

	timeline_line(&vm->timeline, at_ms, text);
}

static int prepare(struct vm *vm, struct err *err)
{
	enum image_format format;
	int r = check_options(&vm->options, err);

	if (r == 0)
		r = image_probe(vm->options.image, &format, err);
	if (r == 0)
		r = firmware_find(vm->options.firmware, &vm->firmware, err);
	if (r == 0)
		r = accel_choose(vm->options.accel, &vm->accel, &vm->accel_why, err);
	if (r == 0)
		r = make_work(vm, err);
	if (r == 0)
		r = make_vars(vm, err);
	if (r == 0)
		r = make_disk(vm, err);
	if (r == 0)
		r = make_second(vm, err);
	if (r == 0 && vm->options.ssh)
		r = ssh_make_key(vm->work, &vm->key, err);
	return r;
}

int vm_prepare(struct vm *vm, const struct vm_options *options, struct err *err)
{
	int r;

	memset(vm, 0, sizeof(*vm));
	vm->options = *options;
	vm->pidfd = vm->serial_fd = vm->typed_fd = vm->qmp_fd = vm->log_fd = vm->stderr_fd = -1;
	serial_init(&vm->serial, on_line, vm);
	timeline_init(&vm->timeline);
	r = prepare(vm, err);
	if (r < 0)
		vm_done(vm);
	return r;
}

int vm_log_to(struct vm *vm, const char *path, struct err *err)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	if (fd < 0)
		return err_errno(err, -errno, "cannot write the serial log %s", path);
	if (vm->log_fd >= 0)
		close(vm->log_fd);
	vm->log_fd = TAKE_FD(fd);
	return 0;
}

void vm_done(struct vm *vm)
{
	vm_power_cut(vm);
	if (vm->work)
		(void)path_remove_tree(vm->work);
	if (vm->log_fd >= 0)
		close(vm->log_fd);
	vm->log_fd = -1;
	serial_done(&vm->serial);
	firmware_done(&vm->firmware);
	free(TAKE_PTR(vm->work));
	free(TAKE_PTR(vm->disk));
	free(TAKE_PTR(vm->second));
	free(TAKE_PTR(vm->vars));
	free(TAKE_PTR(vm->key));
	free(TAKE_PTR(vm->ssh_control));
}
