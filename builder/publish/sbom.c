/*
 * See sbom.h. Every package is named by a purl, so that vulnerability scanners
 * find it without guessing; licences are what NOASSERTION is for: they stand in the
 * packages' copyright files, which are prose.
 */
#include "builder/publish/sbom.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/json.h"

static void add_spdx_id(struct buf *b, const struct publish_package *p)
{
	buf_adds(b, "SPDXRef-Package-");
	for (const char *c = p->name; *c; c++) {
		if (isalnum((unsigned char)*c) || *c == '.' || *c == '-')
			buf_addc(b, *c);
		else
			buf_addf(b, ".x%02x", (unsigned char)*c);
	}
	buf_addf(b, "-%s", p->arch);
}

/* Percent-encoding of purl: only unreserved characters stand for themselves. */
static void add_encoded(struct buf *b, const char *text)
{
	for (const char *c = text; *c; c++) {
		if (isalnum((unsigned char)*c) || strchr(".-_~", *c))
			buf_addc(b, *c);
		else
			buf_addf(b, "%%%02X", (unsigned char)*c);
	}
}

static void print_purl(struct json *j, const struct publish_package *p)
{
	_cleanup_buf_ struct buf purl = BUF_INIT;

	buf_adds(&purl, "pkg:deb/debian/");
	add_encoded(&purl, p->name);
	buf_addc(&purl, '@');
	add_encoded(&purl, p->version);
	buf_adds(&purl, "?arch=");
	add_encoded(&purl, p->arch);
	json_open(j, "externalRefs", '[');
	json_open(j, NULL, '{');
	json_str(j, "referenceCategory", "PACKAGE-MANAGER");
	json_str(j, "referenceType", "purl");
	json_str(j, "referenceLocator", purl.data);
	json_close(j);
	json_close(j);
}

static void print_no_assertions(struct json *j)
{
	json_str(j, "downloadLocation", "NOASSERTION");
	json_bool(j, "filesAnalyzed", false);
	json_str(j, "licenseConcluded", "NOASSERTION");
	json_str(j, "licenseDeclared", "NOASSERTION");
	json_str(j, "copyrightText", "NOASSERTION");
}

static void print_package(struct json *j, const struct publish_package *p)
{
	_cleanup_buf_ struct buf id = BUF_INIT;

	add_spdx_id(&id, p);
	json_open(j, NULL, '{');
	json_str(j, "SPDXID", id.data);
	json_str(j, "name", p->name);
	json_str(j, "versionInfo", p->version);
	print_no_assertions(j);
	if (p->sha256) {
		json_open(j, "checksums", '[');
		json_open(j, NULL, '{');
		json_str(j, "algorithm", "SHA256");
		json_str(j, "checksumValue", p->sha256);
		json_close(j);
		json_close(j);
	}
	if (p->source && strcmp(p->source, p->name) != 0) {
		_cleanup_free_ char *text = str_printf("built from: %s", p->source);

		json_str(j, "sourceInfo", text);
	}
	print_purl(j, p);
	json_close(j);
}

static void print_relationship(struct json *j, const char *from, const char *type, const char *to)
{
	json_open(j, NULL, '{');
	json_str(j, "spdxElementId", from);
	json_str(j, "relationshipType", type);
	json_str(j, "relatedSpdxElement", to);
	json_close(j);
}

static void print_header(struct json *j, const struct sbom_image *image)
{
	_cleanup_free_ char *name =
		str_printf("%s_%s_%s", image->name, image->version, image->arch);
	_cleanup_free_ char *space = NULL;
	time_t t = (time_t)image->epoch_s;
	char created[32];
	struct tm tm;

	space = str_printf("https://spdx.org/spdxdocs/kiln-%s-%s", name ? name : "",
			   image->root_hash);
	gmtime_r(&t, &tm);
	strftime(created, sizeof(created), "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_str(j, "spdxVersion", "SPDX-2.3");
	json_str(j, "dataLicense", "CC0-1.0");
	json_str(j, "SPDXID", "SPDXRef-DOCUMENT");
	json_str(j, "name", name);
	json_str(j, "documentNamespace", space);
	json_open(j, "creationInfo", '{');
	json_str(j, "created", created);
	json_open(j, "creators", '[');
	json_str(j, NULL, "Tool: kiln-" KILN_VERSION);
	json_close(j);
	json_close(j);
	json_open(j, "documentDescribes", '[');
	json_str(j, NULL, "SPDXRef-Image");
	json_close(j);
}

void sbom_print(const struct sbom_image *image, const struct publish_package *packages, size_t n,
		struct buf *out)
{
	struct json j = JSON_INIT(out);

	json_open(&j, NULL, '{');
	print_header(&j, image);
	json_open(&j, "packages", '[');
	json_open(&j, NULL, '{');
	json_str(&j, "SPDXID", "SPDXRef-Image");
	json_str(&j, "name", image->name);
	json_str(&j, "versionInfo", image->version);
	json_str(&j, "primaryPackagePurpose", "OPERATING-SYSTEM");
	print_no_assertions(&j);
	json_close(&j);
	for (size_t i = 0; i < n; i++)
		print_package(&j, &packages[i]);
	json_close(&j);
	json_open(&j, "relationships", '[');
	print_relationship(&j, "SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-Image");
	for (size_t i = 0; i < n; i++) {
		_cleanup_buf_ struct buf id = BUF_INIT;

		add_spdx_id(&id, &packages[i]);
		print_relationship(&j, "SPDXRef-Image", "CONTAINS", id.data);
	}
	json_close(&j);
	json_close(&j);
	buf_addc(out, '\n');
}
