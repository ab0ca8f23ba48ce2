# shellcheck shell=bash disable=SC2034
# Sourced: finds or installs Debian's Chromium and turns the tests of pages on.
# Sets INR_TEST_CHROMIUM to its path, or INR_NO_CHROMIUM_REASON to why they are skipped. Needs common.sh.

find_chromium() {
    local name
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        command -v "$name" && return
    done
    return 0
}

INR_NO_CHROMIUM_REASON=
INR_TEST_CHROMIUM=${INR_TEST_CHROMIUM:-$(find_chromium)}
if [ -z "$INR_TEST_CHROMIUM" ] && can_apt; then
    # Without a font, screenshots have no letters.
    apt_install chromium fonts-dejavu-core || say "Chromium could not be installed"
    INR_TEST_CHROMIUM=$(find_chromium)
fi
if [ -n "$INR_TEST_CHROMIUM" ]; then
    export INR_TEST_CHROMIUM
else
    unset INR_TEST_CHROMIUM
    INR_NO_CHROMIUM_REASON="no Chromium (Debian package chromium; only root can install it)"
fi
