// SPDX-License-Identifier: MIT
/*
 * Owns what LeakSanitizer may overlook: OpenCL drivers and their compilers, which leak what we cannot
 * free. Only code of theirs is left out, which is told by its library, so that must stay loaded.
 */
#define EXPORTED __attribute__((visibility("default")))

EXPORTED int dlclose(void *handle);
EXPORTED const char *__lsan_default_suppressions(void);

int dlclose(void *handle)
{
	return handle ? 0 : -1;
}

const char *__lsan_default_suppressions(void)
{
	return "leak:libpocl\nleak:libRusticlOpenCL\nleak:libLLVM\nleak:libclang\nleak:libOpenCL\n"
	       "leak:liboclgrind\nleak:driver_memory_alloc\n";
}
