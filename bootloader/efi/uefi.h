/*
 * The part of UEFI that our programs call, and nothing more.
 *
 * Names follow the UEFI specification (2.10) so that it can be read beside this
 * file; members nobody calls are kept as `void *` or words to hold their place.
 * Only the files that talk to firmware include this; EFI_STATUS goes no further.
 */
#ifndef BOOTLOADER_EFI_UEFI_H
#define BOOTLOADER_EFI_UEFI_H

#include <stddef.h>
#include <stdint.h>

#define EFIAPI __attribute__((ms_abi))
#if defined(__aarch64__)
#undef EFIAPI
#define EFIAPI
#endif

typedef uint64_t EFI_STATUS;
typedef void *EFI_HANDLE;
typedef uint16_t CHAR16;
typedef uint64_t EFI_LBA;

#define EFI_ERROR_BIT (UINT64_C(1) << 63)
#define EFI_ERROR(s) (((s) & EFI_ERROR_BIT) != 0)
#define EFI_SUCCESS UINT64_C(0)
#define EFI_LOAD_ERROR (EFI_ERROR_BIT | 1)
#define EFI_INVALID_PARAMETER (EFI_ERROR_BIT | 2)
#define EFI_UNSUPPORTED (EFI_ERROR_BIT | 3)
#define EFI_BUFFER_TOO_SMALL (EFI_ERROR_BIT | 5)
#define EFI_WRITE_PROTECTED (EFI_ERROR_BIT | 8)
#define EFI_OUT_OF_RESOURCES (EFI_ERROR_BIT | 9)
#define EFI_NOT_FOUND (EFI_ERROR_BIT | 14)
#define EFI_ACCESS_DENIED (EFI_ERROR_BIT | 15)
#define EFI_ALREADY_STARTED (EFI_ERROR_BIT | 20)
#define EFI_SECURITY_VIOLATION (EFI_ERROR_BIT | 26)

typedef struct {
	uint32_t data1;
	uint16_t data2, data3;
	uint8_t data4[8];
} EFI_GUID;

typedef struct {
	uint64_t signature;
	uint32_t revision, header_size, crc32, reserved;
} EFI_TABLE_HEADER;

typedef struct efi_text_output {
	void *reset;
	EFI_STATUS(EFIAPI *output_string)(struct efi_text_output *self, const CHAR16 *text);
	void *test_string, *query_mode, *set_mode, *set_attribute;
	void *clear_screen, *set_cursor_position, *enable_cursor, *mode;
} EFI_TEXT_OUTPUT;

enum { EFI_RESET_COLD = 0, EFI_RESET_WARM = 1 };

typedef struct {
	EFI_TABLE_HEADER header;
	void *get_time, *set_time, *get_wakeup_time, *set_wakeup_time;
	void *set_virtual_address_map, *convert_pointer;
	EFI_STATUS(EFIAPI *get_variable)(const CHAR16 *name, const EFI_GUID *vendor,
					 uint32_t *attributes, size_t *size, void *data);
	void *get_next_variable_name;
	EFI_STATUS(EFIAPI *set_variable)(const CHAR16 *name, const EFI_GUID *vendor,
					 uint32_t attributes, size_t size, const void *data);
	void *get_next_high_monotonic_count;
	void(EFIAPI *reset_system)(uint32_t type, EFI_STATUS status, size_t size, void *data);
} EFI_RUNTIME_SERVICES;

#define EFI_VARIABLE_BOOTSERVICE_ACCESS 2u
#define EFI_VARIABLE_RUNTIME_ACCESS 4u

enum { EFI_ALLOCATE_ANY_PAGES = 0 };
enum { EFI_LOADER_CODE = 1, EFI_LOADER_DATA = 2 };
enum { EFI_LOCATE_BY_PROTOCOL = 2 };
enum { EFI_NATIVE_INTERFACE = 0 };
#define EFI_PAGE_BYTES 4096u

typedef struct {
	uint8_t type, subtype;
	uint8_t length[2]; /* little-endian, of the whole node */
} EFI_DEVICE_PATH;

typedef EFI_STATUS(EFIAPI *EFI_EXIT)(EFI_HANDLE image, EFI_STATUS status, size_t size,
				     CHAR16 *data);

typedef struct {
	EFI_TABLE_HEADER header;
	void *raise_tpl, *restore_tpl;
	EFI_STATUS(EFIAPI *allocate_pages)(uint32_t how, uint32_t memory_type, size_t pages,
					   uint64_t *address);
	EFI_STATUS(EFIAPI *free_pages)(uint64_t address, size_t pages);
	EFI_STATUS(EFIAPI *get_memory_map)(size_t *size, void *map, size_t *key,
					   size_t *descriptor_size, uint32_t *version);
	EFI_STATUS(EFIAPI *allocate_pool)(uint32_t memory_type, size_t size, void **buffer);
	EFI_STATUS(EFIAPI *free_pool)(void *buffer);
	void *create_event, *set_timer, *wait_for_event, *signal_event, *close_event, *check_event;
	EFI_STATUS(EFIAPI *install_protocol_interface)(EFI_HANDLE *handle, const EFI_GUID *protocol,
						       uint32_t type, void *interface);
	void *reinstall_protocol_interface;
	EFI_STATUS(EFIAPI *uninstall_protocol_interface)(EFI_HANDLE handle,
							 const EFI_GUID *protocol, void *interface);
	EFI_STATUS(EFIAPI *handle_protocol)(EFI_HANDLE handle, const EFI_GUID *protocol,
					    void **interface);
	void *reserved, *register_protocol_notify;
	EFI_STATUS(EFIAPI *locate_handle)(uint32_t how, const EFI_GUID *protocol, void *key,
					  size_t *size, EFI_HANDLE *handles);
	EFI_STATUS(EFIAPI *locate_device_path)(const EFI_GUID *protocol,
					       const EFI_DEVICE_PATH **path, EFI_HANDLE *handle);
	void *install_configuration_table;
	EFI_STATUS(EFIAPI *load_image)(uint8_t boot_policy, EFI_HANDLE parent, const void *path,
				       void *source, size_t source_size, EFI_HANDLE *image);
	EFI_STATUS(EFIAPI *start_image)(EFI_HANDLE image, size_t *exit_size, CHAR16 **exit_data);
	EFI_EXIT exit;
	EFI_STATUS(EFIAPI *unload_image)(EFI_HANDLE image);
	EFI_STATUS(EFIAPI *exit_boot_services)(EFI_HANDLE image, size_t map_key);
	void *get_next_monotonic_count;
	EFI_STATUS(EFIAPI *stall)(size_t microseconds);
	EFI_STATUS(EFIAPI *set_watchdog_timer)(size_t seconds, uint64_t code, size_t size,
					       const CHAR16 *data);
	void *connect_controller, *disconnect_controller;
	void *open_protocol, *close_protocol, *open_protocol_information;
	void *protocols_per_handle, *locate_handle_buffer;
	EFI_STATUS(EFIAPI *locate_protocol)(const EFI_GUID *protocol, void *registration,
					    void **interface);
} EFI_BOOT_SERVICES;

typedef struct {
	EFI_GUID vendor;
	void *table;
} EFI_CONFIGURATION_TABLE;

typedef struct {
	EFI_TABLE_HEADER header;
	CHAR16 *firmware_vendor;
	uint32_t firmware_revision;
	EFI_HANDLE console_in_handle;
	void *con_in;
	EFI_HANDLE console_out_handle;
	EFI_TEXT_OUTPUT *con_out;
	EFI_HANDLE standard_error_handle;
	EFI_TEXT_OUTPUT *std_err;
	EFI_RUNTIME_SERVICES *runtime;
	EFI_BOOT_SERVICES *boot;
	size_t n_configuration_tables;
	EFI_CONFIGURATION_TABLE *configuration_tables;
} EFI_SYSTEM_TABLE;

#define EFI_LOADED_IMAGE_REVISION 0x1000u

typedef struct {
	uint32_t revision;
	EFI_HANDLE parent;
	EFI_SYSTEM_TABLE *system_table;
	EFI_HANDLE device;
	EFI_DEVICE_PATH *file_path;
	void *reserved;
	uint32_t load_options_size;
	void *load_options;
	void *image_base;
	uint64_t image_size;
	uint32_t image_code_type, image_data_type; /* EFI_LOADER_CODE, ... */
	void *unload;
} EFI_LOADED_IMAGE;

enum {
	EFI_PATH_MEDIA = 4,
	EFI_PATH_MEDIA_HARD_DRIVE = 1,
	EFI_PATH_MEDIA_VENDOR = 3,
	EFI_PATH_END = 0x7f,
	EFI_PATH_END_ENTIRE = 0xff,
};

/* The HD() node, byte offsets. */
enum {
	EFI_HD_PARTITION = 4,
	EFI_HD_SIGNATURE = 24,
	EFI_HD_MBR_TYPE = 40,
	EFI_HD_SIGNATURE_TYPE = 41,
	EFI_HD_BYTES = 42,

	EFI_HD_SIGNATURE_IS_GUID = 2, /* a value of the signature type: GPT's unique GUID */
};

typedef struct {
	uint32_t media_id;
	uint8_t removable, present, logical_partition, read_only, write_caching;
	uint32_t block_size, io_align;
	EFI_LBA last_block;
} EFI_BLOCK_IO_MEDIA;

typedef struct efi_block_io {
	uint64_t revision;
	EFI_BLOCK_IO_MEDIA *media;
	void *reset;
	EFI_STATUS(EFIAPI *read_blocks)(struct efi_block_io *self, uint32_t media_id, EFI_LBA lba,
					size_t size, void *buffer);
	EFI_STATUS(EFIAPI *write_blocks)(struct efi_block_io *self, uint32_t media_id, EFI_LBA lba,
					 size_t size, const void *buffer);
	EFI_STATUS(EFIAPI *flush_blocks)(struct efi_block_io *self);
} EFI_BLOCK_IO;

typedef struct efi_load_file2 {
	EFI_STATUS(EFIAPI *load_file)(struct efi_load_file2 *self, const EFI_DEVICE_PATH *path,
				      uint8_t boot_policy, size_t *size, void *buffer);
} EFI_LOAD_FILE2;

/* Rights that memory does not have: a bit takes one away. */
#define EFI_MEMORY_XP UINT64_C(0x4000)
#define EFI_MEMORY_RO UINT64_C(0x20000)

typedef struct efi_memory_attribute {
	EFI_STATUS(EFIAPI *get)(struct efi_memory_attribute *self, uint64_t address, uint64_t len,
				uint64_t *attributes);
	EFI_STATUS(EFIAPI *set)(struct efi_memory_attribute *self, uint64_t address, uint64_t len,
				uint64_t attributes);
	EFI_STATUS(EFIAPI *clear)(struct efi_memory_attribute *self, uint64_t address, uint64_t len,
				  uint64_t attributes);
} EFI_MEMORY_ATTRIBUTE;

/* TCG EFI Protocol Specification, family 2.0. */
typedef struct {
	uint8_t size, structure_version[2], protocol_version[2];
	uint32_t hash_algorithms, event_logs;
	uint8_t tpm_present;
	uint16_t max_command_size, max_response_size;
	uint32_t manufacturer, n_banks, active_banks;
} EFI_TCG2_CAPABILITY;

/* The event given to hash_log_extend_event, byte offsets; it is packed. */
enum {
	EFI_TCG2_EVENT_SIZE = 0, /* u32: of all of it */
	EFI_TCG2_EVENT_HEADER_SIZE = 4, /* u32 */
	EFI_TCG2_EVENT_HEADER_VERSION = 8, /* u16 */
	EFI_TCG2_EVENT_PCR = 10, /* u32 */
	EFI_TCG2_EVENT_TYPE = 14, /* u32 */
	EFI_TCG2_EVENT_DATA = 18,
};
enum { EFI_TCG2_HEADER_BYTES = 14, EFI_TCG2_HEADER_V1 = 1, EFI_TCG2_EV_IPL = 0xd };

typedef struct efi_tcg2 {
	EFI_STATUS(EFIAPI *get_capability)(struct efi_tcg2 *self, EFI_TCG2_CAPABILITY *capability);
	void *get_event_log;
	EFI_STATUS(EFIAPI *hash_log_extend_event)(struct efi_tcg2 *self, uint64_t flags,
						  uint64_t data, uint64_t data_len,
						  const void *event);
} EFI_TCG2;

/* Width of one access, in EFI_PCI_IO. */
enum { EFI_PCI_8 = 0, EFI_PCI_16 = 1, EFI_PCI_32 = 2 };

typedef struct efi_pci_io {
	void *poll_mem, *poll_io;
	EFI_STATUS(EFIAPI *mem_read)(struct efi_pci_io *self, uint32_t width, uint8_t bar,
				     uint64_t offset, size_t count, void *buffer);
	EFI_STATUS(EFIAPI *mem_write)(struct efi_pci_io *self, uint32_t width, uint8_t bar,
				      uint64_t offset, size_t count, void *buffer);
	void *io_read, *io_write;
	EFI_STATUS(EFIAPI *pci_read)(struct efi_pci_io *self, uint32_t width, uint32_t offset,
				     size_t count, void *buffer);
	EFI_STATUS(EFIAPI *pci_write)(struct efi_pci_io *self, uint32_t width, uint32_t offset,
				      size_t count, void *buffer);
} EFI_PCI_IO;

_Static_assert(offsetof(EFI_SYSTEM_TABLE, configuration_tables) == 112, "last of the table");
_Static_assert(offsetof(EFI_PCI_IO, pci_write) == 56, "place of Pci.Write");
_Static_assert(offsetof(EFI_BOOT_SERVICES, load_image) == 200, "place of LoadImage");
_Static_assert(offsetof(EFI_BOOT_SERVICES, exit_boot_services) == 232, "place of its end");
_Static_assert(offsetof(EFI_LOADED_IMAGE, image_base) == 64, "place of ImageBase");
_Static_assert(offsetof(EFI_BOOT_SERVICES, set_watchdog_timer) == 256, "place of SetWatchdogTimer");
_Static_assert(offsetof(EFI_BOOT_SERVICES, locate_protocol) == 320, "place of LocateProtocol");
_Static_assert(offsetof(EFI_TCG2_CAPABILITY, tpm_present) == 16, "place of TPMPresentFlag");
_Static_assert(offsetof(EFI_RUNTIME_SERVICES, reset_system) == 104, "place of ResetSystem");
_Static_assert(offsetof(EFI_BLOCK_IO_MEDIA, last_block) == 24, "place of LastBlock");

#define EFI_GUID_LOADED_IMAGE                                                              \
	((EFI_GUID){ 0x5b1b31a1, 0x9562, 0x11d2,                                           \
		     { 0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b } })
#define EFI_GUID_DEVICE_PATH                                                               \
	((EFI_GUID){ 0x09576e91, 0x6d3f, 0x11d2,                                           \
		     { 0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b } })
#define EFI_GUID_BLOCK_IO                                                                  \
	((EFI_GUID){ 0x964e5b21, 0x6459, 0x11d2,                                           \
		     { 0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b } })
#define EFI_GUID_LOAD_FILE2                                                                \
	((EFI_GUID){ 0x4006c0c1, 0xfcb3, 0x403e,                                           \
		     { 0x99, 0x6d, 0x4a, 0x6c, 0x87, 0x24, 0xe0, 0x6d } })
#define EFI_GUID_MEMORY_ATTRIBUTE                                                          \
	((EFI_GUID){ 0xf4560cf6, 0x40ec, 0x4b4a,                                           \
		     { 0xa1, 0x92, 0xbf, 0x1d, 0x57, 0xd0, 0xb1, 0x89 } })
#define EFI_GUID_TCG2                                                                      \
	((EFI_GUID){ 0x607f766c, 0x7455, 0x42be,                                           \
		     { 0x93, 0x0b, 0xe4, 0xd7, 0x6d, 0xb2, 0x72, 0x0f } })
#define EFI_GUID_PCI_IO                                                                    \
	((EFI_GUID){ 0x4cf5b200, 0x68b8, 0x4ca5,                                           \
		     { 0x9e, 0xec, 0xb2, 0x3e, 0x3f, 0x50, 0x02, 0x9a } })
/* Configuration table: the RSDP of ACPI 2.0 and later. */
#define EFI_GUID_ACPI_20                                                                   \
	((EFI_GUID){ 0x8868e871, 0xe4f1, 0x11d3,                                           \
		     { 0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81 } })
#define EFI_GUID_GLOBAL_VARIABLE                                                           \
	((EFI_GUID){ 0x8be4df61, 0x93ca, 0x11d2,                                           \
		     { 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c } })
/* The Boot Loader Interface of systemd. */
#define EFI_GUID_LOADER                                                                    \
	((EFI_GUID){ 0x4a67b082, 0x0a4c, 0x41cf,                                           \
		     { 0xb6, 0xc7, 0x44, 0x0b, 0x29, 0xbb, 0x8c, 0x4f } })
/* systemd's own variables. */
#define EFI_GUID_SYSTEMD                                                                   \
	((EFI_GUID){ 0x8cf2644b, 0x4b0b, 0x428f,                                           \
		     { 0x93, 0x87, 0x6d, 0x87, 0x60, 0x50, 0xdc, 0x67 } })
/* Linux looks for its initrd at a vendor media path of this GUID. */
#define EFI_GUID_LINUX_INITRD                                                              \
	((EFI_GUID){ 0x5568e427, 0x68fc, 0x4f3d,                                           \
		     { 0xac, 0x74, 0xca, 0x55, 0x52, 0x31, 0xcc, 0x68 } })
/* On the image of a selector that another one started: 6b696c6e-0004-4b4e-8000-73656c656374. */
#define EFI_GUID_KILN_CHAIN                                                                \
	((EFI_GUID){ 0x6b696c6e, 0x0004, 0x4b4e,                                           \
		     { 0x80, 0x00, 0x73, 0x65, 0x6c, 0x65, 0x63, 0x74 } })
/* kiln's own variables: 6b696c6e-0003-4b4e-8000-73656c656374. */
#define EFI_GUID_KILN                                                                      \
	((EFI_GUID){ 0x6b696c6e, 0x0003, 0x4b4e,                                           \
		     { 0x80, 0x00, 0x73, 0x65, 0x6c, 0x65, 0x63, 0x74 } })

#endif
