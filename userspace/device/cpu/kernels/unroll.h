/* SPDX-License-Identifier: MIT */
/* Loops whose arrays must end up in registers: both compilers are told to unroll them whole. */
#ifndef SLM_DEVICE_CPU_UNROLL_H
#define SLM_DEVICE_CPU_UNROLL_H

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

#endif
