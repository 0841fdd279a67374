/*
 * kiln-fetch: see fetch.h. The order is the point of this file: what only root may
 * read is read first, then every privilege is given up, and only then is a byte of the
 * network looked at.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "fetch/fetch.h"
#include "fetch/privileges.h"
#include "lib/base/args.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"

#define CACERT_DEFAULT "/etc/ssl/certs/ca-certificates.crt"
#define PEM_MAX (4u << 20)
#define URL_MAX 2000
#define SECONDS_MAX 3600
#define RETRIES_MAX 100
#define PAUSE_MAX 60000
#define RATE_MAX (1ull << 40)

struct options {
	const char *cacert, *cert, *key, *proxy;
	uint64_t limit, least, max_bytes, stall_s, connect_s, retries, pause_ms;
};

#define AT(field) offsetof(struct options, field)

static const struct arg_option options[] = {
	{ "cacert", 0, ARG_STR, "FILE", "trust these certificates (default: the system's)",
	  AT(cacert) },
	{ "cert", 0, ARG_STR, "FILE", "this machine's certificate, for servers that ask",
	  AT(cert) },
	{ "key", 0, ARG_STR, "FILE", "its private key (default: in the certificate's file)",
	  AT(key) },
	{ "proxy", 0, ARG_STR, "URL", "go through this proxy (default: the environment's)",
	  AT(proxy) },
	{ "limit-rate", 0, ARG_SIZE, "SIZE", "at most so many bytes per second", AT(limit) },
	{ "min-rate", 0, ARG_SIZE, "SIZE", "fewer bytes per second are a stall (default: 1K)",
	  AT(least) },
	{ "max-bytes", 0, ARG_SIZE, "SIZE", "give up when more arrived (default: 64G)",
	  AT(max_bytes) },
	{ "stall", 0, ARG_U64, "SECONDS", "how long a stall may last (default: 20)", AT(stall_s) },
	{ "connect", 0, ARG_U64, "SECONDS", "how long connecting may take (default: 15)",
	  AT(connect_s) },
	{ "retries", 0, ARG_U64, "NUMBER", "in a row without progress (default: 6)", AT(retries) },
	{ "pause", 0, ARG_U64, "MS", "before the first of them (default: 500)", AT(pause_ms) },
	{ .name = NULL },
};

static const struct command command = {
	.name = "kiln-fetch",
	.synopsis = "[OPTION...] URL",
	.summary = "Pieces of a file from a web server, for slotctl",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.details = "Reads lines 'GET OFFSET LENGTH' and writes exactly those bytes, in order.\n"
		   "As root it becomes nobody before it talks to the network.",
};

static int check_limits(const struct options *o, struct err *err)
{
	const struct {
		const char *name;
		uint64_t value, min, max;
	} table[] = {
		{ "limit-rate", o->limit, 0, RATE_MAX },
		{ "min-rate", o->least, 1, RATE_MAX },
		{ "max-bytes", o->max_bytes, 1, INT64_MAX },
		{ "stall", o->stall_s, 1, SECONDS_MAX },
		{ "connect", o->connect_s, 1, SECONDS_MAX },
		{ "retries", o->retries, 0, RETRIES_MAX },
		{ "pause", o->pause_ms, 1, PAUSE_MAX },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (table[i].value < table[i].min || table[i].value > table[i].max)
			return err_set(err, -EINVAL, "--%s must lie between %llu and %llu",
				       table[i].name, (unsigned long long)table[i].min,
				       (unsigned long long)table[i].max);
	if (o->key && !o->cert)
		return err_set(err, -EINVAL, "--key needs --cert");
	return 0;
}

static bool has_scheme(const char *url, const char *scheme)
{
	size_t n = strlen(scheme);

	return !strncasecmp(url, scheme, n) && url[n];
}

static int check_urls(const char *url, const char *proxy, struct err *err)
{
	if (!has_scheme(url, "http://") && !has_scheme(url, "https://"))
		return err_set(err, -EINVAL, "the URL must begin with http:// or https://");
	if (strlen(url) > URL_MAX)
		return err_set(err, -EINVAL, "the URL is longer than %d characters", URL_MAX);
	for (const char *p = url; *p; p++)
		if (*p <= 0x20 || *p >= 0x7f)
			return err_set(err, -EINVAL, "the URL holds a special character");
	if (proxy && !has_scheme(proxy, "http://") && !has_scheme(proxy, "https://") &&
	    !has_scheme(proxy, "socks5h://"))
		return err_set(err, -EINVAL,
			       "the proxy must begin with http://, https:// or socks5h://");
	return 0;
}

static int read_pem(const char *path, struct fetch_file *ret, struct err *err)
{
	return path ? io_read_file(path, PEM_MAX, &ret->data, &ret->len, err) : 0;
}

static int read_files(const struct options *o, const char *url, struct fetch_options *f,
		      struct err *err)
{
	const char *cacert = o->cacert ? o->cacert : CACERT_DEFAULT;
	int r = read_pem(cacert, &f->cacert, err);

	/* Without TLS the system's certificates need not be there. */
	if (r == -ENOENT && !o->cacert && has_scheme(url, "http://"))
		r = 0;
	if (r && !o->cacert)
		return err_add(err, r, "no certificates to trust");
	if (r == 0)
		r = read_pem(o->cert, &f->cert, err);
	return r ? r : read_pem(o->key, &f->key, err);
}

static void done(struct fetch_options *f)
{
	free(f->cacert.data);
	free(f->cert.data);
	if (f->key.data)
		explicit_bzero(f->key.data, f->key.len);
	free(f->key.data);
}

static enum fetch_status run(int argc, char **argv, struct err *err)
{
	struct options o = { .least = 1024, .max_bytes = 64ull << 30, .stall_s = 20,
			     .connect_s = 15, .retries = 6, .pause_ms = 500 };
	struct fetch_options f = { 0 };
	enum fetch_status status = FETCH_FAILED;

	if (args_parse(&command, argc, argv, &o, err) < 0 || check_limits(&o, err) ||
	    check_urls(argv[1], o.proxy, err))
		return FETCH_USAGE;
	f = (struct fetch_options){
		.url = argv[1], .proxy = o.proxy, .limit_bytes_per_s = o.limit,
		.least_bytes_per_s = o.least, .max_bytes = o.max_bytes,
		.stall_s = (unsigned)o.stall_s, .connect_s = (unsigned)o.connect_s,
		.retries = (unsigned)o.retries, .pause_ms = (unsigned)o.pause_ms,
	};
	/* A limit below what counts as a stall would be one. */
	if (o.limit && f.least_bytes_per_s > o.limit / 2)
		f.least_bytes_per_s = o.limit / 2 ? o.limit / 2 : 1;
	if (read_files(&o, argv[1], &f, err) == 0 && privileges_drop(err) == 0)
		status = fetch_serve(&f, STDIN_FILENO, STDOUT_FILENO, err);
	done(&f);
	return status;
}

int main(int argc, char **argv)
{
	static struct err err;
	enum fetch_status status;

	if (io_keep_standard())
		return FETCH_FAILED;
	signal(SIGPIPE, SIG_IGN);
	/* It would have libcurl write the secrets of every connection to a file. */
	unsetenv("SSLKEYLOGFILE");
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			struct command help = command;

			help.name = "";
			args_help(command.name, &help);
			return FETCH_OK;
		}
	status = run(argc, argv, &err);
	if (status != FETCH_OK && err.text[0])
		fprintf(stderr, "%s\n", err.text);
	return status;
}
