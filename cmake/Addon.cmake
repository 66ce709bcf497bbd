# The Node addon: binding/ over the engine, as stream-llm.node.

include(Target)

# Directory of an npm package, as Node resolves it from here: it may be hoisted above this package.
function(find_npm_package variable name)
  if(${variable})
    return()
  endif()
  find_program(STREAM_LLM_NODE node REQUIRED)
  execute_process(
    COMMAND "${STREAM_LLM_NODE}" -p
            "require('path').dirname(require.resolve('${name}/package.json')).replaceAll('\\\\', '/')"
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
    OUTPUT_VARIABLE directory
    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET
    RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "npm package ${name} not found: run `npm ci` first")
  endif()
  set(${variable} "${directory}" CACHE PATH "Where npm package ${name} is")
endfunction()

find_npm_package(NODE_ADDON_API_DIR node-addon-api)
find_npm_package(NODE_API_HEADERS_DIR node-api-headers)

file(GLOB binding_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/binding/*.cc")
add_library(stream-llm MODULE ${binding_sources})
set_target_properties(stream-llm PROPERTIES PREFIX "" SUFFIX ".node")
target_link_libraries(stream-llm PRIVATE stream_llm_engine stream_llm_compile)
# SYSTEM: warnings of Node's own headers are not ours.
target_include_directories(stream-llm SYSTEM PRIVATE "${NODE_ADDON_API_DIR}"
                                                     "${NODE_API_HEADERS_DIR}/include")
target_compile_definitions(stream-llm PRIVATE NAPI_VERSION=9 NAPI_CPP_EXCEPTIONS
                                              # std::bad_alloc reaches JavaScript as an Error too.
                                              NODE_ADDON_API_CPP_EXCEPTIONS_ALL
                                              # A callback that comes while its worker is terminated has nobody to throw to.
                                              NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS
                                              NODE_GYP_MODULE_NAME=stream_llm)

if(APPLE)
  target_link_options(stream-llm PRIVATE -undefined dynamic_lookup)
elseif(MSVC)
  # Node's functions come from the program that loads us, whatever its name (Electron, Bun).
  set(import_library "${PROJECT_BINARY_DIR}/node_api.lib")
  execute_process(COMMAND "${CMAKE_AR}" "/def:${NODE_API_HEADERS_DIR}/def/node_api.def"
                          "/out:${import_library}" /nologo COMMAND_ERROR_IS_FATAL ANY)
  target_sources(stream-llm PRIVATE "${PROJECT_SOURCE_DIR}/cmake/delay_load_hook.cc")
  target_link_libraries(stream-llm PRIVATE "${import_library}" delayimp)
  target_link_options(stream-llm PRIVATE /DELAYLOAD:NODE.EXE)
  set_target_properties(stream-llm PROPERTIES MSVC_RUNTIME_LIBRARY "MultiThreaded")
  set_target_properties(stream_llm_engine PROPERTIES MSVC_RUNTIME_LIBRARY "MultiThreaded")
else()
  set(exports "${PROJECT_SOURCE_DIR}/cmake/exports.map")
  target_link_options(stream-llm PRIVATE "-Wl,--version-script=${exports}" -Wl,--gc-sections
                      -Wl,-z,now)
  set_target_properties(stream-llm PROPERTIES LINK_DEPENDS "${exports}")
endif()

if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT MSVC)
  if(APPLE)
    target_link_options(stream-llm PRIVATE -Wl,-x)
  else()
    # The machine that runs it may have an older libstdc++ than the one that built it.
    target_link_options(stream-llm PRIVATE -s -static-libstdc++ -static-libgcc)
  endif()
endif()

if(STREAM_LLM_PREBUILDS)
  # A copy in every build, so that the preset built last is the one that Node loads. Renamed into
  # place: a process may have the old file mapped.
  set(prebuild "${PROJECT_SOURCE_DIR}/prebuilds/${STREAM_LLM_TARGET}")
  add_custom_target(
    prebuild ALL
    COMMAND "${CMAKE_COMMAND}" -E make_directory "${prebuild}"
    COMMAND "${CMAKE_COMMAND}" -E copy "$<TARGET_FILE:stream-llm>" "${prebuild}/stream-llm.node.new"
    COMMAND "${CMAKE_COMMAND}" -E rename "${prebuild}/stream-llm.node.new"
            "${prebuild}/stream-llm.node"
    COMMENT "Copying the addon to prebuilds/${STREAM_LLM_TARGET}")
  add_dependencies(prebuild stream-llm)
endif()
