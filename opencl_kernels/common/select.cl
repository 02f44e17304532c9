/* SPDX-License-Identifier: MIT */
/* The rows whose logits are wanted. */
__kernel void select_rows(__global const uint *step, __global float *values, uint in, uint out,
			  uint n_cols)
{
	uint i = get_global_id(1), c = get_global_id(0);

	if (c < n_cols)
		values[out + i * n_cols + c] =
			values[in + STEP_PART(step, STEP_OUTPUTS)[i] * n_cols + c];
}
