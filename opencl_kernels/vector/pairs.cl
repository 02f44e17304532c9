/* SPDX-License-Identifier: MIT */
/*
 * Activations for the experts of several rows: slots as the plan has them (common/pairs.cl), an expert's
 * in tiles as in prepare.cl. SHARE pairs read the same row.
 */
struct pair_slot {
	struct slot slot;
	uint pair; /* or NONE */
};

static struct pair_slot pair_slot_at(__global const uint *plan, uint n_experts, uint i)
{
	uint2 at = vload2(i, PLAN_SLOTS(plan, n_experts));
	uint start = PLAN_STARTS(plan)[at.y];
	struct pair_slot found = {
		slot_at(i - start, PLAN_COUNTS(plan, n_experts)[at.y], 0), at.x};

	found.slot.base += start;
	return found;
}

__kernel ONE_ITEM void quantize_pairs(__global const uint *plan, __global const float *values,
				      __global const float *vectors, __global char *codes,
				      __global float2 *scales, __global int2 *sums, uint in,
				      uint norm, uint n, float eps, uint share, uint n_experts)
{
	struct pair_slot at;

	if (get_global_id(0) >= plan[0])
		return;
	at = pair_slot_at(plan, n_experts, get_global_id(0));
	quantize_row(at.pair != NONE ? values + in + at.pair / share * n : 0,
		     norm == NONE ? 0 : vectors + norm, n, eps, at.slot, codes, scales, sums);
}

__kernel ONE_ITEM void float_pairs(__global const uint *plan, __global const float *values,
				   __global const float *vectors, __global float *floats, uint in,
				   uint norm, uint n, float eps, uint share, uint n_experts)
{
	struct pair_slot at;

	if (get_global_id(0) >= plan[0])
		return;
	at = pair_slot_at(plan, n_experts, get_global_id(0));
	float_row(at.pair != NONE ? values + in + at.pair / share * n : 0,
		  norm == NONE ? 0 : vectors + norm, n, eps, at.slot, floats);
}
