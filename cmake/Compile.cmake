# Language, warnings, optimisation and sanitizers of every target of ours.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
# No NDEBUG: asserts stay on in tests.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g")

add_library(stream_llm_compile INTERFACE)

if(MSVC)
  set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "/O2 /Zi")
  target_compile_options(stream_llm_compile INTERFACE /W4 /EHsc /utf-8)
  target_compile_definitions(stream_llm_compile INTERFACE NOMINMAX WIN32_LEAN_AND_MEAN)
else()
  target_compile_options(stream_llm_compile INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion)
  if(STREAM_LLM_DEV OR STREAM_LLM_FUZZ)
    target_compile_options(stream_llm_compile INTERFACE -Werror)
  endif()
endif()

if(STREAM_LLM_SANITIZE)
  # For every target, GoogleTest's callers included: mixing would hide errors.
  add_compile_options(
    -fsanitize=${STREAM_LLM_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${STREAM_LLM_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC's own checks get in the way of this warning: it is wrong about std::variant then.
    add_compile_options(-Wno-maybe-uninitialized)
  endif()
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
  include(CheckIPOSupported)
  check_ipo_supported(RESULT has_ipo OUTPUT ipo_problem LANGUAGES CXX)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ${has_ipo})
endif()
