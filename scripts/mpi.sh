#!/usr/bin/env bash
# Builds ADIOS2 with MPI (libraries, bpls, adios2_reorganize and, where mpi4py is to be had, Python) into .mpi/adios2, once per version.
. "$(dirname "$0")/common.sh"

need mpicc libopenmpi-dev
need mpirun openmpi-bin
need g++ g++
find_pip || die "pip was not found: run scripts/setup.sh first"

wanted=$(grep '^adios2==' scripts/requirements.txt)
prefix=$ROOT/.mpi/adios2
stamp="$wanted, $(mpicc -show), $("$PYTHON" --version)"
[ "$(cat "$prefix/.installed" 2>/dev/null)" = "$stamp" ] && exit

rm -rf .mpi
mkdir -p .mpi/source .mpi/build
say "fetching $wanted as source, cmake, ninja and mpi4py"
pip_install --only-binary :all: --target .mpi/python 'cmake>=3.28,<4' ninja || die "pip could not install cmake and ninja: see its message above"
"${pip[@]}" download -q --no-deps --no-binary adios2 --dest .mpi "$wanted" || die "pip could not fetch the source of $wanted: see its message above"
tar xf .mpi/adios2-*.tar.gz -C .mpi/source --strip-components=1
rm .mpi/adios2-*.tar.gz
export PYTHONPATH=$ROOT/.mpi/python

# Python's headers may be missing where Python is not: then the Python writers are skipped by name.
python=OFF
headers=$("$PYTHON" -c 'import sysconfig; print(sysconfig.get_paths()["include"])')/Python.h
if [ -e "$headers" ] && pip_install --only-binary :all: --no-deps --target .mpi/python mpi4py && "$PYTHON" -c 'from mpi4py import MPI' 2>/dev/null; then
    python=ON
else
    say "skipped: ADIOS2's Python with MPI needs mpi4py and $headers"
fi

# Whatever else ADIOS2 would look for on this machine stays out.
options=$(sed -n 's/^adios_option(\([A-Za-z0-9_]*\) .* AUTO)$/-DADIOS2_USE_\1=OFF/p' .mpi/source/CMakeLists.txt)
log=$ROOT/.mpi/build.log
say "building $wanted with MPI (about half an hour on two cores; messages in .mpi/build.log)"
# shellcheck disable=SC2086
if ! .mpi/python/bin/cmake -G Ninja -S .mpi/source -B .mpi/build -DCMAKE_MAKE_PROGRAM="$ROOT/.mpi/python/bin/ninja" \
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE=-O1 -DCMAKE_C_FLAGS_RELEASE=-O1 -DBUILD_TESTING=OFF $options \
    -DADIOS2_USE_MPI=ON -DADIOS2_USE_SST=ON -DADIOS2_USE_Python="$python" -DPython_EXECUTABLE="$PYTHON" \
    -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_INSTALL_PYTHONDIR:STRING=python >"$log" 2>&1 ||
    ! .mpi/python/bin/cmake --build .mpi/build --target install >>"$log" 2>&1; then
    tail -n 20 "$log" >&2
    die "ADIOS2 with MPI could not be built: .mpi/build.log has all messages"
fi
rm -rf .mpi/source .mpi/build
echo "$stamp" >"$prefix/.installed"
say "ADIOS2 with MPI stands in .mpi/adios2; took $(elapsed)"
