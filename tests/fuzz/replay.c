/*
 * Runs a fuzz target over files and folders of files, without a fuzzer: so that
 * `make check` replays every committed corpus with any compiler.
 *
 *	fuzz_gpt tests/fuzz/corpus/gpt
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX (4u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static unsigned int n_run;

static int run_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data, *exact;
	size_t len;

	if (!f) {
		perror(path);
		return 1;
	}
	data = malloc(INPUT_MAX);
	if (!data)
		abort();
	len = fread(data, 1, INPUT_MAX, f);
	fclose(f);
	/* A buffer of exactly this length, so that sanitizers see an over-read. */
	exact = malloc(len ? len : 1);
	if (!exact)
		abort();
	memcpy(exact, data, len);
	free(data);
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
	n_run++;
	return 0;
}

static int run_path(const char *path)
{
	struct dirent **names;
	struct stat st;
	int n, r = 0;

	if (stat(path, &st) < 0) {
		perror(path);
		return 1;
	}
	if (!S_ISDIR(st.st_mode))
		return run_file(path);
	n = scandir(path, &names, NULL, alphasort);
	if (n < 0) {
		perror(path);
		return 1;
	}
	for (int i = 0; i < n; i++) {
		char below[4096];

		if (names[i]->d_name[0] != '.') {
			snprintf(below, sizeof(below), "%s/%s", path, names[i]->d_name);
			r |= run_path(below);
		}
		free(names[i]);
	}
	free(names);
	return r;
}

int main(int argc, char **argv)
{
	int r = 0;

	for (int i = 1; i < argc; i++)
		r |= run_path(argv[i]);
	if (!r && !n_run) {
		fprintf(stderr, "%s: no corpus given\n", argv[0]);
		return 1;
	}
	printf("%u inputs\n", n_run);
	return r;
}
