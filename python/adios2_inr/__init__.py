"""The ADIOS2 operator `inr`, its command line `inr`, and its library for NumPy arrays.

Importing this module is all that ADIOS2 needs to find the operator in this process, for writing and for reading::

    import adios2, adios2_inr

    operation = ("plugin", adios2_inr.parameters(norm="Linf", accuracy=1e-3))
    with adios2.Stream("run.bp", "w") as stream:
        stream.write("u", u, u.shape, [0, 0], u.shape, operations=[operation])

Other programs get it by ``eval "$(python -m adios2_inr env)"``. Settings are those of docs/PARAMETERS.md, by their names; a wrong
one is a `ValueError` with the sentence of the library.
"""
from ._arrays import decode, encode
from ._environment import PLUGIN_FOLDER, add_to_environment
from ._library import version as _version
from ._series import Answer, Series, open_series
from ._settings import parameters, xml

__all__ = ["PLUGIN_FOLDER", "Answer", "Series", "decode", "encode", "open_series", "parameters", "xml"]
__version__ = _version()

add_to_environment()
