/* SPDX-License-Identifier: MIT */
/* Growing arrays and overflow-checked sizes. */
#ifndef SLM_BASE_ARRAY_H
#define SLM_BASE_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/*
 * Makes room for at least N items of ITEM_BYTES in *ITEMS, which holds *CAPACITY now; grows by half
 * at least. 0 or -ENOMEM; on failure both are untouched.
 */
int array_reserve(void *items, size_t *capacity, size_t n, size_t item_bytes);

/* a * b and a + b, or false where the result does not fit. */
static inline bool size_mul(uint64_t a, uint64_t b, uint64_t *ret)
{
	return !__builtin_mul_overflow(a, b, ret);
}

static inline bool size_add(uint64_t a, uint64_t b, uint64_t *ret)
{
	return !__builtin_add_overflow(a, b, ret);
}

/* The next multiple of STEP, a power of two. The caller knows that it fits. */
static inline uint64_t round_up(uint64_t value, uint64_t step)
{
	return (value + step - 1) & ~(step - 1);
}

static inline uint64_t div_up(uint64_t value, uint64_t by)
{
	return (value + by - 1) / by;
}

#endif
