/* update.conf: what is taken lies within its limits, and reads the same when written again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "update/update_conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void text(struct buf *out, const char *key, const char *value)
{
	if (*value)
		buf_addf(out, "%s=%s\n", key, value);
}

static void write_again(const struct update_conf *c, struct buf *out)
{
	buf_addf(out, "STATE=%u-%u\nLIMIT_RATE=%llu\n", c->state_min, c->state_max,
		 (unsigned long long)c->limit_bytes_per_s);
	text(out, "NAME", c->name);
	text(out, "ARCH", c->arch);
	text(out, "VERSION", c->version);
	text(out, "URL", c->url);
	text(out, "PROXY", c->proxy);
	text(out, "CACERT", c->cacert);
	text(out, "CERT", c->cert);
	text(out, "KEY", c->key);
	if (c->reboot == UPDATE_REBOOT_AT)
		buf_addf(out, "REBOOT=%02u:%02u\n", c->reboot_minute / 60, c->reboot_minute % 60);
	else
		text(out, "REBOOT", c->reboot == UPDATE_REBOOT_NOW ? "now" : "never");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct update_conf conf, again;
	static struct err err;
	struct buf out = BUF_INIT;

	memset(&conf, 0x55, sizeof(conf));
	err_init(&err);
	if (update_conf_parse((const char *)data, len, &conf, &err)) {
		if (!err.text[0] || conf.state_max != 0x55555555)
			abort();
		return 0;
	}
	if (!*conf.name || !*conf.arch || !*conf.version || conf.state_min > conf.state_max ||
	    (*conf.url && strncmp(conf.url, "http", 4)) || (*conf.key && !*conf.cert) || conf.reboot_minute >= 1440 ||
	    (*conf.cert && *conf.cert != '/'))
		abort();
	write_again(&conf, &out);
	if (update_conf_parse(out.data, out.len, &again, &err) || memcmp(&conf, &again, sizeof(conf)) != 0)
		abort();
	buf_done(&out);
	return 0;
}
