# Documentation, installation and release archives.

man_src := $(sort $(wildcard docs/man/*.[1-8]))
man_gen := $(O)/man/recipe.5

$(O)/man/recipe.5: $(O)/kiln
	@mkdir -p $(@D)
	$(call say,MAN,$@)$(O)/kiln recipe --man >$@

.PHONY: man
man: $(man_gen)

#: make install      into $(DESTDIR)$(PREFIX) (default /usr/local)
install: all man
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/kiln/units
	install -m 755 $(O)/kiln $(O)/kiln-vm $(DESTDIR)$(PREFIX)/bin
	ln -sf kiln-vm $(DESTDIR)$(PREFIX)/bin/kiln-boot
	ln -sf kiln-vm $(DESTDIR)$(PREFIX)/bin/kiln-test
	install -m 755 $(O)/kiln-init $(O)/slotctl $(O)/kiln-fetch $(DESTDIR)$(PREFIX)/lib/kiln
	install -m 644 $(O)/kiln-selector-x64.efi $(O)/kiln-stub-x64.efi $(DESTDIR)$(PREFIX)/lib/kiln
	install -m 644 update/units/* $(DESTDIR)$(PREFIX)/lib/kiln/units
	install -m 644 docs/completion/slotctl.bash docs/completion/_slotctl $(DESTDIR)$(PREFIX)/lib/kiln
	cd recipes && find . -type f ! -name '*.lock' -exec install -D -m 644 {} $(DESTDIR)$(abspath $(PREFIX))/lib/kiln/recipes/{} ';'
	cd qemu && find scenarios -type f -exec install -D -m 644 {} $(DESTDIR)$(abspath $(PREFIX))/lib/kiln/{} ';'
	for m in $(man_src) $(man_gen); do \
		install -D -m 644 $$m $(DESTDIR)$(PREFIX)/share/man/man$${m##*.}/$${m##*/}; done
	install -D -m 644 docs/completion/kiln.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/kiln
	install -D -m 644 docs/completion/_kiln $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_kiln

#: make uninstall    removes what install put there
uninstall:
	cd $(DESTDIR)$(PREFIX) && rm -rf bin/kiln bin/kiln-vm bin/kiln-boot bin/kiln-test lib/kiln \
		share/bash-completion/completions/kiln share/zsh/site-functions/_kiln \
		$(foreach m,$(notdir $(man_src) $(man_gen)),share/man/man$(subst .,,$(suffix $(m)))/$(m))

#: make dist         build/kiln-VERSION.tar.xz of the committed tree
dist:
	@mkdir -p $(O)
	git archive --prefix=kiln-$(VERSION)/ HEAD | xz -9e >$(O)/kiln-$(VERSION).tar.xz
