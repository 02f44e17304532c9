# Flags of every target: strict warnings, no surprises in floating point, sanitizers on request.
add_compile_definitions(_GNU_SOURCE)
add_compile_options(
	-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
	-Wwrite-strings -Wformat=2 -Wundef -Wvla -Wimplicit-fallthrough -Wno-unused-parameter
	-fno-strict-aliasing -fno-math-errno)
if(SLM_WERROR)
	add_compile_options(-Werror)
endif()
if(CMAKE_BUILD_TYPE MATCHES "Rel")
	add_compile_options(-O2)
	add_compile_definitions(_FORTIFY_SOURCE=2)
	add_compile_options(-fstack-protector-strong)
	add_link_options(-Wl,-z,relro,-z,now)
endif()
if(SLM_SANITIZE)
	add_compile_options(-fsanitize=${SLM_SANITIZE} -fno-sanitize-recover=all
		-fno-omit-frame-pointer)
	# Frames on its heap, where GCC 14 puts vectors of 64 bytes at addresses of less (its bug 110027).
	if(SLM_SANITIZE MATCHES address AND CMAKE_C_COMPILER_ID STREQUAL GNU)
		add_compile_options(--param=asan-use-after-return=0)
	endif()
	add_link_options(-fsanitize=${SLM_SANITIZE})
endif()
if(SLM_FUZZ)
	add_compile_options(-fsanitize=fuzzer-no-link)
endif()
