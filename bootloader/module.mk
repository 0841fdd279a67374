# The programs that run before the image does: the selector, which the firmware
# starts, the stub, which starts a UKI's kernel, and early init, which the kernel starts.

selector_src := $(sort $(wildcard bootloader/efi/*.c bootloader/selector/*.c))
stub_src := $(sort $(wildcard bootloader/efi/*.c bootloader/stub/*.c))
EFI_CFLAGS := -std=c17 -ffreestanding -fshort-wchar -fno-stack-protector -mno-stack-arg-probe \
	-fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections -Os -Wall -Wextra -Wshadow -Wstrict-prototypes -I. \
	-ffile-prefix-map=$(CURDIR)/= $(if $(DEVELOPER),-Werror) -DKILN_VERSION='"$(VERSION)"'
EFI_LDFLAGS := /subsystem:efi_application /entry:efi_main /nodefaultlib /dll /opt:ref /debug:none /Brepro /nxcompat

# One UEFI program for one architecture. $(1): its name, $(2): UEFI's name of the architecture.
define efi_program
efi_obj_$(1)_$(2) := $$(patsubst %.c,$$(O)/efi-$(2)/%.obj,$$($(1)_src) $$(core_src))
programs += $$(O)/kiln-$(1)-$(2).efi

$$(O)/kiln-$(1)-$(2).efi: $$(efi_obj_$(1)_$(2))
	$$(call say,EFILD,$$@)$$(LLD_LINK) $$(EFI_LDFLAGS) $$^ /implib:$$(O)/efi-$(2)/$(1).lib /out:$$@

-include $$(efi_obj_$(1)_$(2):=.d)
endef

# Both programs for one architecture. $(1): clang's name of it, $(2): UEFI's, $(3): machine flags.
define efi_programs
$$(O)/efi-$(2)/%.obj: %.c $$(O)/flags
	@mkdir -p $$(@D)
	$$(call say,EFICC,$$<)$$(CLANG) --target=$(1)-unknown-windows $$(EFI_CFLAGS) $(3) -MMD -MP -MF $$@.d -c $$< -o $$@

$$(eval $$(call efi_program,selector,$(2)))
$$(eval $$(call efi_program,stub,$(2)))
endef

$(eval $(call efi_programs,x86_64,x64,-mno-red-zone))
$(eval $(call efi_programs,aarch64,aa64,-mgeneral-regs-only))

# Early init is static: nothing of the image is there yet when it runs. (Not with sanitizers, whose
# runtime is a shared library; such a build is for the tests.) The linker's warnings are
# about name look-ups in libcrypto which are never called.
ifneq ($(wildcard bootloader/initramfs/main.c),)
programs += $(O)/kiln-init
$(O)/kiln-init: $(call obj,bootloader/initramfs/main.c) $(LIB_INITRAMFS) $(LIB_VERITY) $(LIB_BASE) $(LIB_CORE)
	$(call say,LD,$@)$(CC) $(if $(SANITIZE),-pie,-static-pie) -Wl,-z,relro,-z,now,-z,noexecstack,--gc-sections,-s,--no-warnings $(SAN_LDFLAGS) $^ -lcrypto -o $@
endif
