# component(NAME SOURCES ... USES ... LIBRARIES ...)
#
# One component is one static library whose include path is its own folder and those of the
# components it USES (and what they use): including a header of a layer to the right in
# ARCHITECTURE.md's list does not compile. LIBRARIES are outside parts, private to the component.
function(component name)
	cmake_parse_arguments(COMPONENT "" "" "SOURCES;USES;LIBRARIES" ${ARGN})
	if(COMPONENT_UNPARSED_ARGUMENTS)
		message(FATAL_ERROR "component(${name}): what is '${COMPONENT_UNPARSED_ARGUMENTS}'?")
	endif()
	add_library(${name} STATIC ${COMPONENT_SOURCES})
	target_include_directories(${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
	target_link_libraries(${name} PUBLIC ${COMPONENT_USES} PRIVATE ${COMPONENT_LIBRARIES})
endfunction()
