// SPDX-License-Identifier: MIT
/*
 * slm-clc: compiles one OpenCL program in a process of its own, so that a driver's compiler that crashes
 * or hangs takes only this process with it. Not for people; see compiler.h.
 */
#include "opencl.h"

int main(int argc, char **argv)
{
	return opencl_compiler_main(argc, argv);
}
