# shellcheck shell=bash disable=SC2034
# Sourced: finds or installs Debian's software Vulkan driver and turns the GPU tests on.
# Sets INR_TEST_GPU=1, or INR_NO_GPU_REASON to why they are skipped. Needs common.sh.

find_software_driver() {
    local folder file
    for folder in /usr/share /usr/local/share /etc; do
        for file in "$folder"/vulkan/icd.d/lvp_icd*.json; do
            [ -e "$file" ] && echo "$file" && return
        done
    done
    return 0
}

INR_NO_GPU_REASON=
driver=$(find_software_driver)
if [ -z "$driver" ] && can_apt; then
    apt_install mesa-vulkan-drivers libvulkan1 || say "the software Vulkan driver could not be installed"
    driver=$(find_software_driver)
fi
if [ -n "$driver" ]; then
    export INR_TEST_GPU=1
    # Only this driver, without the layer that reorders devices, at the width whose results the tests were made with.
    export VK_ICD_FILENAMES=$driver VK_DRIVER_FILES=$driver NODEVICE_SELECT=1 LP_NATIVE_VECTOR_WIDTH=128
    export MESA_SHADER_CACHE_DIR=$TARGET/mesa-shader-cache
    mkdir -p "$MESA_SHADER_CACHE_DIR"
else
    unset INR_TEST_GPU
    INR_NO_GPU_REASON="no software Vulkan driver (Debian package mesa-vulkan-drivers; only root can install it)"
fi
