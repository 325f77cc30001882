# The GPU kernels as images for every architecture the compiler at hand knows, embedded in the core.
# Without a compiler the core is built all the same, and says at run time what it lacks.

# The same kernels as text, for boards with a compiler of their own.
set(GPU_SOURCES native/gpu/kernels/all.cu native/program/format.h)
file(GLOB GPU_PARTS CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR}
  native/gpu/kernels/*.cu native/gpu/kernels/*.cuh native/gpu/kernels/*.h)
list(REMOVE_ITEM GPU_PARTS native/gpu/kernels/all.cu)
list(APPEND GPU_SOURCES ${GPU_PARTS})
set(GPU_TEXTS ${CMAKE_CURRENT_BINARY_DIR}/gpu_sources.cc)
add_custom_command(OUTPUT ${GPU_TEXTS}
  COMMAND ${CMAKE_COMMAND} "-DSOURCES=${GPU_SOURCES}" -DROOT=${CMAKE_CURRENT_SOURCE_DIR}
    -DOUTPUT=${GPU_TEXTS} -P ${CMAKE_CURRENT_SOURCE_DIR}/cmake/embed-sources.cmake
  DEPENDS ${GPU_SOURCES} cmake/embed-sources.cmake COMMENT "GPU kernels as text" VERBATIM)
target_sources(untangle_core PRIVATE ${GPU_TEXTS})

set(FATBIN "")
if(UNTANGLE_CUDA STREQUAL "auto")
  find_program(NVCC nvcc PATHS /usr/local/cuda/bin)
  if(NVCC)
    # Those of boards and graphics cards; larger ones run the code of their family.
    set(WANTED 53 62 72 75 80 86 87 89 90 100 110 120)
    if(DEFINED ENV{UNTANGLE_CUDA_ARCHS})
      string(REPLACE " " ";" WANTED "$ENV{UNTANGLE_CUDA_ARCHS}")
    endif()
    execute_process(COMMAND ${NVCC} --list-gpu-code OUTPUT_VARIABLE KNOWN ERROR_QUIET)
    set(CODES "")
    set(LOWEST "")
    foreach(arch ${WANTED})
      if(KNOWN MATCHES "sm_${arch}[^0-9]")
        list(APPEND CODES -gencode arch=compute_${arch},code=sm_${arch})
        if(NOT LOWEST)
          set(LOWEST ${arch})
        endif()
      endif()
    endforeach()
    if(NOT CODES)
      message(FATAL_ERROR "${NVCC} knows none of the architectures ${WANTED}: set UNTANGLE_CUDA_ARCHS to some that it lists with --list-gpu-code, as 75 87")
    endif()
    list(APPEND CODES -gencode arch=compute_${LOWEST},code=compute_${LOWEST})
    set(FATBIN ${CMAKE_CURRENT_BINARY_DIR}/kernels.fatbin)
    add_custom_command(OUTPUT ${FATBIN}
      COMMAND ${NVCC} -std=c++17 -O3 -fatbin -Xfatbin -compress-all --threads 0 ${CODES} -I${CMAKE_CURRENT_SOURCE_DIR}
        -o ${FATBIN} ${CMAKE_CURRENT_SOURCE_DIR}/native/gpu/kernels/all.cu
      DEPENDS ${GPU_SOURCES}
      COMMENT "GPU kernels" VERBATIM)
  endif()
elseif(NOT UNTANGLE_CUDA STREQUAL "off")
  set(FATBIN ${UNTANGLE_CUDA})
endif()

if(FATBIN)
  set_source_files_properties(native/gpu/images.cc PROPERTIES
    OBJECT_DEPENDS ${FATBIN} COMPILE_DEFINITIONS "UNTANGLE_GPU_FATBIN=\"${FATBIN}\"")
endif()
