# The engine's tests (GoogleTest) and benchmarks (Google Benchmark); what bench/ runs beside them.

include(CTest)
include(GoogleTest)

find_package(GTest REQUIRED)
file(GLOB_RECURSE test_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/test/engine/*.cc")
if(test_sources)
  add_executable(engine_tests ${test_sources})
  target_link_libraries(engine_tests PRIVATE stream_llm_engine stream_llm_compile GTest::gmock
                                             GTest::gtest_main)
  # PRE_TEST: found when ctest runs, with the sanitizer options of its preset.
  # Values that a test runs with have no names: their bytes, and with them the tests', differ by run.
  gtest_discover_tests(engine_tests DISCOVERY_MODE PRE_TEST NO_PRETTY_VALUES)
endif()

if(NOT STREAM_LLM_SANITIZE)
  find_package(benchmark REQUIRED)
  file(GLOB_RECURSE bench_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/bench/engine/*.cc")
  if(bench_sources)
    add_executable(engine_bench ${bench_sources})
    target_link_libraries(engine_bench PRIVATE stream_llm_engine stream_llm_compile
                                               benchmark::benchmark_main)
  endif()
endif()

if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND NOT STREAM_LLM_SANITIZE)
  add_subdirectory("${PROJECT_SOURCE_DIR}/bench")
endif()
