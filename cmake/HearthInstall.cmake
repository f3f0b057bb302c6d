# What `cmake --install` puts in place: the library with its links, the header, and what finds them.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(FILES ${library} ${links} DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES ${PROJECT_SOURCE_DIR}/include/hearth.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

# pkg-config finds the prefix from the place of the file, so that a copy installed with --prefix is right too.
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY
           ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig OUTPUT_VARIABLE HEARTH_PC_PREFIX)
configure_file(cmake/hearth.pc.in hearth.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/hearth.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Hearth)
configure_package_config_file(
    cmake/HearthConfig.cmake.in HearthConfig.cmake INSTALL_DESTINATION ${package_dir}
    PATH_VARS CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR)
write_basic_package_version_file(HearthConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/HearthConfig.cmake ${CMAKE_BINARY_DIR}/HearthConfigVersion.cmake
        DESTINATION ${package_dir})
