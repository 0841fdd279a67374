# kiln: bootable immutable OS images. `make help` lists the targets.
#
# Everything built goes below $(O). Each library is every .c file of its
# folders; bootloader/ and tests/ and docs/ add their own rules in module.mk.

O ?= build
VERSION := $(file <VERSION)
ifeq ($(origin CC),default)
CC := gcc
endif
CLANG ?= clang
LLD_LINK ?= lld-link
AR ?= ar
PREFIX ?= /usr/local
DESTDIR ?=
V ?=
Q = $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' $(1) $(2);)

WARN := -Wall -Wextra -Wformat=2 -Werror=format-security -Wvla -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wpointer-arith -Wno-format-nonliteral
HARDEN := -fstack-protector-strong -fstack-clash-protection -fcf-protection \
	-ftrivial-auto-var-init=zero -fPIE
OPT ?= -O2
ifeq ($(SANITIZE),)
HARDEN += -D_FORTIFY_SOURCE=3
else
OPT := -O1 -g -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
SAN_LDFLAGS := -fsanitize=$(SANITIZE)
endif
ifneq ($(DEVELOPER),)
WARN += -Werror
endif
ifneq ($(COV),)
OPT += --coverage
SAN_LDFLAGS += --coverage
endif

BASE_CFLAGS := $(OPT) -g $(WARN) -I. -I$(O)/gen -ffile-prefix-map=$(CURDIR)=.
CORE_CFLAGS = $(BASE_CFLAGS) $(HARDEN) -std=c17 -ffreestanding
HOST_CFLAGS = $(BASE_CFLAGS) $(HARDEN) -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 \
	-DKILN_VERSION='"$(VERSION)"' -pthread
LDFLAGS_ALL = -pie -Wl,-z,relro,-z,now,-z,noexecstack $(SAN_LDFLAGS) $(LDFLAGS) -pthread

BUILDER_LIBS := -lzstd -lyaml -lsolvext -lsolv -larchive -lcurl -lcrypto -lseccomp -lblkid
VERITY_LIBS := -lcrypto
LAB_LIBS := -larchive -lcrypto

# ---- sources ---------------------------------------------------------------
core_src := $(sort $(wildcard lib/core/*.c))
base_src := $(filter-out lib/base/http.c,$(sort $(wildcard lib/base/*.c)))
http_src := $(wildcard lib/base/http.c)
verity_src := $(sort $(wildcard verity/*.c))
uki_src := $(sort $(wildcard uki/*.c))
install_src := $(sort $(wildcard install/*.c))
builder_src := $(filter-out builder/main.c,$(sort $(wildcard builder/*.c builder/*/*.c)))
fetch_src := $(filter-out fetch/main.c,$(sort $(wildcard fetch/*.c)))
update_src := $(filter-out update/main.c,$(sort $(wildcard update/*.c)))
qemu_src := $(filter-out qemu/main.c,$(sort $(wildcard qemu/*.c)))
initramfs_src := $(filter-out bootloader/initramfs/main.c,$(sort $(wildcard bootloader/initramfs/*.c)))

obj = $(patsubst %.c,$(O)/obj/%.o,$(1))

LIB_CORE := $(O)/libcore.a
LIB_BASE := $(O)/libbase.a
LIB_HTTP := $(if $(http_src),$(O)/libhttp.a)
LIB_VERITY := $(O)/libverity.a
LIB_UKI := $(O)/libuki.a
LIB_INSTALL := $(O)/libinstall.a
LIB_BUILDER := $(O)/libbuilder.a
LIB_FETCH := $(O)/libfetch.a
LIB_UPDATE := $(O)/libupdate.a
LIB_QEMU := $(O)/libqemu.a
LIB_INITRAMFS := $(O)/libinitramfs.a

.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: all help clean install uninstall dist FORCE

programs :=
all: programs

# ---- rebuild when flags change ---------------------------------------------
$(O)/flags: FORCE
	@command -v $(CC) >/dev/null || { echo "$(CC) is missing: run ./setup build" >&2; exit 1; }
	@mkdir -p $(@D); printf '%s\n' '$(subst ','\'',$(CC) $(HOST_CFLAGS) $(CORE_CFLAGS) $(LDFLAGS_ALL) \
		$(CLANG) $(EFI_CFLAGS) $(EFI_LDFLAGS))' >$@.new; \
	cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(O)/obj/lib/core/%.o: lib/core/%.c $(O)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CORE_CFLAGS) -MMD -MP -MF $@.d -c $< -o $@

$(O)/obj/%.o: %.c $(O)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(HOST_CFLAGS) -MMD -MP -MF $@.d -c $< -o $@

# It carries the style sheet in itself.
$(O)/obj/qemu/report_style.o: qemu/report.css

define archive
	@mkdir -p $(@D); rm -f $@
	$(call say,AR,$@)$(AR) qcsD $@ $^
endef

$(LIB_CORE): $(call obj,$(core_src)); $(archive)
$(LIB_BASE): $(call obj,$(base_src)); $(archive)
$(O)/libhttp.a: $(call obj,$(http_src)); $(archive)
$(LIB_VERITY): $(call obj,$(verity_src)); $(archive)
$(LIB_UKI): $(call obj,$(uki_src)); $(archive)
$(LIB_INSTALL): $(call obj,$(install_src)); $(archive)
$(LIB_BUILDER): $(call obj,$(builder_src)); $(archive)
$(LIB_FETCH): $(call obj,$(fetch_src)); $(archive)
$(LIB_UPDATE): $(call obj,$(update_src)); $(archive)
$(LIB_QEMU): $(call obj,$(qemu_src)); $(archive)
$(LIB_INITRAMFS): $(call obj,$(initramfs_src)); $(archive)

# ---- programs ----------------------------------------------------------------
ifneq ($(wildcard builder/main.c),)
programs += $(O)/kiln
$(O)/kiln: $(call obj,builder/main.c) $(LIB_BUILDER) $(LIB_INSTALL) $(LIB_UKI) $(LIB_VERITY) $(LIB_HTTP) $(LIB_BASE) $(LIB_CORE)
	$(call say,LD,$@)$(CC) $(LDFLAGS_ALL) $^ $(BUILDER_LIBS) -o $@
endif
ifneq ($(wildcard qemu/main.c),)
programs += $(O)/kiln-vm $(O)/kiln-boot $(O)/kiln-test
$(O)/kiln-vm: $(call obj,qemu/main.c) $(LIB_QEMU) $(LIB_UKI) $(LIB_VERITY) $(LIB_BASE) $(LIB_CORE)
	$(call say,LD,$@)$(CC) $(LDFLAGS_ALL) $^ $(LAB_LIBS) -o $@
$(O)/kiln-boot $(O)/kiln-test: $(O)/kiln-vm
	$(Q)ln -sf kiln-vm $@
endif
ifneq ($(wildcard update/main.c),)
# On the device: static, so that any image's libc will do.
programs += $(O)/slotctl
$(O)/slotctl: $(call obj,update/main.c) $(LIB_UPDATE) $(LIB_INSTALL) $(LIB_VERITY) $(LIB_BASE) $(LIB_CORE)
	$(call say,LD,$@)$(CC) $(if $(SANITIZE),-pie,-static-pie) -Wl,-z,relro,-z,now,-z,noexecstack,--gc-sections,-s,--no-warnings $(SAN_LDFLAGS) $^ -lcrypto -lblkid -pthread -o $@
endif

ifneq ($(wildcard fetch/main.c),)
# Also on the device, but with the image's own libcurl.
programs += $(O)/kiln-fetch
$(O)/kiln-fetch: $(call obj,fetch/main.c) $(LIB_FETCH) $(LIB_BASE) $(LIB_CORE)
	$(call say,LD,$@)$(CC) $(LDFLAGS_ALL) -Wl,--gc-sections,--as-needed,-s $^ -lcurl -o $@
endif

units := $(wildcard update/units/*)
ifneq ($(units),)
programs += $(O)/units/.stamp
$(O)/units/.stamp: $(units)
	@rm -rf $(@D); mkdir -p $(@D)
	$(Q)cp $(units) $(@D)/ && touch $@
endif

# ... and what its shells know of slotctl.
programs += $(O)/slotctl.bash $(O)/_slotctl
$(O)/slotctl.bash $(O)/_slotctl: $(O)/%: docs/completion/%
	@mkdir -p $(@D)
	$(Q)cp $< $@

# kiln's own recipes, which any recipe may include.
programs += $(O)/recipes
$(O)/recipes:
	@mkdir -p $(@D); ln -sfn $(CURDIR)/recipes $@

# ... and its boot scenarios.
programs += $(O)/scenarios
$(O)/scenarios:
	@mkdir -p $(@D); ln -sfn $(CURDIR)/qemu/scenarios $@

-include bootloader/module.mk
-include tests/module.mk
-include docs/module.mk

.PHONY: programs
programs: $(programs)

# ---- the demo ------------------------------------------------------------------
DEMO_DISK = $(O)/bake/demo/demo_1.0.0_amd64/demo_1.0.0_amd64.raw
BROKEN_DISK = $(O)/bake/demo-broken/demo_1.1.0_amd64/demo_1.1.0_amd64.raw

.PHONY: demo
#: make demo         bake a version and a broken one, boot, upgrade, watch the fallback
demo:
	$(Q)./setup demo
	$(Q)$(MAKE) --no-print-directory all
	@printf '%s\n' '' '1. Bake version 1.0.0, and 1.1.0 with a mistake in it' ''
	$(Q)$(MAKE) --no-print-directory $(O)/bake/demo.stamp $(O)/bake/demo-broken.stamp
	@printf '%s\n' '' '2. Boot 1.0.0 until it is healthy; install 1.1.0; watch what happens' ''
	$(Q)$(O)/kiln test --output $(O)/demo --narrate --next $(BROKEN_DISK) $(DEMO_DISK) $(O)/scenarios/demo/story.scn
	@printf '%s\n' '' 'Try next:' \
		'  $(O)/kiln boot $(DEMO_DISK)                  its console; Ctrl-A X leaves' \
		'  $(O)/kiln boot --ssh $(DEMO_DISK)            a root shell in it' \
		'  $(O)/kiln test --faults all $(DEMO_DISK)     56 kinds of faults, each survived' \
		'  $(O)/kiln recipe --show recipes/demo.yaml    what it was made of'

clean:
	rm -rf $(O)

help:
	@sed -n 's/^#: //p' Makefile tests/module.mk docs/module.mk bootloader/module.mk 2>/dev/null

#: make              build everything into build/
#: make clean        remove build/
#: make help         this list
#:   V=1 shows commands; O=DIR builds elsewhere; DEVELOPER=1 adds -Werror;
#:   SANITIZE=address,undefined and COV=1 change the build

-include $(shell find $(O)/obj -name '*.d' 2>/dev/null)
