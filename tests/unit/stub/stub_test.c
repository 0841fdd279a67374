/*
 * The stub on a fake firmware: what the kernel gets, what it does not, and that nothing is left
 * behind when it does not start.
 */
#include "bootloader/efi/firmware.h"
#include "bootloader/stub/initrd.h"
#include "tests/unit/stub/stub_fixture.h"

static void the_kernel_gets_the_command_line_and_initramfs_of_the_uki(void **state)
{
	(void)state;
	assert_true(run() == KERNEL_STATUS);
	assert_int_equal(seen.n_started, 1);
	assert_string_equal(seen.options, "ro quiet kiln.image=x");
	assert_int_equal(seen.options_bytes, 2 * sizeof("ro quiet kiln.image=x"));
	assert_int_equal(seen.initrd_bytes, 0x1ff);
	assert_memory_equal(seen.initrd, initrd_data, 0x1ff);
	assert_true(seen.zeroed);
	assert_ptr_equal(seen.loaded.parent, own_handle);
	assert_int_equal(seen.loaded.image_size, KERNEL_BYTES);
	assert_true(said("kiln: stub: the kernel came back: CRC error"));
}

/* Everything an attacker can reach is full of bad advice; none of it may come through. */
static void load_options_and_the_boot_device_are_not_passed_on(void **state)
{
	static uint16_t evil[] = u"init=/bin/sh";
	static uint8_t path[4] = { 0x7f, 0xff, 4, 0 };

	(void)state;
	own.load_options = evil;
	own.load_options_size = sizeof(evil);
	own.device = fake_install(NULL, EFI_GUID_DEVICE_PATH, path);
	own.file_path = (EFI_DEVICE_PATH *)path;
	run();
	assert_int_equal(seen.n_started, 1);
	assert_string_equal(seen.options, cmdline);
	assert_null(seen.loaded.device);
	assert_null(seen.loaded.file_path);
}

/* systemd's second command line is gone before systemd runs; if not, the kernel does not. */
static void systemds_options_do_not_survive(void **state)
{
	run();
	assert_false(said("SystemdOptions"));
	setup(state);
	fake_set_variable(EFI_GUID_SYSTEMD, "SystemdOptions", "systemd.unit=emergency.target");
	fake_set_variable(EFI_GUID_GLOBAL_VARIABLE, "SystemdOptions", "not systemd's");
	assert_true(run() == KERNEL_STATUS);
	assert_int_equal(seen.n_started, 1);
	assert_string_equal(fake.variable[0].name, "");
	assert_string_equal(fake.variable[1].name, "SystemdOptions");
	assert_true(said("kiln: stub: EFI variable SystemdOptions: removed"));
	setup(state);
	fake_set_variable(EFI_GUID_SYSTEMD, "SystemdOptions", "systemd.unit=emergency.target");
	fake.variables_locked = true;
	assert_true(run() == EFI_WRITE_PROTECTED);
	assert_int_equal(seen.n_started, 0);
	assert_true(said("kiln: stub: EFI variable SystemdOptions: write protected"));
}

static void the_longest_command_line_arrives_whole(void **state)
{
	(void)state;
	memset(cmdline, 'x', 2047);
	cmdline[2047] = 0;
	make_uki();
	run();
	assert_int_equal(strlen(seen.options), 2047);
}

static void a_kernel_that_exits_ends_the_stub_with_its_status(void **state)
{
	(void)state;
	seen.calls_exit = true;
	assert_true(run() == KERNEL_STATUS);
	assert_int_equal(seen.n_started, 1);
	assert_ptr_equal(fake.exited, own_handle);
	assert_true(said("kiln: stub: the kernel gave up: CRC error"));
}

static void other_programs_exit_as_ever(void **state)
{
	static char other;
	unsigned protocols = fake_count_protocols();

	(void)state;
	seen.calls_exit = true;
	seen.exits_as = &other;
	if (!setjmp(fake.after_exit))
		efi_main(own_handle, &fake.table);
	assert_ptr_equal(fake.exited, &other);
	assert_false(said("gave up"));
	/* The kernel is still there: its own exit then cleans up. */
	assert_int_equal(fake_count_protocols(), protocols + 3);
	if (!setjmp(fake.after_exit))
		fake.boot.exit(seen.handle, KERNEL_STATUS, 0, NULL);
	assert_ptr_equal(fake.exited, own_handle);
	assert_int_equal(fake_count_protocols(), protocols);
	assert_int_equal(fake_count_pages(), 0);
}

static void a_second_start_works_like_the_first(void **state)
{
	(void)state;
	assert_true(run() == KERNEL_STATUS);
	fake.n_variables = 0;
	seen.initrd_bytes = 0;
	assert_true(run() == KERNEL_STATUS);
	assert_int_equal(seen.n_started, 2);
	assert_int_equal(seen.initrd_bytes, 0x1ff);
}

static EFI_STATUS EFIAPI evil_load_file(EFI_LOAD_FILE2 *self, const EFI_DEVICE_PATH *path,
					uint8_t policy, size_t *size, void *buffer)
{
	(void)self, (void)path, (void)policy, (void)size, (void)buffer;
	return EFI_SUCCESS;
}

static void somebody_elses_initramfs_stops_the_boot(void **state)
{
	static uint8_t path[24] = { 4,	  3,	20,   0,    0x27, 0xe4, 0x68, 0x55,
				    0xfc, 0x68, 0x3d, 0x4f, 0xac, 0x74, 0xca, 0x55,
				    0x52, 0x31, 0xcc, 0x68, 0x7f, 0xff, 4,    0 };
	static EFI_LOAD_FILE2 evil = { evil_load_file };
	EFI_HANDLE handle = fake_install(NULL, EFI_GUID_DEVICE_PATH, path);

	(void)state;
	fake_install(handle, EFI_GUID_LOAD_FILE2, &evil);
	assert_true(run() == EFI_ALREADY_STARTED);
	assert_int_equal(seen.n_started, 0);
	assert_true(said("kiln: stub: another program offers the kernel an initramfs"));
}

static void an_offer_that_fails_is_taken_back(void **state)
{
	unsigned protocols = fake_count_protocols();

	(void)state;
	fw_init(&fake.table);
	for (unsigned i = 1; i <= 2; i++) {
		fake.n_calls = 0;
		fake.fail_at = i;
		assert_true(initrd_offer("initrd", 6) == EFI_OUT_OF_RESOURCES);
		assert_int_equal(fake_count_protocols(), protocols);
	}
	fake.fail_at = 0;
	assert_int_equal(initrd_offer("initrd", 6), EFI_SUCCESS);
	assert_int_equal(fake_count_protocols(), protocols + 2);
	initrd_withdraw();
	initrd_withdraw();
	assert_int_equal(fake_count_protocols(), protocols);
}

static void a_malformed_uki_is_an_error_of_its_own(void **state)
{
	static const struct {
		unsigned int section;
		const char *name; /* the new one; NULL: it reaches out of the image */
		const char *says;
	} cases[] = {
		{ 5, ".other", "stub: .linux: the section is missing" },
		{ 2, ".other", "stub: .initrd: the section is missing" },
		{ 1, ".other", "stub: .cmdline: the section is missing" },
		{ 3, ".cmdline", "stub: .cmdline: the section is there twice" },
		{ 3, ".ucode", "stub: .ucode: the section is not supported" },
		{ 2, NULL, "stub: the image in memory is no sound PE program" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t *h;

		setup(state);
		h = fixture_section_header(uki, cases[i].section);
		if (cases[i].name)
			strncpy((char *)h, cases[i].name, 8);
		else
			le32_store(h + 8, UKI_BYTES);
		assert_true(run() == EFI_LOAD_ERROR);
		assert_int_equal(seen.n_started, 0);
		assert_int_equal(fake.n_events + fake.n_variables, 0);
		if (!said(cases[i].says))
			fail_msg("'%s' does not say '%s'", fake.said, cases[i].says);
	}
	setup(state);
	own.image_size = UKI_BYTES - 1;
	assert_true(run() == EFI_LOAD_ERROR);
	setup(state);
	own_handle = &own;
	assert_true(run() == EFI_LOAD_ERROR);
	assert_true(said("does not say where the UKI is"));
}

static void a_kernel_that_cannot_be_loaded_is_refused(void **state)
{
	static const struct {
		unsigned int at;
		uint32_t value;
		const char *says;
	} cases[] = {
		{ 0, 0, "stub: .linux: no PE file" },
		{ FIXTURE_OPT_AT + 16, 0x2000, "stub: .linux: the entry point is not" },
		{ FIXTURE_PE_AT + 4, 0x0003014c, "stub: .linux: it is for another machine" },
		{ FIXTURE_OPT_AT + 68, 3, "stub: .linux: it is for another machine" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		setup(state);
		le32_store(uki + AT_LINUX + cases[i].at, cases[i].value);
		assert_true(run() == EFI_LOAD_ERROR);
		assert_int_equal(seen.n_started, 0);
		if (!said(cases[i].says))
			fail_msg("'%s' does not say '%s'", fake.said, cases[i].says);
	}
	/* Relocations are wanted, and there are none. */
	setup(state);
	le16_store(uki + AT_LINUX + FIXTURE_PE_AT + 22, 0x207);
	le64_store(uki + AT_LINUX + FIXTURE_OPT_AT + 24, 0x10000);
	assert_true(run() == EFI_LOAD_ERROR);
	assert_true(said("stub: .linux: a base relocation cannot be applied"));
}

/* Whichever call the firmware refuses: the kernel starts with all it needs, or not at all. */
static void nothing_is_left_behind_whatever_fails(void **state)
{
	unsigned n, started = 0, refused = 0;

	setup(state);
	run();
	n = fake.n_calls;
	assert_true(n > 20);
	for (unsigned i = 1; i <= n; i++) {
		EFI_STATUS status;

		setup(state);
		fake.fail_at = i;
		status = run();
		if (seen.n_started) {
			assert_true(status == KERNEL_STATUS);
			assert_string_equal(seen.options, cmdline);
			assert_int_equal(seen.initrd_bytes, 0x1ff);
			started++;
		} else {
			assert_true(status == EFI_OUT_OF_RESOURCES);
			assert_true(said("kiln: stub: "));
			refused++;
		}
	}
	/* Pages, the kernel's handle, and the two protocols of the initramfs are needed. */
	assert_int_equal(refused, 4);
	assert_int_equal(started, n - 4);
}

static void an_image_aligned_by_64_kib_is_loaded_so(void **state)
{
	(void)state;
	le32_store(uki + AT_LINUX + FIXTURE_OPT_AT + 32, 0x10000);
	assert_true(run() == KERNEL_STATUS);
	assert_int_equal((uintptr_t)seen.loaded.image_base % 0x10000, 0);
}

int main(void)
{
#define CASE(name_) cmocka_unit_test_setup(name_, setup)
	const struct CMUnitTest tests[] = {
		CASE(the_kernel_gets_the_command_line_and_initramfs_of_the_uki),
		CASE(load_options_and_the_boot_device_are_not_passed_on),
		CASE(systemds_options_do_not_survive),
		CASE(the_longest_command_line_arrives_whole),
		CASE(a_kernel_that_exits_ends_the_stub_with_its_status),
		CASE(other_programs_exit_as_ever),
		CASE(a_second_start_works_like_the_first),
		CASE(somebody_elses_initramfs_stops_the_boot),
		CASE(an_offer_that_fails_is_taken_back),
		CASE(a_malformed_uki_is_an_error_of_its_own),
		CASE(a_kernel_that_cannot_be_loaded_is_refused),
		CASE(nothing_is_left_behind_whatever_fails),
		CASE(an_image_aligned_by_64_kib_is_loaded_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
