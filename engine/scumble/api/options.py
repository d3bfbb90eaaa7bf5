# SPDX-License-Identifier: Apache-2.0
"""The options of a method: a frozen dataclass whose fields describe themselves, as flags, widgets and the wire show them.

Values are checked here and not by msgspec, as headers are (server/messages.py): a painter reads these errors, so they give an
option's title, its range and its help, where msgspec gives field names and JSON types.
"""

from __future__ import annotations

import dataclasses
import sys
import typing
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from scumble.api.errors import ScumbleError


@dataclass(frozen=True)
class OptionSpec:
    """An option as command line flags, widgets and the wire see it. Fields without meaning for the kind are None."""

    name: str
    title: str
    help: str
    kind: Literal["float", "int", "bool", "choice", "text"]
    default: Any
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    unit: str | None = None
    choices: tuple[str, ...] | None = None
    preview: Any = None
    """What a live preview takes in its place, where a value takes long; None is the value itself."""


def option(
    default: Any,
    help: str,
    *,
    title: str | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    step: float | None = None,
    unit: str | None = None,
    preview: Any = None,
) -> Any:
    """A dataclass field that describes itself. Its kind follows from its annotation: float, int, bool, str or Literal."""
    described = {"help": help, "title": title, "minimum": minimum, "maximum": maximum, "step": step, "unit": unit}
    return field(default=default, metadata=described | {"preview": preview})


def option_specs(options: type) -> list[OptionSpec]:
    """The options of a method's `Options` class, in order."""
    hints = typing.get_type_hints(options)
    return [_spec(f, hints[f.name]) for f in dataclasses.fields(options)]


def _spec(f: dataclasses.Field[Any], hint: Any) -> OptionSpec:
    choices: tuple[str, ...] | None = None
    if typing.get_origin(hint) is Literal:
        kind, choices = "choice", typing.get_args(hint)
    else:
        kind = {float: "float", int: "int", bool: "bool", str: "text"}[hint]
    m = f.metadata
    title = m["title"] or f.name.replace("_", " ").capitalize()
    return OptionSpec(
        f.name,
        title,
        m["help"],
        typing.cast(Any, kind),
        f.default,
        m["minimum"],
        m["maximum"],
        m["step"],
        m["unit"],
        choices,
        m["preview"],
    )


def parse_options(options: type, given: dict[str, Any]) -> Any:
    """An instance of `options` from untrusted values. Raises ScumbleError "bad-options" naming the first that is wrong."""
    return options(**check_options(option_specs(options), given))


def check_options(specs: Sequence[OptionSpec], given: dict[str, Any]) -> dict[str, Any]:
    """`given` with numbers brought to their kind. Raises ScumbleError "bad-options" naming the first that is wrong."""
    known = {s.name: s for s in specs}
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ScumbleError("bad-options", f"There is no option {unknown[0]!r}.", f"Options are: {', '.join(known) or 'none'}.")
    return {name: _checked(known[name], value) for name, value in given.items()}


def _checked(spec: OptionSpec, value: Any) -> Any:
    wanted = {"float": (int, float), "int": int, "bool": bool, "choice": str, "text": str}[spec.kind]
    kinds = wanted if isinstance(wanted, tuple) else (wanted,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and spec.kind != "bool"):
        raise ScumbleError("bad-options", f"{spec.title} must be a {spec.kind}, not {value!r}.", spec.help)
    if spec.choices is not None and value not in spec.choices:
        raise ScumbleError("bad-options", f"{spec.title} cannot be {value!r}.", f"Choose one of {', '.join(spec.choices)}.")
    if spec.kind in ("float", "int"):
        low, high = spec.minimum, spec.maximum
        finite = abs(value) <= sys.float_info.max  # which neither NaN nor an integer of a thousand digits is
        if not (finite and (low is None or value >= low) and (high is None or value <= high)):
            raise ScumbleError("bad-options", f"{spec.title} cannot be {value}.", f"It lies between {low} and {high}.")
    return float(value) if spec.kind == "float" else value
