/* SPDX-License-Identifier: MIT */
/* Each column times the scale that its adapter has in the row's session; 0 where that is 0. */
__kernel void adapt_rows(__global const uint *step, __global float *values,
			 __global const float *vectors, uint at, uint adapters, uint n_cols,
			 uint n_adapters, uint of_outputs)
{
	uint t = get_global_id(1), c = get_global_id(0);
	uint token = of_outputs ? STEP_PART(step, STEP_OUTPUTS)[t] : t;
	__global const float *scales = (__global const float *)STEP_PART(step, STEP_ADAPTERS);
	float scale;

	if (c >= n_cols)
		return;
	scale = scales[token * n_adapters + (uint)vectors[adapters + c]];
	values[at + t * n_cols + c] = scale == 0 ? 0 : values[at + t * n_cols + c] * scale;
}
