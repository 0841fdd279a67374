/* health.conf: what is taken lies within its limits, and reads the same when written again. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "update/health_conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void write_again(const struct health_conf *c, struct buf *out)
{
	static const char *const key[] = { [HEALTH_UNIT] = "UNIT", [HEALTH_RUN] = "RUN", [HEALTH_PORT] = "PORT" };

	buf_addf(out, "TIMEOUT_S=%u\nSOAK_S=%u\nSCRUB_S=%u\nSETTLE_S=%u\n", c->timeout_s, c->soak_s,
		 c->scrub_s, c->settle_s);
	for (size_t i = 0; i < c->n_checks; i++)
		buf_addf(out, "%s=%s\n", key[c->check[i].kind], c->check[i].value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct health_conf conf, again;
	static struct err err;
	struct buf text = BUF_INIT;

	memset(&conf, 0x55, sizeof(conf));
	if (health_conf_parse((const char *)data, len, &conf, &err)) {
		if (!err.text[0] || conf.timeout_s != 0x55555555)
			abort();
		return 0;
	}
	if (conf.n_checks > HEALTH_CHECKS_MAX || conf.timeout_s < 1 || conf.timeout_s > HEALTH_S_MAX ||
	    conf.soak_s > HEALTH_S_MAX || conf.scrub_s < 1 || conf.scrub_s > HEALTH_S_MAX ||
	    conf.settle_s > HEALTH_S_MAX)
		abort();
	for (size_t i = 0; i < conf.n_checks; i++)
		if (!conf.check[i].value[0] || strlen(conf.check[i].value) > HEALTH_VALUE_MAX ||
		    (conf.check[i].kind == HEALTH_PORT && (conf.check[i].port < 1 || conf.check[i].port > 65535)))
			abort();
	write_again(&conf, &text);
	memset(&again, 0, sizeof(again));
	if (health_conf_parse(text.data, text.len, &again, &err) || again.n_checks != conf.n_checks ||
	    again.timeout_s != conf.timeout_s || again.settle_s != conf.settle_s)
		abort();
	for (size_t i = 0; i < conf.n_checks; i++)
		if (again.check[i].kind != conf.check[i].kind || again.check[i].port != conf.check[i].port ||
		    strcmp(again.check[i].value, conf.check[i].value) != 0)
			abort();
	buf_done(&text);
	return 0;
}
