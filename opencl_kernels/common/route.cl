/* SPDX-License-Identifier: MIT */
/*
 * Which experts a token uses and how much each counts, as OP_ROUTE of graph.h has it. One item per row:
 * there are few scores, and the choices follow one another.
 */
__kernel void route_rows(__global const uint *step, __global float *values, uint in, uint out,
			 uint n_experts, uint n_used, uint sums_to_one, uint of_outputs)
{
	uint t = get_global_id(1);
	__global const float *scores = values + in + t * n_experts;
	__global float *chosen = values + out + t * 2 * n_used, *weights = chosen + n_used;
	uint last = n_experts;
	float largest = 0, sum = 0;

	if (get_global_id(0) > 0)
		return;
	for (uint s = 0; s < n_used; s++) {
		uint best = n_experts;

		for (uint e = 0; e < n_experts; e++) {
			bool is_left = last == n_experts || scores[e] < scores[last] ||
				       (scores[e] == scores[last] && e > last);

			if (is_left && (best == n_experts || scores[e] > scores[best]))
				best = e;
		}
		last = best == n_experts ? 0 : best;
		largest = s == 0 ? scores[last] : largest;
		chosen[s] = (float)last;
		weights[s] = exp(scores[last] - largest);
		sum += weights[s];
	}
	if (!sums_to_one) {
		sum = 0;
		for (uint e = 0; e < n_experts; e++)
			sum += exp(scores[e] - largest);
	}
	for (uint s = 0; s < n_used; s++)
		weights[s] /= sum;
}
