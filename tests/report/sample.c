/*
 * Reports of test runs that never were, with their traces, for what checks and looks
 * at reports: report_sample KIND DIR.
 *
 *	few	three scenarios, all passed
 *	many	fifty, with failures and skips, and long names
 *	hostile	a guest, a scenario and a file name that fight back
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"
#include "qemu/bootlog.h"
#include "qemu/report.h"

#define CASES_MAX 64

static const char hostile[] =
	"</pre><script>alert(1)</script>\"'&amp;<!--]]>\033[31m\033]0;x\007\x01\x7f\x9b\xff\xc3( "
	"\xe2\x80\xae"
	"desrever\xe2\x80\xac \xed\xa0\x80 \xef\xbf\xbf\xc2\x85 \xc3\xa9\xe2\x82\xac";

static struct report_case cases[CASES_MAX];
static struct report report = { .cases = cases, .accel = "tcg" };
static struct serial serial;
static uint64_t now = 50000;

static void say(struct report_case *c, unsigned ms, const char *text)
{
	now += ms;
	if (serial_feed(&serial, text, strlen(text), now) < 0 || serial_feed(&serial, "\r\n", 2, now) < 0)
		abort();
	timeline_line(&c->result.timeline, now, text);
}

static void record(struct report_case *c, char slot, enum bs_stage stage, enum bs_reason reason)
{
	struct record *r = &c->result.record;
	struct record_boot *b = &r->boot[r->n - 1];
	struct bs_boot *start = &b->start[b->n++];

	*start = (struct bs_boot){ .number = r->n, .slot = slot == 'b', .stage = stage, .reason = reason };
	snprintf(start->version, sizeof(start->version), "%s", slot == 'b' ? "1.5.0" : "1.4.0");
	if (reason == BS_REASON_NONE)
		return;
	c->result.failed_slot = slot;
	snprintf(c->result.failed_version, sizeof(c->result.failed_version), "%s", start->version);
	snprintf(c->result.failed_stage, sizeof(c->result.failed_stage), "%s", bs_stage_name(stage));
	snprintf(c->result.failed_reason, sizeof(c->result.failed_reason), "%s", bs_reason_name(reason));
}

/* Power on or reset, and the firmware's time. */
static void begin(struct report_case *c)
{
	struct record *r = &c->result.record;

	timeline_start(&c->result.timeline, now);
	if (r->n == TIMELINE_BOOTS_MAX) {
		memmove(r->boot, r->boot + 1, sizeof(r->boot) - sizeof(r->boot[0]));
		r->n--;
	}
	r->boot[r->n++] = (struct record_boot){ 0 };
	c->result.boots++;
	say(c, 3400, "BdsDxe: loading Boot0001 \"UEFI Misc Device\" from PciRoot(0x0)/Pci(0x1,0x0)");
	say(c, 200, "kiln: selector 0.1.0");
}

static void kernel(struct report_case *c, char slot)
{
	char line[64];

	snprintf(line, sizeof(line), "kiln: slot %c: good, boot 1 since the last confirm", slot);
	say(c, 60, line);
	snprintf(line, sizeof(line), "kiln: slot %c: starting web 1.4.0", slot);
	say(c, 370, line);
	say(c, 2200, "[    2.057587] kiln-init: start");
	say(c, 40, "[    2.060496] kiln-init: cmdline: ok");
	say(c, 400, "[    2.449651] kiln-init: modules: ok");
	say(c, 200, "[    2.633985] kiln-init: signature: ok");
}

static void corrupt(struct report_case *c, char slot)
{
	begin(c);
	kernel(c, slot);
	say(c, 50, "[    2.674408] kiln-init: verity: ok");
	say(c, 30, "[    2.641862] device-mapper: verity: 254:4: data block 0 is corrupted");
	say(c, 2, "[    2.644312] reboot: Restarting system with command 'dm-verity device corrupted'");
	record(c, slot, BS_STAGE_VERITY, BS_REASON_NO_VERDICT);
	now += 900;
}

static void healthy(struct report_case *c, char slot, unsigned systemd_ms)
{
	char line[64];

	begin(c);
	kernel(c, slot);
	say(c, 1100, "[    3.906710] kiln-init: switch root");
	say(c, systemd_ms - 2000, "\033[0;32m[  OK  ]\033[0m Reached target \033[0;1;39mMulti-User System\033[0m.");
	say(c, 20, "web login: ");
	snprintf(line, sizeof(line), "kiln-health: confirmed slot %c 1.4.0", slot);
	say(c, 1980, line);
	record(c, slot, BS_STAGE_CONFIRMED, BS_REASON_NONE);
}

static void write_file(const char *dir, const char *name, const char *text, size_t len)
{
	_cleanup_free_ char *path = path_join(dir, name);
	FILE *f = path ? fopen(path, "w") : NULL;

	if (!f || fwrite(text, 1, len, f) != len || fclose(f) != 0) {
		perror(name);
		exit(1);
	}
}

/* The scenario is over: its traces, and the machine is off. */
static void end(struct report_case *c)
{
	_cleanup_free_ char *dir = path_join(report.output, c->name);
	struct timeline *t = &c->result.timeline;

	timeline_stop(t, now + 5, TIMELINE_CUT);
	c->result.ms = now + 250 - (t->n ? t->boot[0].start_ms : now);
	if (!dir || path_mkdirs(dir) < 0 || bootlog_write(dir, &serial, t, NULL) < 0)
		exit(1);
	write_file(dir, "serial.log", hostile, sizeof(hostile) - 1);
	write_file(dir, "timeline.txt", "", 0);
	write_file(dir, "timeline.json", "", 0);
	serial_done(&serial);
	serial_init(&serial, NULL, NULL);
	report.wall_ms += c->result.ms / 2;
}

static struct report_case *add(const char *name, const char *title)
{
	struct report_case *c = &cases[report.n++];
	_cleanup_free_ char *dir = path_join(report.output, name);

	if (!dir || !(c->name = strdup(name)) || !(c->log = path_join(dir, "serial.log")))
		abort();
	c->title = title;
	c->again = str_printf("--faults=%s", name);
	c->source = str_printf("title \"%s\"\nclone slot-a slot-b\nboot\n"
			       "expect serial \"kiln-health: confirmed\" 300s\n",
			       title);
	return c;
}

static void fail(struct report_case *c, const char *why)
{
	c->result.verdict = VERDICT_FAILED;
	snprintf(c->result.why, sizeof(c->result.why), "%s", why);
}

/* ---- scenarios ----------------------------------------------------------------------- */

static void fall_back(const char *name, unsigned lost)
{
	struct report_case *c = add(name, "a corrupt root: falls back to the other slot");

	for (unsigned i = 0; i < lost; i++)
		corrupt(c, 'a');
	healthy(c, 'b', 22000);
	end(c);
}

static void boots(const char *name)
{
	struct report_case *c = add(name, "boots and is confirmed healthy");

	healthy(c, 'a', 23369);
	end(c);
}

static void same_boot(const char *name)
{
	struct report_case *c = add(name, "a flipped byte in the UKI: the other slot, in the same boot");

	begin(c);
	record(c, 'a', BS_STAGE_SELECTED, BS_REASON_UKI_HASH);
	say(c, 300, "kiln: slot a: UKI hash mismatch");
	kernel(c, 'b');
	say(c, 1100, "[    3.906710] kiln-init: switch root");
	say(c, 25000, "kiln-health: confirmed slot b 1.5.0");
	record(c, 'b', BS_STAGE_CONFIRMED, BS_REASON_NONE);
	end(c);
}

static void reboots(const char *name)
{
	struct report_case *c = add(name, "survives a reboot");

	healthy(c, 'a', 20000);
	now += 14000;
	healthy(c, 'a', 18000);
	timeline_stop(&c->result.timeline, now + 9000, TIMELINE_OFF);
	now += 20000;
	begin(c);
	timeline_stop(&c->result.timeline, now + 400, TIMELINE_CUT);
	now += 3000;
	healthy(c, 'a', 19000);
	end(c);
}

static void times_out(const char *name)
{
	struct report_case *c = add(name, "an update with a health check that never passes, taken back");

	begin(c);
	kernel(c, 'b');
	say(c, 1100, "[    3.906710] kiln-init: switch root");
	say(c, 21000, "web login: ");
	say(c, 60000, "kiln-health: nginx.service is activating, waiting");
	record(c, 'b', BS_STAGE_USERSPACE, BS_REASON_HEALTH_TIMEOUT);
	fail(c, "scenarios/33-health-never.scn:12:1: expect serial \"kiln-health: confirmed slot a\" 300s: it did not "
		"happen in time, waiting for \"kiln-health: confirmed slot a\"; the serial port's last lines:\n"
		"web login: \nkiln-health: nginx.service is activating, waiting");
	now += 215000;
	end(c);
}

static void loops(const char *name)
{
	struct report_case *c = add(name, "resets for ever");

	for (unsigned i = 0; i < TIMELINE_BOOTS_MAX + 4; i++) {
		begin(c);
		record(c, 'a', BS_STAGE_SELECTED, BS_REASON_UKI_HASH);
		say(c, 10, "kiln: no slot can be started: reset in 10 s");
		now += 1500;
	}
	fail(c, "scenarios/40-loops.scn:5:1: expect slot a: the scenario's deadline passed");
	end(c);
}

static void skipped(const char *name)
{
	struct report_case *c = add(name, "uploads over ssh");

	c->result.verdict = VERDICT_SKIPPED;
	snprintf(c->result.why, sizeof(c->result.why), "it needs ssh, and the image has no ssh server");
}

static void died(const char *name)
{
	fail(add(name, "its player crashed"), "the program that played it died: this is a bug in kiln");
}

static void fights_back(void)
{
	struct report_case *c = add("a b#?%25&'<\"\\javascript:x", hostile);

	free(c->source);
	c->source = strdup(hostile);
	begin(c);
	for (unsigned i = 0; i < 300; i++)
		say(c, 1, hostile);
	say(c, 1, "kiln: slot b: starting </b></pre><b>");
	record(c, 'b', BS_STAGE_KERNEL, BS_REASON_PANIC);
	snprintf(c->result.failed_version, sizeof(c->result.failed_version), "<b>%s", "\"'\xff");
	snprintf(c->result.record.boot[0].start[0].version, VERSION_TEXT_SIZE, "</p>%.50s", hostile);
	fail(c, hostile);
	end(c);
}

/* ---- runs ------------------------------------------------------------------------------ */

static void few(void)
{
	boots("01-boots");
	same_boot("04-uki-flipped");
	fall_back("05-root-flipped", 3);
}

static void many(void)
{
	static void (*const kinds[])(const char *name) = { boots, same_boot, reboots, skipped, loops, times_out };

	for (unsigned i = 0; i < 50; i++) {
		char name[200];
		unsigned kind = i == 17 ? 4 : i == 33 ? 5 : i % 16 == 15 ? 3 : i % 5;

		snprintf(name, sizeof(name), i % 13 == 4 ? "%02u-%s%s" : "%02u-%s", i + 1,
			 i % 2 ? "power-cut-at-write" : "root-flipped",
			 "-in-a-scenario-whose-name-says-everything-that-it-does-to-the-boot-state-and-to-the-disk");
		if (kind < 3 || i == 17 || i == 33 || i % 16 == 15)
			kinds[kind](name);
		else
			fall_back(name, i % 4 + 1);
	}
	died("51-died");
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} runs[] = { { "few", few }, { "many", many }, { "hostile", fights_back } };
	static struct err err;
	int r = argc == 3 ? 0 : -1;

	if (r < 0)
		return fprintf(stderr, "usage: report_sample few|many|hostile DIR\n"), 2;
	report.output = argv[2];
	report.image = strcmp(argv[1], "hostile") ? "out/web_1.4.0_amd64/web_1.4.0_amd64.raw" : hostile;
	report.firmware = strcmp(argv[1], "hostile") ? "/usr/share/OVMF/OVMF_CODE_4M.fd" : hostile;
	report.accel_why = "KVM opens but hangs a guest";
	report.started = 1795464900;
	for (unsigned i = 0; i < BS_SLOTS && strcmp(argv[1], "hostile"); i++)
		report.slot[i] = (struct slotdesc){ .name = "web", .version = { '1', '.', (char)('4' + i), '.', '0' },
						    .root_hash = { 0x38, 0x4b, 0xf4, (uint8_t)i } };
	serial_init(&serial, NULL, NULL);
	for (unsigned i = 0; i < ARRAY_SIZE(runs); i++)
		if (!strcmp(argv[1], runs[i].name))
			runs[i].run();
	if (report_load_logs(&report, &err) < 0 || report_write(&report, &err) < 0)
		return fprintf(stderr, "%s\n", err.text), 1;
	return 0;
}
