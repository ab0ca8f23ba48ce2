# find_package(adios2_inr): the ADIOS2 operator `inr` and its C interface.
#
#   adios2_inr::operator      link a program to it, and ADIOS2 finds the operator in it without ADIOS2_PLUGIN_PATH
#   adios2_inr::adios2_inr    the C interface: inr.h and libadios2_inr.so
#   adios2_inr_PLUGIN_DIR     the folder for ADIOS2_PLUGIN_PATH
#   adios2_inr_environment(TEST...)   sets ADIOS2_PLUGIN_PATH for tests of programs that are not linked to it (CMake 3.22)
#
# Everything is found from where this file stands: the installation may be moved.
get_filename_component(_adios2_inr_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
set(adios2_inr_PLUGIN_DIR "${_adios2_inr_prefix}/lib")
set(_adios2_inr_library "${adios2_inr_PLUGIN_DIR}/libadios2_inr.so")
if(NOT EXISTS "${_adios2_inr_library}")
  set(adios2_inr_FOUND FALSE)
  set(adios2_inr_NOT_FOUND_MESSAGE "${_adios2_inr_library} is missing: install adios2-inr again with 'make install'.")
  return()
endif()

if(NOT TARGET adios2_inr::adios2_inr)
  add_library(adios2_inr::adios2_inr SHARED IMPORTED)
  set_target_properties(adios2_inr::adios2_inr PROPERTIES
    IMPORTED_LOCATION "${_adios2_inr_library}"
    IMPORTED_SONAME libadios2_inr.so
    INTERFACE_INCLUDE_DIRECTORIES "${_adios2_inr_prefix}/include")

  # Without ADIOS2_PLUGIN_PATH ADIOS2 asks the loader for the bare name, and gets a library that is loaded already. The program
  # calls none of its functions: linkers that drop such libraries have to be told.
  add_library(adios2_inr::operator INTERFACE IMPORTED)
  set_target_properties(adios2_inr::operator PROPERTIES
    INTERFACE_LINK_LIBRARIES adios2_inr::adios2_inr
    INTERFACE_LINK_OPTIONS "LINKER:--no-as-needed")
endif()

function(adios2_inr_environment)
  foreach(test IN LISTS ARGV)
    set_property(TEST "${test}" APPEND PROPERTY
      ENVIRONMENT_MODIFICATION "ADIOS2_PLUGIN_PATH=path_list_prepend:${adios2_inr_PLUGIN_DIR}")
  endforeach()
endfunction()

unset(_adios2_inr_prefix)
unset(_adios2_inr_library)
