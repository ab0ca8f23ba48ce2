#!/usr/bin/env bash
# Looks for faults of memory that tests do not see: gcc's sanitizers over the plugin's C++ part, alone and under ADIOS2, and valgrind over the
# library's unsafe Rust. Ends with an error at the first find.
. "$(dirname "$0")/common.sh"

need_cargo
scripts/setup.sh
need c++ g++
need valgrind valgrind
export INR_TEST_PYTHON=${INR_TEST_PYTHON:-$PYTHON}
include=$("$INR_TEST_PYTHON" -c 'import adios2, os; print(os.path.dirname(adios2.__file__) + "/include")')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Test programs and the library beside them, as make test builds them. Prints those that match.
programs() {
    cargo test --locked --no-run "$@" 2>&1 | tee "$work/build.log" | sed -n 's/^ *Executable .*(\(.*\))$/\1/p'
    ! grep -q '^error' "$work/build.log" || die "$(grep -m 1 '^error' "$work/build.log")"
}
tests=$(programs --test backends --test stencil_backends --test golden --test hostile)
unit=$(programs --lib)
# Cargo builds the library for tests beside them.
library=$(realpath "$(dirname "$unit")")
[ -e "$library/libadios2_inr.so" ] || die "libadios2_inr.so was not built beside $unit"

say "C++ part, every interface: address and undefined behaviour"
for interface in 0 10 11 12; do
    mkdir -p "$work/$interface/data"
    scripts/checked.sh "$work/$interface" "$interface" address,undefined "$include" "$library"
    said=$("$work/$interface/host" "$work/$interface/libchecked.so" "$work/$interface/data" 300)
    case $interface:$said in
        0:refused:*adios2_inr* | 1[012]:done) say "interface $interface: ${said%%:*}" ;;
        *) die "interface $interface: $said" ;;
    esac
done

say "C++ part, 10,000 operators of each interface: leaks"
for interface in 10 11 12; do
    mkdir -p "$work/leak$interface/data"
    scripts/checked.sh "$work/leak$interface" "$interface" leak "$include" "$library"
    "$work/leak$interface/host" "$work/leak$interface/libchecked.so" "$work/leak$interface/data" 10000 >/dev/null
done

say "a C++ program of ADIOS2: address and undefined behaviour, leaks of ours"
adios2=$(dirname "$include")
mkdir "$work/plugin" "$work/adios2"
cp "$work/12/libchecked.so" "$work/plugin/libadios2_inr.so"
cxx=adios2_cxx
[ -e "$adios2/lib$cxx.so" ] || cxx=adios2_cxx11
"${CXX:-c++}" -std=c++17 -g -O1 -fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all -isystem "$include" \
    tests/clients/client.cpp -L "$adios2" "-Wl,-rpath,$adios2" "-l$cxx" -ladios2_core -pthread -Wl,--allow-shlib-undefined -o "$work/client"
for how in "write BP5" "read BP5" "write BP4" "read BP4" "threads BP5"; do
    read -r mode engine <<<"$how"
    # What ADIOS2 itself leaves behind is its matter.
    ASAN_OPTIONS=exitcode=0:detect_leaks=1 ADIOS2_PLUGIN_PATH=$work/plugin \
        "$work/client" "$mode" "$engine" "$work/adios2" >"$work/client.log" 2>&1 || die "$how: $(tail -n 3 "$work/client.log")"
    ! grep -E 'ERROR: AddressSanitizer|runtime error' "$work/client.log" || die "$how"
    ! grep -E 'plugin/(operator|host)\.cpp|libadios2_inr' "$work/client.log" || die "$how: a leak of ours"
done

# memcheck PROGRAM [ARGUMENTS]: a test program under valgrind, which knows AVX2 and hides what is above it from the program.
memcheck() {
    valgrind -q --error-exitcode=9 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite --num-callers=30 \
        "$@" >"$work/valgrind.log" 2>&1 || { tail -n 60 "$work/valgrind.log" >&2; die "valgrind: $*"; }
    say "$(grep -m 1 '^test result' "$work/valgrind.log") ($(basename "$1"))"
}
say "unsafe Rust under valgrind"
# Everything with an unsafe block of its own: vectors, memory, the C interface, floating-point mode, exit handlers.
# Two see what valgrind computes otherwise: it knows no flushing of denormals, and takes NaN for unequal in vcmpneq_oqpd.
memcheck "$unit" backend::cpu transform::simd transform::axis field:: threads:: process:: ffi:: codec:: \
    --skip denormals_survive_under_the_guard --skip missing_data_has_to_come_back_bit_for_bit
for program in $tests; do
    memcheck "$program"
done
say "no fault was found in $(elapsed)"
