# Uses the libraries of an installed torch wheel as they are. The wheel's own TorchConfig.cmake stops where the CUDA
# toolkit is not whole, though libtorch_cpu.so needs no more of CUDA than libcudart and libcupti, which tools/setup.sh
# puts beside it and its run path finds, and though the packages that a CUDA wheel depends on hold all that its CUDA
# part needs. Sets what find_package(Torch) would set, and AF2_TORCH_HAS_CUDA.
#
#   af2_torch_from_wheel(FOLDER)   FOLDER: .../site-packages/torch
#   af2_link_wheel_cuda(FOLDER)    adds the CUDA part
macro(af2_torch_from_wheel folder)
  set(TORCH_INSTALL_PREFIX ${folder})
  file(STRINGS ${folder}/version.py Torch_VERSION REGEX "^__version__")
  string(REGEX REPLACE ".*'([0-9.]+).*" "\\1" Torch_VERSION "${Torch_VERSION}")
  set(TORCH_INCLUDE_DIRS ${folder}/include ${folder}/include/torch/csrc/api/include)
  set(TORCH_CXX_FLAGS_LIST)
  add_library(c10 SHARED IMPORTED)
  set_target_properties(c10 PROPERTIES IMPORTED_LOCATION ${folder}/lib/libc10.so)
  add_library(torch SHARED IMPORTED)
  set_target_properties(torch PROPERTIES IMPORTED_LOCATION ${folder}/lib/libtorch_cpu.so)
  target_include_directories(torch INTERFACE ${TORCH_INCLUDE_DIRS})
  target_compile_definitions(torch INTERFACE USE_DISTRIBUTED USE_C10D_GLOO)
  target_link_libraries(torch INTERFACE c10 Threads::Threads)
  set(TORCH_LIBRARIES torch c10)
  set(Torch_FOUND ON)
  # The packages of CUDA lie beside the wheel: nvidia/cu13/lib holds libcublas where they are all installed.
  set(AF2_TORCH_HAS_CUDA OFF)
  get_filename_component(AF2_SITE_PACKAGES ${folder} DIRECTORY)
  file(GLOB AF2_WHEEL_CUBLAS ${AF2_SITE_PACKAGES}/nvidia/cu*/lib/libcublas.so.*)
  if(AF2_WHEEL_CUBLAS AND EXISTS ${folder}/lib/libtorch_cuda.so)
    set(AF2_TORCH_HAS_CUDA ON)
  endif()
endmacro()

function(af2_link_wheel_cuda folder)
  get_filename_component(site_packages ${folder} DIRECTORY)
  file(GLOB beside LIST_DIRECTORIES ON ${site_packages}/nvidia/cu*)
  find_path(AF2_CUDART_INCLUDE cuda_runtime_api.h HINTS ${beside} /usr/local/cuda PATH_SUFFIXES include)
  find_library(AF2_CUDART NAMES libcudart.so.13 libcudart.so.12 cudart NAMES_PER_DIR HINTS ${beside} /usr/local/cuda
               PATH_SUFFIXES lib lib64)
  if(NOT EXISTS ${folder}/lib/libtorch_cuda.so OR NOT AF2_CUDART_INCLUDE OR NOT AF2_CUDART)
    message(FATAL_ERROR "AF2_CUDA needs ${folder}/lib/libtorch_cuda.so and the header and library of CUDA's "
                        "runtime: install the torch wheel with its dependencies")
  endif()
  foreach(library c10_cuda torch_cuda)
    add_library(${library} SHARED IMPORTED GLOBAL)
    set_target_properties(${library} PROPERTIES IMPORTED_LOCATION ${folder}/lib/lib${library}.so)
  endforeach()
  target_include_directories(torch INTERFACE ${AF2_CUDART_INCLUDE})
  # Nothing names a symbol of libtorch_cuda: it registers itself when it is loaded.
  target_link_libraries(torch INTERFACE -Wl,--push-state,--no-as-needed torch_cuda c10_cuda -Wl,--pop-state
                                        ${AF2_CUDART})
endfunction()
