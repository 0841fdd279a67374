/*
 * One virtual machine: its disk, firmware, processes and cables.
 *
 *	r = vm_prepare(&vm, &options, err);    disk, variable store, accelerator
 *	r = vm_power_on(&vm, err);             QEMU runs
 *	while (...) r = vm_pump(&vm, -1, deadline, NULL, err);
 *	vm_done(&vm);                          always; nothing is left behind
 *
 * Single-threaded: nothing happens outside vm_pump(), which reads the serial
 * port and QEMU's control socket and keeps text and timeline. Machines share
 * nothing, so any number may run side by side. QEMU dies with its parent.
 */
#ifndef QEMU_VM_H
#define QEMU_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "qemu/accel.h"
#include "qemu/firmware.h"
#include "qemu/image.h"
#include "qemu/qmp.h"
#include "qemu/serial.h"
#include "qemu/timeline.h"

struct err;

#define VM_MEMORY_DEFAULT ((uint64_t)1 << 30)
#define VM_MEMORY_MIN ((uint64_t)128 << 20)
#define VM_READ_ERRORS_MAX 16

/* How the machine's disk relates to the image file. */
enum vm_disk_mode {
	VM_DISK_OVERLAY, /* a throw-away overlay: nothing is written to the image */
	VM_DISK_COPY, /* a throw-away raw copy, which the host may edit while the power is off */
	VM_DISK_PERSIST, /* the image file itself */
};

struct vm_options {
	const char *image;
	enum vm_disk_mode mode;
	uint64_t disk_bytes; /* grow the throw-away disk; 0: as the image */
	uint32_t sector_bytes; /* of the disk; 0: 512; 4096 needs virtio or nvme */
	uint64_t second_bytes; /* an empty second disk of this size; 0: none */
	uint32_t second_sector_bytes; /* 0: 512 */
	uint64_t memory_bytes; /* 0: VM_MEMORY_DEFAULT */
	uint64_t cpus; /* 0: one */
	const char *firmware; /* NULL: firmware_find()'s choice */
	const char *cache; /* QEMU's cache mode; NULL: writeback */
	const char *bus; /* "virtio", "nvme", "ahci"; NULL: virtio */
	const char *watchdog; /* "i6300esb" (when NULL: real machines have one), "itco", "none" */
	const char *rtc; /* "1970-01-01T00:00:00": the clock at power on; NULL: the host's */
	/* Of a raw disk: where a sector cannot be read, and a file that gets the write stream. */
	uint64_t read_error_bytes[VM_READ_ERRORS_MAX];
	unsigned n_read_errors;
	const char *write_log;
	const char *accel; /* "auto", "kvm", "tcg"; NULL: auto */
	const char
		*work_parent; /* where the run's directory is made; NULL: TMPDIR, else /var/tmp */
	char *const *smbios; /* OEM strings (SMBIOS type 11); they must outlive the machine */
	unsigned n_smbios;
	bool ssh; /* make a key, hand it to the guest, forward a port to its sshd */
};

/* Raw serial bytes as they come. */
typedef void (*vm_tap_fn)(void *arg, const void *data, size_t len);

struct vm {
	struct vm_options options;
	struct firmware firmware;
	enum accel accel;
	const char *accel_why; /* why emulation, when that was found out now; else NULL */
	char *work; /* the run's own directory */
	char *disk; /* the file QEMU writes to */
	char *second; /* the same of the second disk; NULL: there is none */
	enum image_format disk_format;
	char *vars; /* this run's variable store */
	char *key; /* private ssh key file, or NULL */
	char *ssh_control; /* where commands share one ssh connection, or NULL */
	unsigned ssh_connections;
	pid_t pid; /* 0 while the power is off */
	int pidfd, serial_fd, typed_fd, qmp_fd, log_fd, stderr_fd;
	int wait_status; /* of the last QEMU that ended */
	struct qmp qmp;
	struct serial serial;
	struct timeline timeline;
	unsigned resets; /* seen since vm_prepare() */
	vm_tap_fn tap; /* may be NULL */
	void *tap_arg;
};

/* What vm_pump() saw. */
enum vm_event {
	VM_ACTIVITY = 1, /* the guest or QEMU said something */
	VM_EXTRA, /* the caller's descriptor is readable */
	VM_QUIET, /* the deadline passed */
	VM_OFF, /* QEMU has ended, or the power is off already */
};

/* Check the options and lay everything out; the power stays off. 0 or a negative errno. */
int vm_prepare(struct vm *vm, const struct vm_options *options, struct err *err);

/* Start QEMU. 0 or a negative errno; -EALREADY when it runs. */
int vm_power_on(struct vm *vm, struct err *err);

/*
 * Wait until something happens, @deadline_ms passes or @extra_fd (-1: none) is
 * readable, and take it in. Returns an enum vm_event, or a negative errno.
 */
int vm_pump(struct vm *vm, int extra_fd, uint64_t deadline_ms, struct err *err);

/* Pull the plug: QEMU is killed. Harmless when off. */
void vm_power_cut(struct vm *vm);

/* The reset button; the power button (the guest decides). 0 or a negative errno. */
int vm_reset(struct vm *vm, struct err *err);
int vm_power_button(struct vm *vm, struct err *err);

/* Send one QMP command and pump until its reply. Errors of QEMU become -EIO. */
int vm_command(struct vm *vm, const char *command, const char *argument_json, struct err *err);

/* Type into the serial port. 0 or a negative errno. */
int vm_type(struct vm *vm, const void *data, size_t len);

/* Append the raw serial text to @path from now on. */
int vm_log_to(struct vm *vm, const char *path, struct err *err);

/* Why QEMU ended, for people: "QEMU ended with status 1: <its words>". */
void vm_explain_exit(struct vm *vm, struct err *err);

/*
 * With the power off: from now on the second disk is the machine's only one. -ENOENT when there is
 * none.
 */
int vm_use_second(struct vm *vm, struct err *err);

/* Power off, remove the run's directory, free everything. */
void vm_done(struct vm *vm);

#endif
