/* What the stub tells: the TPM, the system's variables, and the firmware about its memory. */
#include "tests/unit/stub/stub_fixture.h"

#define RO EFI_MEMORY_RO
#define XP EFI_MEMORY_XP

/* UAPI.5: name with NUL, then content, in canonical order, whatever the order in the file. */
static void every_part_is_measured_in_the_order_of_the_specification(void **state)
{
	static const struct {
		const char *section;
		uint64_t len;
		const char *content;
	} parts[] = {
		{ ".linux", LINUX_MAX, "MZ" },
		{ ".osrel", 5, "ID=x\n" },
		{ ".cmdline", 21, "ro quiet kiln.image=x" },
		{ ".initrd", 0x1ff, NULL },
		{ ".sbat", 6, "sbat,1" },
	};
	unsigned n = sizeof(parts) / sizeof(parts[0]);

	(void)state;
	run();
	assert_int_equal(fake.n_events, 2 * n);
	for (unsigned i = 0; i < n; i++) {
		const struct fake_event *name = &fake.event[2 * i], *content = name + 1;

		assert_int_equal(name->len, strlen(parts[i].section) + 1);
		assert_memory_equal(name->data, parts[i].section, name->len);
		assert_int_equal(content->len, parts[i].len);
		if (parts[i].content)
			assert_memory_equal(content->data, parts[i].content,
					    strlen(parts[i].content));
		else
			assert_memory_equal(content->data, initrd_data, 64);
		for (unsigned k = 0; k < 2; k++) {
			assert_int_equal(name[k].pcr, 11);
			assert_int_equal(name[k].type, 0xd);
			assert_string_equal(name[k].text, parts[i].section);
		}
	}
	assert_string_equal(fake_variable_text("StubPcrKernelImage"), "11");
}

static void without_a_tpm_nothing_is_claimed(void **state)
{
	(void)state;
	fake.tpm_present = false;
	assert_true(run() == KERNEL_STATUS);
	assert_int_equal(fake.n_events, 0);
	assert_null(fake_variable("StubPcrKernelImage"));
	setup(state);
	fake_init(false, false);
	memset(&fake.protocol, 0, sizeof(fake.protocol));
	own_handle = fake_install(NULL, EFI_GUID_LOADED_IMAGE, &own);
	assert_true(run() == KERNEL_STATUS);
	assert_null(fake_variable("StubPcrKernelImage"));
	assert_false(said("measured"));
}

/* Some of it in PCR 11 is worth nothing: then nobody may rely on it. The boot goes on. */
static void a_tpm_that_fails_is_told_and_not_relied_on(void **state)
{
	for (unsigned i = 1; i <= 10; i++) {
		setup(state);
		fake.fail_at = i;
		assert_true(run() == KERNEL_STATUS);
		assert_int_equal(fake.n_events, i - 1);
		assert_null(fake_variable("StubPcrKernelImage"));
		assert_true(said("cannot be measured: out of resources"));
	}
}

static void variables_say_who_started_the_system(void **state)
{
	const struct fake_variable *v;

	(void)state;
	run();
	assert_string_equal(fake_variable_text("StubInfo"), "kiln stub " KILN_VERSION);
	assert_string_equal(fake_variable_text("LoaderFirmwareType"), "UEFI 2.70");
	assert_string_equal(fake_variable_text("LoaderFirmwareInfo"), "Fake ? 1.03");
	v = fake_variable("StubFeatures");
	assert_non_null(v);
	assert_int_equal(v->len, 8);
	assert_int_equal(le64_load(v->value), 1);
	/* Volatile, and seen by the running system. */
	for (unsigned i = 0; i < fake.n_variables; i++)
		assert_int_equal(fake.variable[i].attributes, 6);
	assert_null(fake_variable("LoaderDevicePartUUID"));
}

/* PciRoot(), HD(1, GPT, 00112233-...), end. */
static uint8_t device[4 + 8 + 42 + 4] = {
	2, 1, 12, 0, [12] = 4, 1, 42, 0, [12 + 24] = 0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66,
	0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 2, 2, [54] = 0x7f, 0xff, 4, 0,
};

/* A node shorter than a node, with an HD() node one byte on: it must not be walked into. */
static uint8_t torn[64] = { 2, 4, 1, 0, 1, [42] = 2 };

static void a_uki_started_by_the_firmware_names_its_partition(void **state)
{
	(void)state;
	own.device = fake_install(NULL, EFI_GUID_DEVICE_PATH, device);
	run();
	assert_string_equal(fake_variable_text("LoaderDevicePartUUID"),
			    "00112233-4455-6677-8899-aabbccddeeff");
	/* A disk without a GPT, and a path that never ends, name none. */
	setup(state);
	device[12 + 41] = 1;
	own.device = fake_install(NULL, EFI_GUID_DEVICE_PATH, device);
	run();
	assert_null(fake_variable("LoaderDevicePartUUID"));
	setup(state);
	device[12 + 41] = 2;
	device[2] = 3;
	own.device = fake_install(NULL, EFI_GUID_DEVICE_PATH, device);
	run();
	assert_null(fake_variable("LoaderDevicePartUUID"));
	device[2] = 12;
	setup(state);
	own.device = fake_install(NULL, EFI_GUID_DEVICE_PATH, torn);
	run();
	assert_null(fake_variable("LoaderDevicePartUUID"));
}

static void what_a_boot_loader_said_is_not_overwritten(void **state)
{
	static const char *const names[] = { "LoaderDevicePartUUID", "LoaderFirmwareInfo",
					     "LoaderFirmwareType" };

	(void)state;
	own.device = fake_install(NULL, EFI_GUID_DEVICE_PATH, device);
	for (unsigned i = 0; i < 3; i++)
		fake_set_variable(EFI_GUID_LOADER, names[i], "x");
	/* The fake firmware aborts when a variable is set twice. */
	assert_true(run() == KERNEL_STATUS);
	assert_non_null(fake_variable("StubInfo"));
}

static void code_is_not_writable_and_data_is_not_code(void **state)
{
	static const uint64_t wanted[] = { RO | XP, RO, XP, XP, RO | XP };

	(void)state;
	fake.rights_initial = XP;
	assert_true(run() == KERNEL_STATUS);
	for (unsigned i = 0; i < 5; i++)
		assert_true(seen.rights[i] == wanted[i]);
	for (unsigned i = 0; i < 5; i++)
		assert_true(fake.rights[i] == XP);
}

static void a_kernel_not_made_for_that_gets_all_rights(void **state)
{
	(void)state;
	fake.rights_initial = XP | RO;
	le16_store(uki + AT_LINUX + FIXTURE_OPT_AT + 70, 0);
	assert_true(run() == KERNEL_STATUS);
	for (unsigned i = 0; i < 5; i++)
		assert_true(seen.rights[i] == 0);
	for (unsigned i = 0; i < 5; i++)
		assert_true(fake.rights[i] == (XP | RO));
}

static void a_firmware_that_refuses_rights_is_told_of(void **state)
{
	(void)state;
	run();
	assert_false(said("memory rights"));
	/* The call after ten extensions and the kernel's pages asks for the rights as they are. */
	setup(state);
	fake.fail_at = 12;
	assert_true(run() == KERNEL_STATUS);
	assert_int_equal(seen.n_started, 1);
	assert_true(said("kiln: stub: memory rights cannot be set: out of resources"));
}

int main(void)
{
#define CASE(name_) cmocka_unit_test_setup(name_, setup)
	const struct CMUnitTest tests[] = {
		CASE(every_part_is_measured_in_the_order_of_the_specification),
		CASE(without_a_tpm_nothing_is_claimed),
		CASE(a_tpm_that_fails_is_told_and_not_relied_on),
		CASE(variables_say_who_started_the_system),
		CASE(a_uki_started_by_the_firmware_names_its_partition),
		CASE(what_a_boot_loader_said_is_not_overwritten),
		CASE(code_is_not_writable_and_data_is_not_code),
		CASE(a_kernel_not_made_for_that_gets_all_rights),
		CASE(a_firmware_that_refuses_rights_is_told_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
