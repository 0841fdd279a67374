# The programs that run before the image does: the selector, which the firmware
# starts, the stub, which starts a UKI's kernel, and early init, which the kernel starts.

efi_shared_src := $(sort $(wildcard bootloader/efi/*.c)) $(core_src)
selector_src := $(sort $(wildcard bootloader/selector/*.c))
stub_src := $(sort $(wildcard bootloader/stub/*.c))
# Stand-ins for a UKI, for tests: qemu/guest/hang.c becomes $(O)/fault-hang-ARCH.efi.
guests := hang reset return
guest_shared_src := qemu/guest/guest.c bootloader/efi/memory.c $(core_src)
EFI_CFLAGS := -std=c17 -ffreestanding -fshort-wchar -fno-stack-protector -mno-stack-arg-probe \
	-fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections -Os -Wall -Wextra -Wshadow -Wstrict-prototypes -I. \
	-ffile-prefix-map=$(CURDIR)/= $(if $(DEVELOPER),-Werror) -DKILN_VERSION='"$(VERSION)"'
EFI_LDFLAGS := /subsystem:efi_application /entry:efi_main /nodefaultlib /dll /opt:ref /debug:none /Brepro /nxcompat

# UEFI programs for one architecture. $(1): clang's name, $(2): UEFI's, $(3): machine flags.
define efi_arch
$$(O)/efi-$(2)/%.obj: %.c $$(O)/flags
	@mkdir -p $$(@D)
	$$(call say,EFICC,$$<)$$(CLANG) --target=$(1)-unknown-windows $$(EFI_CFLAGS) $(3) -MMD -MP -MF $$@.d -c $$< -o $$@

$(call efi_program,$(2),kiln-selector,$(selector_src) $(efi_shared_src))
$(call efi_program,$(2),kiln-stub,$(stub_src) $(efi_shared_src))
$(foreach g,$(guests),$(call efi_program,$(2),fault-$(g),qemu/guest/$(g).c $(guest_shared_src)))
endef

# $(1): UEFI's name of the architecture, $(2): the program, $(3): its sources.
define efi_program
programs += $$(O)/$(2)-$(1).efi
$$(O)/$(2)-$(1).efi: $$(patsubst %.c,$$(O)/efi-$(1)/%.obj,$(3))
	$$(call say,EFILD,$$@)$$(LLD_LINK) $$(EFI_LDFLAGS) $$^ /implib:$$(O)/efi-$(1)/$(2).lib /out:$$@

-include $$(patsubst %.c,$$(O)/efi-$(1)/%.obj.d,$(3))

endef

$(eval $(call efi_arch,x86_64,x64,-mno-red-zone))
$(eval $(call efi_arch,aarch64,aa64,-mgeneral-regs-only))

# Early init is static: nothing of the image is there yet when it runs. (Not with sanitizers, whose
# runtime is a shared library; such a build is for the tests.) The linker's warnings are
# about name look-ups in libcrypto which are never called.
ifneq ($(wildcard bootloader/initramfs/main.c),)
programs += $(O)/kiln-init
$(O)/kiln-init: $(call obj,bootloader/initramfs/main.c) $(LIB_INITRAMFS) $(LIB_VERITY) $(LIB_BASE) $(LIB_CORE)
	$(call say,LD,$@)$(CC) $(if $(SANITIZE),-pie,-static-pie) -Wl,-z,relro,-z,now,-z,noexecstack,--gc-sections,-s,--no-warnings $(SAN_LDFLAGS) $^ -lcrypto -o $@
endif
