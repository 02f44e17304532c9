/* SPDX-License-Identifier: MIT */
/* One tiny model or more per architecture, by name: what every device and the peer are tried on. */
#ifndef SLM_TESTS_ARCH_CASES_H
#define SLM_TESTS_ARCH_CASES_H

#include <stddef.h>

#include "tiny_model.h"

struct arch_case {
	const char *name;
	struct tiny_model model;      /* F32; all widths multiples of 32, or none */
	bool is_ours_alone;	      /* llama.cpp computes something else */
	bool is_encoder;	      /* what comes out are embeddings */
	bool is_quantised_everywhere; /* in device tests: stands for those that are like it */
};

extern const struct arch_case arch_cases[];
extern const size_t n_arch_cases;

/* NULL where there is none of that name. */
const struct arch_case *arch_case_find(const char *name);

#endif
