/* SPDX-License-Identifier: MIT */
/*
 * Pairs of a token and an expert that it uses, sorted by expert, so that a step of several rows reads an
 * expert's weights once for all its pairs. The plan's words:
 *   slots in use; per expert its first slot; per expert its pairs; per slot its pair (or NONE) and expert
 * An expert's slots are as many as the rows of a matrix product of its own take (slots_of()). One group
 * sorts; what its items count stands in the plan too, from COUNTED on.
 */
#define PLAN_STARTS(plan)	    ((plan) + 1)
#define PLAN_COUNTS(plan, n_experts) ((plan) + 1 + (n_experts))
#define PLAN_SLOTS(plan, n_experts)  ((plan) + 1 + 2 * (n_experts))

static inline uint expert_of_pair(__global const float *values, uint route, uint n_used, uint pair)
{
	return (uint)values[route + pair / n_used * 2 * n_used + pair % n_used];
}

__kernel SORTING_GROUP void sort_pairs(__global const uint *step, __global const float *values,
			 __global uint *plan, uint route, uint n_used, uint n_experts, uint counted,
			 uint of_outputs)
{
	uint n_items = get_local_size(0), item = get_local_id(0);
	uint n_pairs = N_ROWS(step, of_outputs) * n_used;
	uint first = (ulong)n_pairs * item / n_items, last = (ulong)n_pairs * (item + 1) / n_items;
	__global uint *starts = PLAN_STARTS(plan), *counts = PLAN_COUNTS(plan, n_experts);
	__global uint *slots = PLAN_SLOTS(plan, n_experts), *own = plan + counted + item;

	for (uint e = 0; e < n_experts; e++)
		own[e * n_items] = 0;
	for (uint pair = first; pair < last; pair++)
		own[expert_of_pair(values, route, n_used, pair) * n_items]++;
	barrier(CLK_GLOBAL_MEM_FENCE);
	/*
	 * Items' counts become how many pairs of the expert the items before have. All items run both
	 * loops: PoCL 3.1 makes those do so, past the end, that the inner one's bound lets it.
	 */
	for (uint base = 0; base < n_experts; base += n_items) {
		uint e = base + item, sum = 0;
		__global uint *of_expert = plan + counted + e * n_items;

		for (uint i = 0; i < n_items; i++) {
			uint n = e < n_experts ? of_expert[i] : 0;

			if (e < n_experts)
				of_expert[i] = sum;
			sum += n;
		}
		if (e < n_experts)
			counts[e] = sum;
	}
	barrier(CLK_GLOBAL_MEM_FENCE);
	if (item == 0) {
		uint at = 0;

		for (uint e = 0; e < n_experts; e++) {
			starts[e] = at;
			at += slots_of(counts[e]);
		}
		plan[0] = at;
	}
	barrier(CLK_GLOBAL_MEM_FENCE);
	for (uint e = item; e < n_experts; e += n_items) {
		for (uint i = counts[e]; i < slots_of(counts[e]); i++) {
			slots[2 * (starts[e] + i)] = NONE;
			slots[2 * (starts[e] + i) + 1] = e;
		}
	}
	for (uint pair = first; pair < last; pair++) {
		uint e = expert_of_pair(values, route, n_used, pair);
		uint slot = starts[e] + own[e * n_items]++;

		slots[2 * slot] = pair;
		slots[2 * slot + 1] = e;
	}
}
