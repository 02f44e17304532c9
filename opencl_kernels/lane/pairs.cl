/* SPDX-License-Identifier: MIT */
/*
 * Activations for the experts of several rows: a group per slot of the plan (common/pairs.cl), as in
 * prepare.cl. SHARE pairs read the same row. A step fills all slots: there are as many as pairs.
 */
__kernel GROUP void quantize_pairs(__global const uint *plan, __global const float *values,
				   __global const float *vectors, __global char *codes,
				   __global float2 *scales, __global int2 *sums, uint in, uint norm,
				   uint n, float eps, uint share, uint n_experts)
{
	__local float scratch[LANES];
	uint slot = get_group_id(0), pair = PLAN_SLOTS(plan, n_experts)[2 * slot];
	__global const float *x = values + in + pair / share * n;
	float scale = norm == NONE ? 1 : NORM_SCALE(x, n, eps, scratch);

	quantize_row(x, norm == NONE ? 0 : vectors + norm, n, scale, slot, codes, scales, sums);
}

__kernel GROUP void float_pairs(__global const uint *plan, __global const float *values,
				__global const float *vectors, __global float *floats, uint in,
				uint norm, uint n, float eps, uint share, uint n_experts)
{
	__local float scratch[LANES];
	uint slot = get_group_id(0), pair = PLAN_SLOTS(plan, n_experts)[2 * slot];
	__global const float *x = values + in + pair / share * n;
	float scale = norm == NONE ? 1 : NORM_SCALE(x, n, eps, scratch);

	float_row(x, norm == NONE ? 0 : vectors + norm, n, scale, slot, floats);
}
