# `cmake --install BUILD --prefix DIR`: theory, dynamics and samplers as static libraries, their headers, and the package
# that find_package(lml) reads. Headers lie in include/lml under their rooms' names, so that they and whoever uses them
# include "theory/marginal.hpp" there as here. The program stays where it is built: it reads claims and figures from here.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(lml_rooms theory dynamics samplers)
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/lml)

foreach(room ${lml_rooms})
  set_target_properties(lml_${room} PROPERTIES EXPORT_NAME ${room})
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${room} DESTINATION include/lml
    FILES_MATCHING PATTERN *.hpp PATTERN torch EXCLUDE)
endforeach()
set_target_properties(lml_options PROPERTIES EXPORT_NAME options)
install(TARGETS lml_options lml_theory lml_dynamics lml_samplers EXPORT lmlTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT lmlTargets NAMESPACE lml:: DESTINATION ${package_folder})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/lmlConfig.cmake.in ${PROJECT_BINARY_DIR}/lmlConfig.cmake
  INSTALL_DESTINATION ${package_folder} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/lmlConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/lmlConfig.cmake ${PROJECT_BINARY_DIR}/lmlConfigVersion.cmake
  DESTINATION ${package_folder})
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/lml)
