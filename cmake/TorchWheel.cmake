# Uses the CPU part of a CUDA build of the torch wheel on a machine without the CUDA toolkit. The wheel's own
# TorchConfig.cmake stops there, though libtorch_cpu.so needs no more of CUDA than libcudart and libcupti, which
# tools/setup.sh puts beside it and its run path finds. Sets what find_package(Torch) would set.
#
#   af2_torch_from_wheel(FOLDER)   FOLDER: .../site-packages/torch
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
endmacro()
