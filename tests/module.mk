# Tests. Unit tests are found by name: tests/unit/AREA/NAME_test.c becomes
# $(O)/tests/unit/AREA/NAME_test, linked with the libraries of its area.

unit_src := $(sort $(wildcard tests/unit/*/*_test.c) $(wildcard tests/model/*_test.c) $(wildcard tests/crash/*_test.c))
unit_bin := $(patsubst %.c,$(O)/%,$(unit_src))

$(O)/tests/unit/core/% $(O)/tests/model/%: LIBS = $(LIB_BASE) $(LIB_CORE) -lcrypto
$(O)/tests/unit/base/%: LIBS = $(LIB_HTTP) $(LIB_BASE) $(LIB_CORE) -lcrypto -lcurl
$(O)/tests/unit/verity/%: LIBS = $(LIB_VERITY) $(LIB_BASE) $(LIB_CORE) $(VERITY_LIBS)
$(O)/tests/unit/builder/%: LIBS = $(LIB_BUILDER) $(LIB_VERITY) $(LIB_HTTP) $(LIB_BASE) $(LIB_CORE) $(BUILDER_LIBS)
$(O)/tests/unit/qemu/%: LIBS = $(LIB_QEMU) $(LIB_BASE) $(LIB_CORE) -lcrypto
$(O)/tests/unit/update/%: LIBS = $(LIB_UPDATE) $(LIB_BASE) $(LIB_CORE) -lcrypto
$(O)/tests/unit/initramfs/%: LIBS = $(LIB_INITRAMFS) $(LIB_VERITY) $(LIB_BASE) $(LIB_CORE) -lcrypto
$(O)/tests/crash/%: LIBS = $(LIB_BUILDER) $(LIB_UPDATE) $(LIB_VERITY) $(LIB_HTTP) $(LIB_BASE) $(LIB_CORE) $(BUILDER_LIBS)

$(unit_bin): $(O)/tests/%: $(O)/obj/tests/%.o $(LIB_CORE) $(LIB_BASE) $(LIB_HTTP) $(LIB_VERITY) \
		$(LIB_BUILDER) $(LIB_QEMU) $(LIB_UPDATE) $(LIB_INITRAMFS)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(LDFLAGS_ALL) $< $(LIBS) -lcmocka -o $@

.PHONY: unit
#: make unit         build and run all unit, model and crash tests
unit: $(unit_bin)
	$(Q)for t in $(unit_bin); do "$$(realpath $$t)" >$$t.log 2>&1 && echo "ok   $$t" || { echo "FAIL $$t"; cat $$t.log; exit 1; }; done

#: make run-unit/core/gpt_test   one of them
run-%: $(O)/tests/%
	$(Q)$(abspath $<)
