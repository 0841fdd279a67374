/* recipe(5) from the schema table, in man(7) macros. */
#include <inttypes.h>
#include <string.h>

#include "builder/recipe/schema.h"
#include "builder/recipe/value.h"
#include "lib/base/buf.h"

/* Day of the last change to the language; part of the page, so it is written down. */
#define MANUAL_DATE "2026-11-23"

/* Text with what roff would interpret made harmless. */
static void add_text(struct buf *out, const char *s)
{
	bool line_start = true;

	for (; *s; s++) {
		if (line_start && (*s == '.' || *s == '\''))
			buf_adds(out, "\\&");
		line_start = *s == '\n';
		if (*s == '\\')
			buf_adds(out, "\\e");
		else if (*s == '-')
			buf_adds(out, "\\-");
		else if (*s == '\'')
			buf_adds(out, "\\(aq");
		else
			buf_addc(out, *s);
	}
}

static const char *type_name(const struct schema_key *k)
{
	static const char *const names[] = {
		[SCHEMA_BOOL] = "true or false",
		[SCHEMA_UINT] = "number",
		[SCHEMA_MODE] = "octal mode",
		[SCHEMA_SIZE] = "size",
		[SCHEMA_DURATION] = "duration",
		[SCHEMA_HOST] = "file beside the recipe",
		[SCHEMA_INCLUDE] = "list of recipe files",
		[SCHEMA_MAP] = "map",
		[SCHEMA_ITEMS] = "list of maps",
	};

	return k->word && k->type != SCHEMA_INCLUDE ? k->word->what : names[k->type];
}

/* "from 16M to 2G, in steps of 1M" and the like. */
static void add_bounds(struct buf *out, const struct schema_key *k)
{
	if (k->type == SCHEMA_SIZE) {
		buf_adds(out, ", from ");
		value_size(out, k->min);
		buf_adds(out, " to ");
		value_size(out, k->max);
		buf_adds(out, ", a multiple of ");
		value_size(out, k->align);
	} else if (k->type == SCHEMA_UINT) {
		buf_addf(out, " from %" PRIu64 " to %" PRIu64, k->min, k->max);
	} else if (k->type == SCHEMA_DURATION) {
		buf_addf(out, " from %" PRIu64 "s to %" PRIu64 "s", k->min, k->max);
	}
}

static void add_choices(struct buf *out, const struct schema_word *w)
{
	for (size_t i = 0; w->choices[i]; i++)
		buf_addf(out, "%s%s", i ? ", " : ": ", w->choices[i]);
}

static void add_key(struct buf *out, const struct schema_key *k, const char *group)
{
	buf_addf(out, ".TP\n.B %s%s", group ? group : "", group ? "." : "");
	add_text(out, k->key);
	buf_adds(out, "\n(");
	if (k->type == SCHEMA_WORDS)
		buf_adds(out, "list: ");
	add_text(out, type_name(k));
	if (k->word && k->word->choices)
		add_choices(out, k->word);
	add_bounds(out, k);
	if (k->required)
		buf_adds(out, "; required");
	if (k->default_yaml) {
		buf_adds(out, "; default ");
		add_text(out, k->default_yaml);
	}
	buf_adds(out, ")\n.br\n");
	add_text(out, k->doc);
	buf_addc(out, '\n');
}

static void add_keys(struct buf *out, const struct schema_object *o, const char *group)
{
	for (const struct schema_key *k = o->keys; k->key; k++)
		if (k->type != SCHEMA_MAP && (k->type != SCHEMA_ITEMS || group))
			add_key(out, k, group);
	if (o->doc) {
		buf_adds(out, ".PP\n");
		add_text(out, o->doc);
		buf_addc(out, '\n');
	}
}

static void add_group(struct buf *out, const struct schema_key *k, const char *prefix)
{
	buf_adds(out, ".SS ");
	if (prefix)
		buf_addf(out, "%s.", prefix);
	buf_adds(out, k->key);
	buf_addf(out, "%s\n", k->type == SCHEMA_ITEMS ? " (list of maps)" : "");
	add_text(out, k->doc);
	buf_addc(out, '\n');
	add_keys(out, k->object, k->type == SCHEMA_ITEMS ? NULL : k->key);
	for (const struct schema_key *i = k->object->keys; i->key; i++)
		if (i->type == SCHEMA_ITEMS)
			add_group(out, i, k->key);
}

static const char head[] =
	".TH RECIPE 5 " MANUAL_DATE " kiln\n"
	".SH NAME\n"
	"recipe \\- what goes into a kiln image\n"
	".SH DESCRIPTION\n"
	"A recipe is a YAML file that describes one bootable image: its packages, files,\n"
	"services, kernel and the sizes of its partitions.\n"
	".BR \"kiln recipe\" \" \\fIRECIPE\\fR\"\n"
	"checks it,\n"
	".B \"kiln recipe \\-\\-show\"\n"
	"prints it with all includes merged and all defaults filled in.\n"
	".SS The language\n"
	"A strict subset of YAML: maps, lists, plain, quoted and block texts, and comments,\n"
	"in UTF\\-8.\n"
	"Types come from the key, never from the look of the value:\n"
	".B version: 1.10\n"
	"is the text 1.10.\n"
	"Sizes are bytes, or end in K, M, G or T (powers of 1024).\n"
	"Durations end in s, m or h.\n"
	"Booleans are\n"
	".B true\n"
	"and\n"
	".B false\n"
	"and nothing else.\n"
	"Modes are octal and begin with 0.\n"
	".PP\n"
	"Refused are unknown keys, a key given twice, anchors, aliases, tags, directives,\n"
	"several\n"
	"documents, tabs as indentation, control characters, files over 1 MiB and lists over\n"
	"4096 items.\n"
	"Every mistake of all files is reported at once, each with its line.\n"
	".SH KEYS\n";

static const char tail[] =
	".SH INCLUDES\n"
	"Included files are read first, in the order of the list, each with its own includes\n"
	"before it; then comes the including file.\n"
	"A file reached over two ways is read once.\n"
	"Includes go 16 levels deep at most, and never in circles.\n"
	"What a later file says is merged into what earlier files said:\n"
	".IP \\(bu 2\n"
	"A single value: the later one counts.\n"
	".IP \\(bu 2\n"
	"A list: it is appended; what is in the list already is dropped.\n"
	".IP \\(bu 2\n"
	"A list of maps with a name (files by their path, users by their name): the later item\n"
	"takes the place of the earlier one of that name; others are appended.\n"
	".IP \\(bu 2\n"
	"A map: key by key.\n"
	".IP \\(bu 2\n"
	"A unit enabled, disabled or masked by a later file is taken out of the other two lists.\n"
	".SH FILES OF THE HOST\n"
	"Names of included recipes, sources and scripts are relative.\n"
	"They are looked up beneath the folder of the recipe file that names them and, when\n"
	"nothing is there, beneath the folder of the recipes that come with kiln.\n"
	"They cannot leave it: absolute names,\n"
	".BR .. ,\n"
	"symbolic links that lead outside, pipes, devices and folders are refused.\n"
	"So are private keys, which would be shipped in the image.\n"
	".SH EXAMPLE\n"
	".nf\n"
	"name: web\n"
	"version: \"1.4.0\"\n"
	"include: [base/debian.yaml, fragments/network.yaml]\n"
	"distribution: {suite: bookworm}\n"
	"packages: [nginx\\-light]\n"
	"files:\n"
	"  \\- {path: /etc/nginx/nginx.conf, source: files/nginx.conf}\n"
	"services: {enable: [nginx.service]}\n"
	"state: {persist: [/etc/ssh]}\n"
	"health: {checks: [{unit: nginx.service}, {port: 80}]}\n"
	".fi\n"
	".SH SEE ALSO\n"
	".BR kiln (1),\n"
	".BR kiln\\-image (5)\n";

void recipe_manual(struct buf *out)
{
	buf_adds(out, head);
	add_keys(out, &schema_recipe, NULL);
	for (const struct schema_key *k = schema_recipe.keys; k->key; k++)
		if (k->type == SCHEMA_MAP || k->type == SCHEMA_ITEMS)
			add_group(out, k, NULL);
	buf_adds(out, tail);
}
