/* What is wrong with a partition table, in words. */
#include "lib/core/gpt.h"

const char *gpt_error_text(int error)
{
	if (error < 0)
		return "input/output error";
	switch ((enum gpt_error)error) {
	case GPT_OK:
		return "no error";
	case GPT_E_SECTOR_SIZE:
		return "the sector size is neither 512 nor 4096";
	case GPT_E_DISK_SIZE:
		return "the disk is too small or too large";
	case GPT_E_SIGNATURE:
		return "no GPT signature";
	case GPT_E_REVISION:
		return "an unknown GPT revision";
	case GPT_E_HEADER_SIZE:
		return "an impossible header size";
	case GPT_E_HEADER_CRC:
		return "the header checksum is wrong";
	case GPT_E_RESERVED:
		return "the reserved field is not zero";
	case GPT_E_MY_LBA:
		return "the header says it lies elsewhere";
	case GPT_E_ALT_LBA:
		return "the header misplaces its other copy";
	case GPT_E_USABLE:
		return "the usable area is impossible on this disk";
	case GPT_E_ENTRY_SHAPE:
		return "not 1 to 128 entries of 128 bytes";
	case GPT_E_ENTRIES_LBA:
		return "the entries lie at an impossible place";
	case GPT_E_ENTRIES_CRC:
		return "the checksum of the entries is wrong";
	case GPT_E_ENTRY_RANGE:
		return "a partition lies outside the usable area";
	case GPT_E_ENTRY_OVERLAP:
		return "partitions overlap";
	case GPT_E_BOTH_BAD:
		return "neither copy of the partition table is valid";
	case GPT_E_NOT_FOUND:
		return "no such partition";
	case GPT_E_AMBIGUOUS:
		return "two partitions have that name";
	case GPT_E_NAME:
		return "the partition name is too long or not ASCII";
	case GPT_E_NO_ROOM:
		return "the partition does not fit the disk";
	case GPT_E_NOT_LAST:
		return "only the last partition can grow";
	case GPT_E_SHRINK:
		return "the disk is smaller than its partitions";
	}
	return "unknown error";
}
