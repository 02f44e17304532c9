// SPDX-License-Identifier: MIT
/* The one door to xxHash and libcrypto. */
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "cleanup.h"
#include "hash.h"

struct sha256 {
	EVP_MD_CTX *context;
};

DEFINE_CLEANUP(struct sha256, sha256_destroy)

uint64_t hash_bytes(const void *data, size_t size_bytes)
{
	return XXH3_64bits(data, size_bytes);
}

int sha256_create(struct sha256 **ret_sha256)
{
	_cleanup_(sha256_destroy_p) struct sha256 *sha256 = calloc(1, sizeof(*sha256));

	if (!sha256)
		return -ENOMEM;
	sha256->context = EVP_MD_CTX_new();
	if (!sha256->context || EVP_DigestInit_ex(sha256->context, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	*ret_sha256 = TAKE(sha256);
	return 0;
}

void sha256_destroy(struct sha256 *sha256)
{
	if (!sha256)
		return;
	EVP_MD_CTX_free(sha256->context);
	free(sha256);
}

void sha256_update(struct sha256 *sha256, const void *data, size_t size_bytes)
{
	(void)EVP_DigestUpdate(sha256->context, data, size_bytes);
}

void sha256_finish(struct sha256 *sha256, char hex[static SHA256_HEX_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char digest[SHA256_BYTES] = {0};

	(void)EVP_DigestFinal_ex(sha256->context, digest, NULL);
	for (size_t i = 0; i < SHA256_BYTES; i++) {
		hex[2 * i] = digits[digest[i] >> 4];
		hex[2 * i + 1] = digits[digest[i] & 15];
	}
	hex[2 * SHA256_BYTES] = '\0';
}
