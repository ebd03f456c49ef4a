# Flags for all targets, and ei_library, the only way to declare a library (one per folder of src/).

add_library(ei_flags INTERFACE)
target_compile_options(ei_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wconversion -Wno-sign-conversion
  -Werror -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(ei_flags INTERFACE -Wthread-safety)
else()
  # False positives of gcc 12 in std::string (https://gcc.gnu.org/PR105651).
  target_compile_options(ei_flags INTERFACE -Wno-restrict)
endif()
if(EI_SANITIZE)
  target_compile_options(ei_flags INTERFACE -fsanitize=${EI_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(ei_flags INTERFACE -fsanitize=${EI_SANITIZE})
else()
  target_compile_options(ei_flags INTERFACE -fstack-protector-strong)
  target_compile_definitions(ei_flags INTERFACE $<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)
  target_link_options(ei_flags INTERFACE -Wl,-z,relro,-z,now)
endif()

find_program(EI_CCACHE ccache)
if(EI_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${EI_CCACHE})
endif()
# A cross compiler searches for its linkers in a separate folder.
find_program(EI_MOLD mold)
if(EI_MOLD AND NOT CMAKE_CROSSCOMPILING)
  target_link_options(ei_flags INTERFACE -fuse-ld=mold)
endif()

# ei_library(<name> SOURCES a.cc ... [DEPS other ...] [PRIVATE_DEPS third_party ...])
# Headers are included by their path below src/, as in "event/event.h".
function(ei_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(${name} PUBLIC ${ARG_DEPS} PRIVATE ei_flags ${ARG_PRIVATE_DEPS})
  if(EI_FUZZ)
    # Adds branch coverage counters, which libFuzzer reads.
    target_compile_options(${name} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()
