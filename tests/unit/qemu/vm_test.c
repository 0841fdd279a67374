/* The cables of the machine, with a program in QEMU's place that speaks as its UART does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/atomic_file.h"
#include "lib/base/err.h"
#include "lib/base/path.h"
#include "qemu/clock.h"
#include "qemu/vm.h"

static struct err err;
static char dir[] = "/tmp/kiln-vm-test.XXXXXX";
static char program[64];

/*
 * One character at a time and never waiting for the reader: what a full cable refuses is lost.
 * Before it ends it repeats a line it was sent.
 */
static const char uart[] = "#!/usr/bin/python3\n"
			   "import os\n"
			   "os.set_blocking(1, False)\n"
			   "for line in range(1000):\n"
			   "    for c in b'kiln: slot a: line %04d\\n' % line:\n"
			   "        os.write(1, bytes([c]))\n"
			   "os.write(1, b'typed: ' + os.read(0, 64))\n";

static void machine(struct vm *vm)
{
	memset(vm, 0, sizeof(*vm));
	vm->firmware.code = vm->firmware.vars = (char *)"none";
	vm->vars = vm->disk = (char *)"none";
	vm->pidfd = vm->serial_fd = vm->typed_fd = vm->qmp_fd = vm->log_fd = vm->stderr_fd = -1;
	serial_init(&vm->serial, NULL, NULL);
	timeline_init(&vm->timeline);
}

static void what_the_guest_says_waits_for_a_busy_reader(void **state)
{
	struct vm vm;
	siginfo_t ended;
	uint64_t deadline = clock_now_ms() + 60000;
	struct serial_mark mark = { 0, 0 };
	char line[64];
	int r;

	(void)state;
	machine(&vm);
	assert_int_equal(vm_power_on(&vm, &err), 0);
	assert_int_equal(vm_type(&vm, "hello\n", 6), 0);
	assert_int_equal(waitid(P_PID, (id_t)vm.pid, &ended, WEXITED | WNOWAIT), 0);
	do
		r = vm_pump(&vm, -1, deadline, &err);
	while (r == VM_ACTIVITY);
	assert_int_equal(r, VM_OFF);
	assert_int_equal(vm.wait_status, 0);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(line, sizeof(line), "kiln: slot a: line %04u", i);
		assert_non_null(serial_find(&vm.serial, line, &mark));
	}
	assert_non_null(serial_find(&vm.serial, "typed: hello", &mark));
	serial_done(&vm.serial);
	close(vm.stderr_fd);
}

static void typing_to_a_machine_that_is_off_is_no_end_of_us(void **state)
{
	struct vm vm;
	siginfo_t ended;

	(void)state;
	machine(&vm);
	assert_int_equal(vm_power_on(&vm, &err), 0);
	vm_power_cut(&vm);
	assert_int_equal(vm_type(&vm, "hello\n", 6), 0);
	close(vm.stderr_fd);
	vm.stderr_fd = -1;

	assert_int_equal(vm_power_on(&vm, &err), 0);
	assert_int_equal(vm_type(&vm, "hello\n", 6), 0);
	assert_int_equal(waitid(P_PID, (id_t)vm.pid, &ended, WEXITED | WNOWAIT), 0);
	assert_true(vm_type(&vm, "hello\n", 6) < 0);
	vm_power_cut(&vm);
	serial_done(&vm.serial);
	close(vm.stderr_fd);
}

static int make_program(void **state)
{
	char path[4096];

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(program, sizeof(program), "%s/qemu-system-x86_64", dir);
	if (atomic_file_write(program, uart, sizeof(uart) - 1, 0700, &err) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s:%s", dir, getenv("PATH"));
	return setenv("PATH", path, 1);
}

static int remove_program(void **state)
{
	(void)state;
	return path_remove_tree(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_guest_says_waits_for_a_busy_reader),
		cmocka_unit_test(typing_to_a_machine_that_is_off_is_no_end_of_us),
	};

	return cmocka_run_group_tests(tests, make_program, remove_program);
}
