# What the wheel of bindings/python takes along: the library, and beside it those that a machine may lack.
#
# OpenSSL and zlib are not among them: every system has them and mends their holes, which a copy would keep.
find_program(HEARTH_READELF NAMES readelf llvm-readelf REQUIRED)

install(FILES ${library} DESTINATION hearth RENAME libhearth.so COMPONENT python)
set(beside libuv)
if(HEARTH_WITH_JWT)
    list(APPEND beside jose jansson)
endif()
foreach(name ${beside})
    string(REGEX REPLACE "^lib" "" short ${name})
    pkg_get_variable(folder ${name} libdir)
    find_library(HEARTH_FILE_OF_${short} ${short} HINTS ${folder} REQUIRED)
    # The name under which the system's loader looks for it.
    execute_process(COMMAND ${HEARTH_READELF} -d ${HEARTH_FILE_OF_${short}} OUTPUT_VARIABLE dynamic
                    COMMAND_ERROR_IS_FATAL ANY)
    if(NOT dynamic MATCHES "soname: \\[([^]]*)\\]")
        message(FATAL_ERROR "${HEARTH_FILE_OF_${short}} has no soname")
    endif()
    set(wanted ${CMAKE_MATCH_1})
    file(REAL_PATH ${HEARTH_FILE_OF_${short}} file)
    install(FILES ${file} DESTINATION hearth RENAME ${wanted} COMPONENT python)
endforeach()
