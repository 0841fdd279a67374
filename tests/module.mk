# Tests. Unit tests are found by name: tests/unit/AREA/NAME_test.c becomes
# $(O)/tests/unit/AREA/NAME_test, linked with the libraries of its area.

unit_src := $(sort $(wildcard tests/unit/*/*_test.c tests/model/*_test.c tests/crash/*_test.c))
unit_bin := $(patsubst %.c,$(O)/%,$(unit_src))
fuzz_name := $(sort $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c)))
replay_bin := $(addprefix $(O)/tests/fuzz/replay_,$(fuzz_name))

# The selector for this machine: a test supplies the firmware, and what else it reaches for.
LIB_SELECTOR := $(O)/libselector.a
$(LIB_SELECTOR): $(call obj,$(selector_src) $(addprefix bootloader/efi/,firmware.c loader_variable.c device_path.c pci.c acpi.c))
	@mkdir -p $(@D); rm -f $@
	$(call say,AR,$@)$(AR) qcsD $@ $^

all_libs = $(LIB_SELECTOR) $(LIB_BUILDER) $(LIB_QEMU) $(LIB_UKI) $(LIB_UPDATE) $(LIB_FETCH) $(LIB_INITRAMFS) $(LIB_INSTALL) $(LIB_VERITY) \
	$(LIB_HTTP) $(LIB_BASE) $(LIB_CORE)
$(O)/tests/unit/core/% $(O)/tests/model/%: LIBS = $(LIB_BASE) $(LIB_CORE) -lcrypto
$(O)/tests/unit/base/%: LIBS = $(LIB_HTTP) $(LIB_BASE) $(LIB_CORE) -lcrypto -lcurl
$(O)/tests/unit/verity/%: LIBS = $(LIB_VERITY) $(LIB_BASE) $(LIB_CORE) $(VERITY_LIBS)
$(O)/tests/unit/uki/%: LIBS = $(LIB_UKI) $(LIB_BASE) $(LIB_CORE) -larchive -lcrypto
$(O)/tests/unit/install/%: LIBS = $(LIB_INSTALL) $(LIB_VERITY) $(LIB_BASE) $(LIB_CORE) -lcrypto -lblkid
$(O)/tests/unit/builder/%: LIBS = $(LIB_BUILDER) $(LIB_INSTALL) $(LIB_UKI) $(LIB_VERITY) $(LIB_HTTP) $(LIB_BASE) $(LIB_CORE) $(BUILDER_LIBS)
$(O)/tests/unit/qemu/%: LIBS = $(LIB_QEMU) $(LIB_UKI) $(LIB_VERITY) $(LIB_BASE) $(LIB_CORE) $(LAB_LIBS)
$(O)/tests/unit/update/%: LIBS = $(LIB_UPDATE) $(LIB_INSTALL) $(LIB_VERITY) $(LIB_BASE) $(LIB_CORE) -lcrypto -lblkid
$(O)/tests/unit/fetch/%: LIBS = $(LIB_FETCH) $(LIB_BASE) $(LIB_CORE) -lcurl
$(O)/tests/unit/stub/%: LIBS = $(O)/obj/tests/unit/stub/fake_firmware.o $(LIB_STUB) $(LIB_BASE) $(LIB_CORE)
$(O)/tests/unit/selector/%: LIBS = $(LIB_SELECTOR) $(LIB_CORE)
$(O)/tests/unit/initramfs/%: LIBS = $(LIB_INITRAMFS) $(LIB_VERITY) $(LIB_BASE) $(LIB_CORE) -lcrypto
$(O)/tests/crash/% $(O)/tests/fuzz/%: LIBS = $(all_libs) $(BUILDER_LIBS)

# The UEFI stub as a host program, on the firmware of tests/unit/stub/fake_firmware.c.
LIB_STUB := $(O)/libstub.a
$(LIB_STUB): $(call obj,$(stub_src) $(filter-out %/memory.c,$(wildcard bootloader/efi/*.c))); $(archive)
$(filter $(O)/tests/unit/stub/%,$(unit_bin)): $(LIB_STUB) $(O)/obj/tests/unit/stub/fake_firmware.o

$(unit_bin): $(O)/tests/%: $(O)/obj/tests/%.o $(all_libs)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(LDFLAGS_ALL) $< $(LIBS) -lcmocka -o $@

$(replay_bin): $(O)/tests/fuzz/replay_%: $(O)/obj/tests/fuzz/fuzz_%.o $(O)/obj/tests/fuzz/replay.o $(all_libs)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(LDFLAGS_ALL) $(O)/obj/tests/fuzz/fuzz_$*.o $(O)/obj/tests/fuzz/replay.o $(LIBS) -o $@

# The devices and bundles that the cases in tests/slotctl are about.
slotctl_tools := $(addprefix $(O)/tests/slotctl/,device bundle crowded_device crowded_bundle)
$(O)/obj/tests/slotctl/crowded_%.o: tests/slotctl/%.c $(O)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(HOST_CFLAGS) -DCROWDED -MMD -MP -MF $@.d -c $< -o $@
$(slotctl_tools): $(O)/%: $(O)/obj/%.o $(LIB_INSTALL) $(LIB_VERITY) $(LIB_BASE) $(LIB_CORE)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(LDFLAGS_ALL) $^ -lcrypto -o $@

# verity/ alone on the command line, for tests/bench/verity.sh and golden/verity_strangers.sh.
$(O)/tests/bench/verity_tool: $(O)/obj/tests/bench/verity_tool.o $(LIB_VERITY) $(LIB_BASE) $(LIB_CORE)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(LDFLAGS_ALL) $^ $(VERITY_LIBS) -o $@

# Slots written by hand, for the scripts of tests/golden that boot them.
$(O)/tests/golden/slot_tool: $(O)/obj/tests/golden/slot_tool.o $(all_libs)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(LDFLAGS_ALL) $< $(all_libs) $(BUILDER_LIBS) -o $@

# Early init that hangs, static as the real one is.
$(O)/tests/golden/hanging_init: $(O)/obj/tests/golden/hanging_init.o $(LIB_INITRAMFS) $(LIB_VERITY) $(LIB_BASE) $(LIB_CORE)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) -static-pie -Wl,-z,relro,-z,now,--gc-sections,-s,--no-warnings $(SAN_LDFLAGS) $^ -lcrypto -o $@

# Reports of runs that never were, for tests/report/reports.sh.
$(O)/tests/report/sample: $(O)/obj/tests/report/sample.o $(LIB_QEMU) $(LIB_UKI) $(LIB_VERITY) $(LIB_BASE) $(LIB_CORE)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(LDFLAGS_ALL) $^ $(LAB_LIBS) -o $@

.PHONY: check test soak bench unit fuzz lint coverage bakes
#: make run-unit/core/gpt_test   one unit test
run-unit/%: $(O)/tests/unit/%
	$(Q)$(abspath $<)

unit: $(unit_bin)
	$(Q)tests/run $(unit_bin)

# ---- the quick loop: no root, network or QEMU --------------------------------
tidy := layers.sh shape.sh headers.sh
check_cmds = $(unit_bin) $(foreach t,$(tidy),tests/tidy/$(t)) \
	$(foreach n,$(fuzz_name),'$(O)/tests/fuzz/replay_$(n) tests/fuzz/corpus/$(n)') \
	'tests/tidy/manuals.sh $(O)' 'tests/tidy/freestanding.sh $(O)' 'tests/cli/run $(O)/kiln' \
	'tests/report/reports.sh $(O)' 'tests/fetch/faults.py $(O)/kiln-fetch' \
	'tests/fetch/install.py $(O)' 'tests/slotctl/memory.py $(O)' 'tests/cli/run $(O)/slotctl $(sort $(wildcard tests/slotctl/*.test))'

#: make check        the quick loop: units, models, fuzz corpora, manuals, style
check: all man $(unit_bin) $(replay_bin) $(O)/tests/report/sample $(slotctl_tools)
	$(Q)tests/run $(check_cmds)

# ---- bakes that tests share ---------------------------------------------------
# $(O)/bake/NAME/ holds the published artefacts of recipes/NAME.yaml.
bake_recipes := demo demo-broken minimal demo-trixie examples/web examples/cloud
bake_stamp = $(foreach r,$(bake_recipes),$(O)/bake/$(notdir $(r)).stamp)
bakes: $(bake_stamp) $(O)/bake/demo-next.stamp

define bake_rule
$(O)/bake/$(notdir $(1)).stamp: $(programs) $(shell find recipes -name '*.yaml')
	@mkdir -p $$(@D)
	$$(Q)rm -rf $(O)/bake/$(notdir $(1))
	$$(Q)$(O)/kiln build -o $(O)/bake/$(notdir $(1)) recipes/$(1).yaml
	$$(Q)touch $$@
endef
$(foreach r,$(bake_recipes),$(eval $(call bake_rule,$(r))))

# The demo once more, as its next version: what a machine updates to.
$(O)/bake/demo-next.stamp: $(O)/bake/demo.stamp | $(lastword $(bake_stamp))
	$(Q)rm -rf $(O)/bake/demo-next
	$(Q)$(O)/kiln build --image-version=1.1.0 -o $(O)/bake/demo-next recipes/demo.yaml
	$(Q)touch $@

# Bakes use both cores and one package store: one after the other.
$(foreach i,2 3 4 5 6,$(eval $(word $(i),$(bake_stamp)): | $(word $(shell expr $(i) - 1),$(bake_stamp))))

# ---- everything we promise ----------------------------------------------------
#: make test         everything: check, strangers' tools, real boots in QEMU

# Both cores build, whoever types plain `make test`.
parallel = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))
test:
	$(Q)./setup test
	$(Q)$(MAKE) --no-print-directory $(parallel) check
	$(Q)$(MAKE) --no-print-directory $(parallel) bakes $(promise_tools)
	$(Q)tests/run -j 4 --label promises $(promise_cmds)

promise_tools = $(O)/tests/golden/slot_tool $(O)/tests/golden/hanging_init $(newer_firmware)

# Half the real boots are of the next release's firmware, which is faster.
newer_firmware = $(O)/ovmf/OVMF_CODE_4M.fd
$(newer_firmware): tests/golden/firmware.sh | $(O)/kiln
	$(Q)tests/golden/firmware.sh $(O)

demo_dir = $(O)/bake/demo/demo_1.0.0_amd64
cloud_dir = $(O)/bake/cloud/cloud_1.0.0_amd64
cloud_disk = $(cloud_dir)/cloud_1.0.0_amd64.raw
web_disk = $(O)/bake/web/web_1.0.0_amd64/web_1.0.0_amd64.raw
minimal_disk = $(O)/bake/minimal/minimal_1.0.0_amd64/minimal_1.0.0_amd64.raw
trixie_disk = $(O)/bake/demo-trixie/demo-trixie_1.0.0_amd64/demo-trixie_1.0.0_amd64.raw
broken_disk = $(O)/bake/demo-broken/demo_1.1.0_amd64/demo_1.1.0_amd64.raw
demo_disk = $(demo_dir)/demo_1.0.0_amd64.raw
next_disk = $(O)/bake/demo-next/demo_1.1.0_amd64/demo_1.1.0_amd64.raw
lab = $(O)/kiln test --output $(O)/lab/
fast_lab = $(O)/kiln test --firmware=$(newer_firmware) --output $(O)/lab/
# What trixie's systemd and kernel are asked, bookworm's need not answer again; that an image
# boots, every other scenario shows; and what it looks like from inside, another image of
# bookworm's is asked.
on_trixie := 07-nothing-injected 08-systemd-crashes
scenarios := $(filter-out 01-boots 02-runs $(on_trixie),$(basename $(notdir $(sort $(wildcard qemu/scenarios/*.scn)))))
comma := ,
empty :=
fault_list = $(subst $(empty) $(empty),$(comma),$(strip $(1)))
# Of crashes, tests/golden/update-crashes.scn has all and more. Most faults are done to the image
# whose kernel starts fastest; that one cannot feed a watchdog, so hangs are for the other.
hang_faults := kernel-hangs kernel-hangs-itco
faults := $(filter-out crashes $(hang_faults),$(basename $(notdir $(sort $(wildcard qemu/scenarios/faults/*.scn)))))
# Four at a time, as many of them wait for a watchdog or a soak; the longest first.
promise_cmds = \
	'$(fast_lab)demo-2 -j1 $(demo_disk) $(wordlist 5,99,$(scenarios))' \
	'$(fast_lab)faults-2 -j1 --quick --faults $(call fault_list,$(wordlist 27,99,$(faults))) $(cloud_disk)' \
	'$(fast_lab)faults-1 -j1 --quick --faults $(call fault_list,$(wordlist 1,26,$(faults))) $(cloud_disk)' \
	'tests/golden/chain.sh $(O) $(demo_dir) hangs good returns resets' \
	'$(fast_lab)trixie -j1 $(trixie_disk) 02-runs $(on_trixie) tests/golden/kernel-inspect.scn' \
	'$(fast_lab)update -j1 --next $(next_disk) $(demo_disk) tests/golden/update.scn tests/golden/kills.scn' \
	'$(fast_lab)week -j1 --quick $(demo_disk) tests/golden/week.scn' \
	'$(fast_lab)crashes -j1 --next $(next_disk) $(demo_disk) tests/golden/update-crashes.scn' \
	'$(lab)demo-1 -j1 $(demo_disk) $(wordlist 1,4,$(scenarios))' \
	'$(fast_lab)hangs -j1 --quick --faults $(call fault_list,$(hang_faults)) $(demo_disk)' \
	'$(fast_lab)story -j1 --next $(broken_disk) $(demo_disk) qemu/scenarios/demo/story.scn' \
	'tests/golden/hangs.sh $(O) $(demo_dir) early-init' \
	'tests/golden/hangs.sh $(O) $(cloud_dir) unfed guard' \
	'tests/golden/selector_arm64.sh $(O)' \
	'tests/golden/verity_strangers.sh $(O)' \
	'tests/golden/provision.sh $(O) $(demo_dir)' \
	'tests/golden/provision_boots.sh $(O) $(demo_disk)' \
	'tests/golden/image_strangers.sh $(demo_dir)' \
	'tests/golden/apt_agrees.sh $(O)/kiln $(patsubst %,recipes/%.yaml,$(filter-out demo-broken,$(bake_recipes))) minimal.yaml@trixie examples/web.yaml@trixie' \
	'tests/golden/reproducible.sh $(O) recipes/demo.yaml $(demo_dir)' \
	'tests/golden/engines_agree.sh $(O) demo' \
	'tests/golden/mmdebstrap_agrees.sh $(O) demo' \
	'tests/golden/bad_input.sh $(O) recipes/demo.yaml' \
	'tests/model/mutants.sh' \
	'tests/crash/install_mutants.sh $(O)' \
	'$(lab)minimal -j1 $(minimal_disk) 01-boots tests/golden/credentials-locked.scn' \
	'tests/report/real.sh $(O) $(minimal_disk)' \
	'$(lab)web -j1 $(web_disk) 02-runs' \
	'$(fast_lab)golden -j1 $(demo_disk) tests/golden/bootctl.scn tests/golden/credentials-open.scn'

# The two of them that sample, with as many samples as a release wants.
#: make soak         200 kills of an install, 60 booted crash states: a quarter of an hour
soak:
	$(Q)./setup test
	$(Q)$(MAKE) --no-print-directory $(parallel) all $(O)/bake/demo-next.stamp $(newer_firmware)
	$(Q)mkdir -p $(O)/soak
	$(Q)sed 's/kills 20"/kills 200"/' tests/golden/kills.scn >$(O)/soak/kills.scn
	$(Q)sed 's/boots 20/boots 60/' tests/golden/update-crashes.scn >$(O)/soak/update-crashes.scn
	$(Q)tests/run --label soak \
		'$(fast_lab)soak-kills -j1 --next $(next_disk) $(demo_disk) $(O)/soak/kills.scn' \
		'$(fast_lab)soak-crashes -j1 --next $(next_disk) $(demo_disk) $(O)/soak/update-crashes.scn'

#: make bench        figures against the peer tools, as ratios of medians
bench:
	$(Q)./setup bench
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tests/bench/verity.sh $(O)
	$(Q)tests/bench/bake.sh $(O) recipes/demo.yaml
	$(Q)tests/bench/bundle.sh $(O) recipes/demo.yaml
	$(Q)$(MAKE) --no-print-directory $(O)/bake/demo.stamp
	$(Q)tests/bench/provision.sh $(O) $(demo_disk)
	$(Q)tests/bench/install.sh $(O) $(demo_dir)

# ---- for developers -----------------------------------------------------------
#: make fuzz         every parser for SECONDS=30 each, with clang
SECONDS ?= 30
fuzz_flags = O=$(O)/fuzz CC=$(CLANG) SANITIZE=address,undefined,fuzzer-no-link HARDEN=
fuzz:
	$(Q)$(MAKE) --no-print-directory $(fuzz_flags) $(addprefix $(O)/fuzz/tests/fuzz/fuzz_,$(fuzz_name))
	$(Q)for n in $(fuzz_name); do mkdir -p $(O)/fuzz/found/$$n; \
		$(O)/fuzz/tests/fuzz/fuzz_$$n -max_total_time=$(SECONDS) -print_final_stats=1 -verbosity=1 \
		-artifact_prefix=$(O)/fuzz/found/$$n- $(O)/fuzz/found/$$n tests/fuzz/corpus/$$n \
		2>$(O)/fuzz/$$n.log || { tail -30 $(O)/fuzz/$$n.log; exit 1; }; \
		printf '%-14s %s\n' $$n "$$(grep -E 'DONE' $(O)/fuzz/$$n.log | tail -1)"; done

$(O)/tests/fuzz/fuzz_%: $(O)/obj/tests/fuzz/fuzz_%.o $(all_libs)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) -pie -fsanitize=fuzzer,address,undefined -pthread $< $(LIBS) -o $@

#: make lint         cppcheck over the tree
lint:
	$(Q)cppcheck --quiet --error-exitcode=1 --enable=warning,portability --inline-suppr \
		--suppress=missingIncludeSystem -I. $(core_src) $(base_src) $(verity_src) $(install_src) $(uki_src) $(builder_src) \
		$(update_src) $(fetch_src) $(qemu_src) $(initramfs_src)

#: make coverage     line coverage of the unit tests
coverage:
	$(Q)$(MAKE) --no-print-directory O=$(O)/cov COV=1 unit
	$(Q)gcovr --root . --object-directory $(O)/cov --exclude tests
