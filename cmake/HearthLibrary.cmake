# Builds libhearth.so from the Swift sources through SwiftPM and offers it as the target Hearth::hearth.
#
#   HEARTH_SWIFT_RUNTIME  embedded: Embedded Swift, nothing of the Swift runtime is needed (what is promised)
#                         static:   ordinary Swift with the runtime inside the library
#                         dynamic:  ordinary Swift that loads the Swift libraries of this machine
#   HEARTH_WITH_JWT       ON: tokens are verified with libjose and Jansson (default where both are found)
#   HEARTH_WITH_REDIS     ON: servers of several processes work together through Redis. hiredis is linked into
#                         the library where there is an archive of it (default where it is found)
#   HEARTH_SANITIZE       "", address or thread: a library for tests, never to be installed

find_program(HEARTH_SWIFT swift REQUIRED DOC "The Swift compiler driver, 6.2 or later")
find_package(PkgConfig REQUIRED)
pkg_check_modules(HEARTH_LIBUV REQUIRED IMPORTED_TARGET "libuv >= 1.44")
pkg_check_modules(HEARTH_OPENSSL REQUIRED IMPORTED_TARGET "openssl >= 3.0")
pkg_check_modules(HEARTH_ZLIB REQUIRED IMPORTED_TARGET "zlib >= 1.2.8")
pkg_check_modules(HEARTH_JOSE QUIET IMPORTED_TARGET jose "jansson >= 2.11")
option(HEARTH_WITH_JWT "Verify JSON Web Tokens (libjose, Jansson)" ${HEARTH_JOSE_FOUND})
if(HEARTH_WITH_JWT AND NOT HEARTH_JOSE_FOUND)
    message(FATAL_ERROR "HEARTH_WITH_JWT needs libjose and Jansson (libjose-dev, libjansson-dev)")
endif()
find_path(HEARTH_HIREDIS_INCLUDE hiredis/read.h)
find_library(HEARTH_HIREDIS NAMES libhiredis.a hiredis)
if(HEARTH_HIREDIS_INCLUDE AND HEARTH_HIREDIS)
    set(hiredis_found ON)
else()
    set(hiredis_found OFF)
endif()
option(HEARTH_WITH_REDIS "Scale out over Redis (hiredis)" ${hiredis_found})
if(HEARTH_WITH_REDIS AND NOT hiredis_found)
    message(FATAL_ERROR "HEARTH_WITH_REDIS needs hiredis (libhiredis-dev)")
endif()

set(soname libhearth.so.${PROJECT_VERSION_MAJOR})
set(library ${CMAKE_BINARY_DIR}/libhearth.so.${PROJECT_VERSION})
set(unstripped ${CMAKE_BINARY_DIR}/libhearth.debug.so)
set(scratch ${CMAKE_BINARY_DIR}/swift-${HEARTH_SWIFT_RUNTIME})

set(flags -c release --product hearth --package-path ${PROJECT_SOURCE_DIR} --scratch-path ${scratch}
    --disable-local-rpath -Xswiftc -use-ld=lld
    -Xlinker -soname=${soname} -Xlinker --version-script=${PROJECT_SOURCE_DIR}/cmake/exports.map
    -Xlinker --gc-sections -Xlinker --icf=all -Xlinker -zrelro -Xlinker -znow)
set(environment HEARTH_C_LIBRARY=1)
if(NOT HEARTH_WITH_JWT)
    list(APPEND environment HEARTH_WITHOUT_JWT=1)
endif()
if(HEARTH_WITH_REDIS)
    list(APPEND flags -Xlinker ${HEARTH_HIREDIS})
else()
    list(APPEND environment HEARTH_WITHOUT_REDIS=1)
endif()
set(strip ${CMAKE_OBJCOPY} --strip-unneeded)
if(HEARTH_SANITIZE)
    # A report names functions only if they have their symbols.
    set(strip ${CMAKE_COMMAND} -E copy)
    if(HEARTH_SWIFT_RUNTIME STREQUAL embedded)
        message(FATAL_ERROR "HEARTH_SANITIZE needs HEARTH_SWIFT_RUNTIME=static or dynamic")
    endif()
    list(APPEND flags --sanitize=${HEARTH_SANITIZE})
else()
    list(APPEND flags -Xlinker -zdefs -Xlinker -lm)
endif()
if(HEARTH_PYTHON_PACKAGE)
    # What lies beside the library is found before what the system has.
    list(APPEND flags -Xlinker "-rpath=$ORIGIN")
endif()
if(HEARTH_SWIFT_RUNTIME STREQUAL embedded)
    list(APPEND environment HEARTH_EMBEDDED=1)
    # Allocations of all that is linked in go through Sources/HearthPlatform/Allocation.swift.
    foreach(function malloc calloc realloc posix_memalign free)
        list(APPEND flags -Xlinker --wrap=${function})
    endforeach()
    list(APPEND flags -Xswiftc -no-toolchain-stdlib-rpath)
elseif(HEARTH_SWIFT_RUNTIME STREQUAL static)
    list(APPEND flags -Xswiftc -static-stdlib -Xswiftc -no-toolchain-stdlib-rpath)
elseif(NOT HEARTH_SWIFT_RUNTIME STREQUAL dynamic)
    message(FATAL_ERROR "HEARTH_SWIFT_RUNTIME must be embedded, static or dynamic")
endif()

file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/Sources/*.swift
     ${PROJECT_SOURCE_DIR}/Sources/*.h ${PROJECT_SOURCE_DIR}/Sources/*.modulemap)
set(links ${CMAKE_BINARY_DIR}/${soname} ${CMAKE_BINARY_DIR}/libhearth.so)
# The library keeps its time of change in the scratch folder when nothing changed; touching it here tells the
# build system that it is up to date.
add_custom_command(
    OUTPUT ${library}
    BYPRODUCTS ${unstripped} ${links}
    COMMAND ${CMAKE_COMMAND} -E env ${environment} ${HEARTH_SWIFT} build ${flags}
    COMMAND ${CMAKE_COMMAND} -E copy ${scratch}/release/libhearth.so ${unstripped}
    COMMAND ${strip} ${unstripped} ${library}
    COMMAND ${CMAKE_COMMAND} -E create_symlink libhearth.so.${PROJECT_VERSION} ${CMAKE_BINARY_DIR}/${soname}
    COMMAND ${CMAKE_COMMAND} -E create_symlink ${soname} ${CMAKE_BINARY_DIR}/libhearth.so
    COMMAND ${CMAKE_COMMAND} -E touch ${library}
    DEPENDS ${sources} ${PROJECT_SOURCE_DIR}/Package.swift ${PROJECT_SOURCE_DIR}/include/hearth.h
            ${PROJECT_SOURCE_DIR}/cmake/exports.map
    USES_TERMINAL VERBATIM
    COMMENT "Building libhearth.so (Swift, ${HEARTH_SWIFT_RUNTIME})")
add_custom_target(hearth-library ALL DEPENDS ${library})

add_library(hearth SHARED IMPORTED GLOBAL)
add_dependencies(hearth hearth-library)
set_target_properties(hearth PROPERTIES
    IMPORTED_LOCATION ${library}
    IMPORTED_SONAME ${soname}
    INTERFACE_INCLUDE_DIRECTORIES ${PROJECT_SOURCE_DIR}/include)
add_library(Hearth::hearth ALIAS hearth)
