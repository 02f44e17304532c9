# embed_kernels(OUTPUT file.c SOURCES a.cl b.cl ...): the device code as byte arrays in one C file.
# Arrays, because C promises only 4095 characters in a string literal.
function(embed_kernels output)
	set(sources ${ARGN})
	add_custom_command(
		OUTPUT ${output}
		COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} "-DSOURCES=${sources}"
			-DBASE=${CMAKE_SOURCE_DIR}/opencl_kernels
			-P ${CMAKE_SOURCE_DIR}/cmake/embed_kernels_script.cmake
		DEPENDS ${sources} ${CMAKE_SOURCE_DIR}/cmake/embed_kernels_script.cmake
		VERBATIM)
endfunction()
