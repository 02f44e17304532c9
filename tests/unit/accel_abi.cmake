# uapi/accel: each header alone in both languages, the numbers for 32 bits, and the comparison with the
# kernel's own headers, as far as SLM_KERNEL_HEADERS has drm/*_accel.h.
set(SLM_KERNEL_HEADERS "/usr/include" CACHE PATH
	"Folder with drm/*_accel.h of a kernel, to compare uapi/accel with")

# Of that folder only what is the kernel's is seen: its libc may be another.
set(kernel_view ${CMAKE_CURRENT_BINARY_DIR}/kernel_headers)
file(MAKE_DIRECTORY ${kernel_view})
foreach(folder IN ITEMS drm linux asm-generic)
	file(CREATE_LINK ${SLM_KERNEL_HEADERS}/${folder} ${kernel_view}/${folder} SYMBOLIC)
endforeach()

slm_test(test_accel_abi LABEL unit SOURCES test_accel_abi.c USES base)
target_include_directories(test_accel_abi PRIVATE ${PROJECT_SOURCE_DIR}/uapi)
target_include_directories(test_accel_abi SYSTEM PRIVATE ${kernel_view})
target_compile_definitions(test_accel_abi PRIVATE SLM_KERNEL_HEADERS="${SLM_KERNEL_HEADERS}")
foreach(driver IN ITEMS ivpu amdxdna habanalabs ethosu qaic)
	set(header ${SLM_KERNEL_HEADERS}/drm/${driver}_accel.h)
	if(EXISTS ${header})
		string(TOUPPER ${driver} name)
		target_compile_definitions(test_accel_abi PRIVATE SLM_HAS_${name})
	endif()
endforeach()
# Queries that came after the driver's first header.
set(header ${SLM_KERNEL_HEADERS}/drm/amdxdna_accel.h)
if(EXISTS ${header})
	file(STRINGS ${header} found REGEX "AMDXDNA_QUERY_RESOURCE_INFO|SENSOR_TYPE_COLUMN_UTILIZATION")
	if(found MATCHES "RESOURCE_INFO")
		target_compile_definitions(test_accel_abi PRIVATE SLM_HAS_AMDXDNA_RESOURCES)
	endif()
	if(found MATCHES "COLUMN_UTILIZATION")
		target_compile_definitions(test_accel_abi PRIVATE SLM_HAS_AMDXDNA_UTILIZATION)
	endif()
endif()

foreach(language IN ITEMS c99 c++11)
	string(REGEX REPLACE "[0-9]+" "" kind ${language})
	foreach(driver IN ITEMS ivpu amdxdna habanalabs ethosu qaic rocket)
		add_test(NAME header_accel_${driver}_${language} COMMAND clang -x ${kind}
			-std=${language} -Wall -Wextra -Werror -fsyntax-only
			${PROJECT_SOURCE_DIR}/uapi/accel/${driver}.h)
		set_tests_properties(header_accel_${driver}_${language} PROPERTIES LABELS unit)
	endforeach()
endforeach()

# 32 bits, where a number of 64 may begin at four: only the kernel's types are needed for that.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64" AND CMAKE_LIBRARY_ARCHITECTURE)
	add_test(NAME accel_abi_32_bits COMMAND clang --target=i386-linux-gnu -std=gnu17
		-fsyntax-only -Wall -Werror -DSLM_ABI_ONLY
		-isystem /usr/include/${CMAKE_LIBRARY_ARCHITECTURE} -I${PROJECT_SOURCE_DIR}/uapi
		${CMAKE_CURRENT_SOURCE_DIR}/test_accel_abi.c)
	set_tests_properties(accel_abi_32_bits PROPERTIES LABELS unit)
endif()
