/* CRC-32 as GPT uses it (ISO-HDLC: reflected 0x04c11db7, start and end inverted). */
#ifndef LIB_CORE_CRC32_H
#define LIB_CORE_CRC32_H

#include <stddef.h>
#include <stdint.h>

/*
 * Continue @crc over @len bytes. Start with 0; the result is the finished
 * checksum so far, so crc32_add(crc32_add(0, a), b) is the CRC of a then b.
 */
uint32_t crc32_add(uint32_t crc, const void *data, size_t len);

#endif
