#!/usr/bin/env bash
# checked.sh FOLDER INTERFACE SANITIZERS ADIOS2_INCLUDE LIBRARY_FOLDER: builds FOLDER/libchecked.so, the C++ part of the plugin with gcc's
# sanitizers (may be empty) over the Rust library in LIBRARY_FOLDER, and FOLDER/host, a program with an interface of ADIOS2 in it (tests/clients/checked.cpp).
set -euo pipefail
folder=$1 interface=$2 sanitizers=$3 include=$4 library=$5
root=$(cd "$(dirname "$0")/.." && pwd)
flags=(-std=c++17 -g -O1 -fno-omit-frame-pointer -isystem "$include")
[ -z "$sanitizers" ] || flags+=("-fsanitize=$sanitizers" -fno-sanitize-recover=all -DSANITIZED)
cxx=${CXX:-c++}

# A library of its own, so that what called it is found as in the real one; OperatorCreate is Rust's there, and a name for the same here.
# It stays mapped as the real one does (build/adios2.rs).
"$cxx" "${flags[@]}" -fPIC -shared "$root/plugin/operator.cpp" "$root/plugin/host.cpp" -o "$folder/libchecked.so" \
    -Wl,-soname,libchecked.so -Wl,-z,nodelete -Wl,--defsym=OperatorCreate=inr_plugin_create \
    -Wl,--defsym=OperatorDestroy=inr_plugin_destroy -L "$library" "-Wl,-rpath,$library" -ladios2_inr

host=()
# The plugin searches the host's read-only data from end to end, and gcc's address sanitizer puts forbidden bytes between variables.
case $sanitizers in *address*) host+=(--param asan-globals=0) ;; esac
# Objects of interfaces 10 and 11 are laid out as the host's class and are none: to the host's vptr check that is a fault, by design.
case $sanitizers in *undefined*) host+=(-fno-sanitize=vptr) ;; esac
"$cxx" "${flags[@]}" "${host[@]}" "-DINTERFACE=$interface" "$root/tests/clients/checked.cpp" -o "$folder/host" -ldl
