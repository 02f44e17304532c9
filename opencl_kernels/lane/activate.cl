/* SPDX-License-Identifier: MIT */
/* silu(x) = x sigmoid(x); gelu(x) = x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3) */
static inline float activate(uint activation, float x)
{
	float z = activation ? x * -1.59576912f * fma(x * x, 0.044715f, 1.0f) : -x;

	return x / (1.0f + exp(z));
}
