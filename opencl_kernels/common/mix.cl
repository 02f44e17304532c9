/* SPDX-License-Identifier: MIT */
/* out = scale * sum over the experts used of weight * part (+ add). */
__kernel void mix_rows(__global const uint *step, __global float *values, uint in, uint route,
		       uint add, uint out, uint n_cols, uint n_used, float scale)
{
	uint t = get_global_id(1), c = get_global_id(0);
	__global const float *parts = values + in + t * n_used * n_cols;
	__global const float *weights = values + route + t * 2 * n_used + n_used;
	float sum = 0;

	if (c >= n_cols)
		return;
	for (uint s = 0; s < n_used; s++)
		sum = fma(weights[s], parts[s * n_cols + c], sum);
	sum *= scale;
	values[out + t * n_cols + c] = add == NONE ? sum : sum + values[add + t * n_cols + c];
}
