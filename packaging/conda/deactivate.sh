# Sourced by conda: what activate.sh found is there again.
if [ -n "${ADIOS2_INR_BEFORE-}" ]; then
    export ADIOS2_PLUGIN_PATH="$ADIOS2_INR_BEFORE"
else
    unset ADIOS2_PLUGIN_PATH
fi
unset ADIOS2_INR_BEFORE
