/*
 * CMS signatures of any bytes against a pinned certificate. Nothing but the
 * real signature over the real content may ever be accepted, so each input is
 * tried under content that nobody signed: acceptance is a forgery.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/err.h"
#include "verity/cms.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __lsan_is_turned_off(void);

/*
 * CMS_verify() of OpenSSL 3.0 forgets a BIO of its own, 272 bytes, for some messages that it
 * refuses; where it was allocated the fast unwinder cannot say, so that nothing less can be left
 * out. Leaks of ours are for the unit tests, built with SANITIZE=address.
 */
int __lsan_is_turned_off(void)
{
	return 1;
}

/* The certificate of corpus/cms/signed; its key was thrown away. */
static const char pinned[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIC/DCCAeSgAwIBAgIQTLfRq5ja69r+Fng95kspLDANBgkqhkiG9w0BAQsFADAP\n"
	"MQ0wCwYDVQQDDAR0ZXN0MB4XDTIwMDEwMTAwMDAwMFoXDTQ5MTIzMTIzNTk1OVow\n"
	"DzENMAsGA1UEAwwEdGVzdDCCASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEB\n"
	"AJ0em8IDd8b+40HhaZxBDwP9AbekarXnt1P6Qi0N2igWLe/SfB8RiOxYi7l1pSii\n"
	"D5Xp5PfT05GCBcayH3jlKFutUD0tbzfHfFORaVa4LlXA1s+1p8X1wzkcAp62u5+x\n"
	"RTFpnKz9FbgjY49/ZEdDliVH69Vl8kCdyZeHU6it06fzvaNN//HfWBVC21UgABBv\n"
	"XhVb7z4EKHqjIHhX4JVyDP+9hoBwrfnwH3C82mA5s4nfWZKrt4z1APlujK4eAs/R\n"
	"bAgLpgti7JNyEDS7UBpS5QgzQEapUWHAdZmE8t7wrquS+4Dtr9nSDvMNg8has8DQ\n"
	"3reukCoB2C868XGwR7H0S+0CAwEAAaNUMFIwDAYDVR0TAQH/BAIwADAOBgNVHQ8B\n"
	"Af8EBAMCB4AwHQYDVR0OBBYEFJR8GcFHY13QqXi2qn3sQLsjHD/AMBMGA1UdJQQM\n"
	"MAoGCCsGAQUFBwMDMA0GCSqGSIb3DQEBCwUAA4IBAQAiWHVfiUPQmhLE7R8/bL9S\n"
	"CYMYIJVTWUfWKkz1ZIZO9RYymEpd5xlpSl+dI2YY5RBfL8Rk8GFRNIXsk+2S4nH9\n"
	"L84qhya80oYXm3/WWRioQvwMa4dhyJoIMBpAOaM3MgKZvpTGR3YL11zqKZtQ7DX+\n"
	"iE9/SY+bJ4gMNsK5k6gaQoUvJwn54DOjazjxsrGA8/N8f5013uv576tQbcI0LUDk\n"
	"7QnkJMB4IGIQ3qv8NtBBlRG6TfvYcnQ6NWiDyhbfeIpUggXlwovbQKxry0xM+cIY\n"
	"PwtwXHFcrW6HNBzGmHwRcb2OWaQ3H7bgwoEZK8wIiwLvqEomSkVIci2luVKPB2fP\n"
	"-----END CERTIFICATE-----\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char content[] = "signed by nobody";
	static struct err err;
	int r;

	err_init(&err);
	r = cms_verify(data, size, content, sizeof(content) - 1, pinned, sizeof(pinned) - 1, &err);
	if (r == 0 || !err.text[0])
		abort();
	/* Any bytes as the set of pins: no crash, and never a set out of nothing. */
	r = cms_verify((const uint8_t *)"\x30\x00", 2, content, sizeof(content) - 1,
		       (const char *)data, size, &err);
	if (r == 0)
		abort();
	return 0;
}
