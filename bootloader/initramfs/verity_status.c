#include "bootloader/initramfs/verity_status.h"

#include <stddef.h>
#include <string.h>

bool verity_status_damaged(const char *status)
{
	return status[0] == 'C';
}

/* Is @word, of @len bytes, one of the words of @text? */
static bool has_word(const char *text, const char *word, size_t len)
{
	while (*text) {
		size_t n = strcspn(text, " ");

		if (n == len && !memcmp(text, word, len))
			return true;
		text += n;
		text += strspn(text, " ");
	}
	return false;
}

bool verity_table_panics(const char *text, const char *roothash)
{
	static const char panics[] = "panic_on_corruption";

	return has_word(text, panics, sizeof(panics) - 1) &&
	       has_word(text, roothash, strlen(roothash)) &&
	       !has_word(text, "ignore_corruption", 17) &&
	       !has_word(text, "check_at_most_once", 18);
}
