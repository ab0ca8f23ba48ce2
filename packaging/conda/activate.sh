# Sourced by conda: ADIOS2 looks for plugins in this environment first.
export ADIOS2_INR_BEFORE="${ADIOS2_PLUGIN_PATH-}"
export ADIOS2_PLUGIN_PATH="$CONDA_PREFIX/lib${ADIOS2_PLUGIN_PATH:+:$ADIOS2_PLUGIN_PATH}"
