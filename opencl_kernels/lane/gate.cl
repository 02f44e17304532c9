/* SPDX-License-Identifier: MIT */
/* out = act(gate) (* up) */
__kernel void gate_rows(__global const uint *step, __global float *values, uint gate, uint up,
			uint out, uint n_cols, uint activation)
{
	uint c = get_global_id(0), at = get_global_id(1) * n_cols + c;

	if (c < n_cols)
		values[out + at] = activate(activation, values[gate + at]) *
				   (up == NONE ? 1 : values[up + at]);
}
