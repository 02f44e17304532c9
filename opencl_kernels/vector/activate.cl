/* SPDX-License-Identifier: MIT */
/* silu(x) = x sigmoid(x); gelu(x) = x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3) */
static inline vf activate(uint activation, vf x)
{
	vf z = activation ? x * -1.59576912f * fma(x * x, (vf)(0.044715f), (vf)(1.0f)) : -x;

	return x / (1.0f + exp_16(z));
}
