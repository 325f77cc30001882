# The GPU kernels as images for every architecture the compiler at hand knows, embedded in the core.
# Without a compiler the core is built all the same, and says at run time what it lacks.

set(FATBIN "")
if(UNTANGLE_CUDA STREQUAL "auto")
  find_program(NVCC nvcc PATHS /usr/local/cuda/bin)
  if(NVCC)
    # Those of boards and graphics cards; larger ones run the code of their family.
    set(WANTED 53 62 72 75 80 86 87 89 90 100 110 120)
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
    list(APPEND CODES -gencode arch=compute_${LOWEST},code=compute_${LOWEST})
    file(GLOB GPU_SOURCES CONFIGURE_DEPENDS native/gpu/kernels/*)
    set(FATBIN ${CMAKE_CURRENT_BINARY_DIR}/kernels.fatbin)
    add_custom_command(OUTPUT ${FATBIN}
      COMMAND ${NVCC} -std=c++17 -O3 -fatbin -Xfatbin -compress-all --threads 0 ${CODES} -I${CMAKE_CURRENT_SOURCE_DIR}
        -o ${FATBIN} ${CMAKE_CURRENT_SOURCE_DIR}/native/gpu/kernels/all.cu
      DEPENDS ${GPU_SOURCES} ${CMAKE_CURRENT_SOURCE_DIR}/native/program/format.h
      COMMENT "GPU kernels" VERBATIM)
  endif()
elseif(NOT UNTANGLE_CUDA STREQUAL "off")
  set(FATBIN ${UNTANGLE_CUDA})
endif()

if(FATBIN)
  set_source_files_properties(native/gpu/images.cc PROPERTIES
    OBJECT_DEPENDS ${FATBIN} COMPILE_DEFINITIONS "UNTANGLE_GPU_FATBIN=\"${FATBIN}\"")
endif()
