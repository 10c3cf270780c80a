# LibTorch out of the PyPI wheel `torch` as imported targets of our own: find_package(Torch) wants a CUDA toolkit even
# where only the CPU side is used.
#
#   LML_TORCH_ROOT   the wheel's folder (.../site-packages/torch); empty: where python3 finds the package torch
#   LML_CUDA         also import the CUDA side (needs the whole wheel, with its nvidia packages)
#
# Gives lml::torch. The wheel brings its own libgomp.so.1, and CMake warns that it hides the compiler's: so it should, a
# process must hold one OpenMP runtime only.
set(LML_TORCH_ROOT "" CACHE PATH "Folder of the PyPI wheel torch (.../site-packages/torch)")
set(lml_torch_version 2.11.0)

set(torch_root "${LML_TORCH_ROOT}")
if(NOT torch_root)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  # Finds the package without importing it, which would take seconds.
  execute_process(
    COMMAND ${Python3_EXECUTABLE} -c "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '', end='')"
    OUTPUT_VARIABLE torch_root COMMAND_ERROR_IS_FATAL ANY)
endif()
if(NOT EXISTS "${torch_root}/include/torch/csrc/api/include/torch/torch.h")
  message(FATAL_ERROR "LML_TORCH is ON but LibTorch is not here. Install the wheel, say in a virtual environment:\n"
    "  python3 -m venv build/venv && build/venv/bin/pip install --no-deps torch==${lml_torch_version} nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85\n"
    "(for CUDA: pip install torch==${lml_torch_version}) and name its folder:\n"
    "  -DLML_TORCH_ROOT=$PWD/build/venv/lib/python3.11/site-packages/torch")
endif()
file(STRINGS "${torch_root}/version.py" torch_version REGEX "^__version__")
if(NOT torch_version MATCHES "'${lml_torch_version}[+']")
  message(FATAL_ERROR "${torch_root}: LibTorch ${lml_torch_version} is needed, found ${torch_version}")
endif()

add_library(lml_torch INTERFACE)
add_library(lml::torch ALIAS lml_torch)
target_include_directories(lml_torch SYSTEM INTERFACE
  "${torch_root}/include" "${torch_root}/include/torch/csrc/api/include")
# The wheel is built with it, and members of its classes depend on it.
target_compile_definitions(lml_torch INTERFACE NDEBUG)

function(lml_import_torch_library name)
  set(file "${torch_root}/lib/${CMAKE_SHARED_LIBRARY_PREFIX}${name}${CMAKE_SHARED_LIBRARY_SUFFIX}")
  if(NOT EXISTS "${file}")
    message(FATAL_ERROR "${file} is missing from the wheel")
  endif()
  add_library(lml_${name} SHARED IMPORTED)
  set_target_properties(lml_${name} PROPERTIES IMPORTED_LOCATION "${file}")
  target_link_libraries(lml_torch INTERFACE lml_${name})
endfunction()

lml_import_torch_library(torch_cpu)
lml_import_torch_library(c10)
if(LML_CUDA)
  lml_import_torch_library(torch)
  lml_import_torch_library(torch_cuda)
  lml_import_torch_library(c10_cuda)
  # Nothing refers to a symbol of the CUDA side, which registers itself when loaded, so the linker must not drop it.
  target_link_options(lml_torch INTERFACE "LINKER:--no-as-needed")
endif()
