/* SPDX-License-Identifier: MIT */
/*
 * Two hashes: a fast 64-bit one for tables in memory (xxHash's XXH3, not for files that live on),
 * and SHA-256 (libcrypto) for what names or checks something on disk.
 */
#ifndef SLM_BASE_HASH_H
#define SLM_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

enum {
	SHA256_BYTES = 32,
	SHA256_HEX_SIZE = 65, /* with its NUL */
};

struct sha256; /* a running digest */

uint64_t hash_bytes(const void *data, size_t size_bytes);

/* 0, or -ENOMEM. */
int sha256_create(struct sha256 **ret_sha256);
void sha256_destroy(struct sha256 *sha256);
void sha256_update(struct sha256 *sha256, const void *data, size_t size_bytes);
/* Ends the digest; only destroy may follow. HEX is lower case. */
void sha256_finish(struct sha256 *sha256, char hex[static SHA256_HEX_SIZE]);

#endif
