"""Spack's recipe: put this file into a repository as packages/adios2_inr/package.py (see packaging/README.md)."""

from spack.package import *


class Adios2Inr(Package):
    """ADIOS2 compression operator that stores simulation arrays as neural fields or transform coefficients, with error bounds that
    are checked before anything is written; with the command line `inr`."""

    homepage = "https://github.com/adios2-inr/adios2-inr"
    git = "https://github.com/adios2-inr/adios2-inr.git"

    license("MIT")

    version("main", branch="main")

    variant("gpu", default=True, description="Training and evaluation on GPUs through Vulkan")

    depends_on("c", type="build")
    depends_on("cxx", type="build")
    depends_on("rust@1.89:", type="build")
    # Its headers when the plugin is built, its C library when `inr` reads datasets; the plugin itself links nothing of it.
    depends_on("adios2@2.12:", type=("build", "run"))

    conflicts("platform=darwin", msg="the plugin is for Linux")
    conflicts("platform=windows", msg="the plugin is for Linux")

    def setup_build_environment(self, env):
        env.set("ADIOS2_DIR", self.spec["adios2"].prefix)
        env.set("CARGO_HOME", join_path(self.stage.path, "cargo"))
        env.set("CARGO_TARGET_DIR", join_path(self.stage.path, "target"))

    def setup_run_environment(self, env):
        env.prepend_path("ADIOS2_PLUGIN_PATH", self.prefix.lib)

    def setup_dependent_run_environment(self, env, dependent_spec):
        self.setup_run_environment(env)

    def install(self, spec, prefix):
        features = ["adios2", "cli"] + (["gpu"] if spec.satisfies("+gpu") else [])
        cargo = which("cargo", required=True)
        cargo("build", "--release", "--locked", "--no-default-features", "--features", ",".join(features))
        with_artefacts = {"INR_ARTEFACTS": join_path(self.stage.path, "target", "release")}
        bash = which("bash", required=True)
        bash("scripts/install.sh", prefix, extra_env=with_artefacts)

    @run_after("install")
    @on_package_attributes(run_tests=True)
    def check_install(self):
        Executable(self.prefix.bin.inr)("doctor")
