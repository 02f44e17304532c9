/* SPDX-License-Identifier: MIT */
/* out = act(gate) (* up), 16 columns a work-item */
__kernel void gate_rows(__global const uint *step, __global float *values, uint gate, uint up,
			uint out, uint n_cols, uint activation)
{
	uint c = get_global_id(0) * 16, at = get_global_id(1) * n_cols + c, left;

	if (c >= n_cols)
		return;
	left = min(n_cols - c, 16u);
	store_n(activate(activation, load_n(values + gate + at, left)) *
			(up == NONE ? (vf)(1) : load_n(values + up + at, left)),
		values + out + at, left);
}
