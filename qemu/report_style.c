/* report.css as a string: the page carries its style with it. */
#include "qemu/report_html.h"

__asm__(".pushsection .rodata\n"
	".global report_css\n"
	"report_css:\n"
	".incbin \"qemu/report.css\"\n"
	".byte 0\n"
	".size report_css, . - report_css\n"
	".type report_css, @object\n"
	".popsection\n");
