"""Settings of the operator as ADIOS2 takes them."""
from __future__ import annotations

import os
from typing import Any, Iterable, Mapping
from xml.etree import ElementTree

from ._library import check, library, pairs

_PLUGIN = {"PluginName": "inr", "PluginLibrary": "adios2_inr"}


def texts(settings: Mapping[str, Any]) -> dict[str, str]:
    """Settings as strings; the library itself says whether they are right."""
    found = {key: _text(value) for key, value in settings.items()}
    # A C string ends there: the library would see another value.
    for key, text in found.items():
        if "\0" in key + text:
            raise ValueError(f"The parameter {key!r} cannot be {text!r}: take out the NUL character.")
    check(library.inr_check_settings(*pairs(found)))
    return found


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return str(os.fspath(value) if isinstance(value, os.PathLike) else value)


def parameters(**settings: Any) -> dict[str, str]:
    """The parameters of an operator of type "plugin", as strings.

    They are for `add_operation` and `operations=` of adios2, and for the JSON configuration of openPMD-api. Settings are those of
    docs/PARAMETERS.md by their names: ``parameters(norm="Linf", accuracy=1e-3, temporal="predict")``.

    Raises:
        ValueError: a setting is unknown, or wrong, or excludes another one.
    """
    return {**_PLUGIN, **texts(settings)}


def xml(
    variables: str | Iterable[str],
    *,
    io: str,
    engine: str = "BP5",
    engine_parameters: Mapping[str, Any] | None = None,
    **settings: Any,
) -> str:
    """The text of an ``adios2.xml`` that switches the operator on for these variables of an IO.

    With ``temporal="predict"``, ``engine_parameters={"StripeSize": 64}`` keeps small steps from being padded.

    Args:
        variables: name of a variable, or names.
        io: name of the IO as the simulation declares it.
        engine: type of the engine.
        engine_parameters: parameters of the engine.
        settings: as for `parameters`.

    Raises:
        ValueError: as `parameters`.
    """
    root = ElementTree.Element("adios-config")
    _add(ElementTree.SubElement(root, "operator", name="inr", type="plugin"), parameters(**settings))
    element = ElementTree.SubElement(root, "io", name=io)
    own = {key: _text(value) for key, value in (engine_parameters or {}).items()}
    _add(ElementTree.SubElement(element, "engine", type=engine), own)
    for name in [variables] if isinstance(variables, str) else variables:
        variable = ElementTree.SubElement(element, "variable", name=name)
        ElementTree.SubElement(variable, "operation", operator="inr")
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=False) + "\n"


def _add(element: ElementTree.Element, found: Mapping[str, str]) -> None:
    for key, value in found.items():
        ElementTree.SubElement(element, "parameter", key=key, value=value)
