# SPDX-License-Identifier: Apache-2.0
"""What a user types about styles, methods and their options, made sense of with the engine's catalogue.

Invariant: no method's option is known here by name; kinds, ranges and choices come from the catalogue.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from scumble.client.catalogue import Catalogue, Method, Option, Style

TRUE, FALSE = {"yes", "true", "on", "1"}, {"no", "false", "off", "0"}

_ID = re.compile(r"[a-z0-9-]{1,64}")
_REVISION = re.compile(r"[0-9]{1,9}")
MANY = 12
"""More names than this are not listed."""
_ARTICLES = ("the ", "a ", "an ", "la ", "le ", "el ", "der ", "die ", "das ")


def parse_style(text: str) -> tuple[str, float]:
    """ID[@REVISION][:WEIGHT], weight 1 without one; a title may stand for the id. Raises click.UsageError."""
    name, colon, weight = text.rpartition(":")
    if not colon or not (_is_number(weight) or _ID.fullmatch(name.partition("@")[0])):
        name, weight = text, "1"  # no weight; a colon belongs to the title
    title, at, revision = name.partition("@")
    if not _key(title) or "/" in title or (at and not _REVISION.fullmatch(revision)):
        raise click.UsageError(
            f"{text!r} is not a style: write its id, like starry-night, or id:weight, like starry-night:0.5. "
            "`scumble styles list` has all ids."
        )
    if not _is_number(weight):
        raise click.UsageError(f"{weight!r} in {text!r} is not a number.")
    if not 0 <= float(weight) < float("inf"):
        raise click.UsageError(f"The weight in {text!r} must not be negative.")
    return name, float(weight)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def parse_assignments(texts: Iterable[str]) -> dict[str, str]:
    """name=value of each --option; dashes in names may stand for underscores. Raises click.UsageError."""
    given = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise click.UsageError(f"{text!r} is not an option: write name=value.")
        given[name.strip().replace("-", "_")] = value.strip()
    return given


def find_style(catalogue: Catalogue, name: str) -> Style:
    """The style that `name` (id, title or one of them @rev) means. Raises click.UsageError with the nearest ids."""
    wanted = name.partition("@")[0]
    for style in catalogue.styles:
        if style.id == wanted:
            return style
    key = _key(wanted)
    titled = [style for style in catalogue.styles if key in (_key(style.id), _key(style.title))]
    if len(titled) == 1:
        return titled[0]
    if titled:
        raise click.UsageError(f"{wanted!r} is the title of several styles: {', '.join(s.id for s in titled)}. Use an id.")
    near = difflib.get_close_matches(key, [_key(style.title) for style in catalogue.styles], 3, 0.5)
    meant = [style.id for style in catalogue.styles if _key(style.title) in near]
    raise click.UsageError(f"There is no style {wanted!r}. {_known(wanted, [s.id for s in catalogue.styles], meant)}")


def pinned(style: Style, name: str) -> str:
    """id@rev of a style that was looked up by `name`: the revision that the name has, else the newest."""
    revision = name.partition("@")[2]
    return f"{style.id}@{revision or style.revision}"


def _key(title: str) -> str:
    """A title by its words, whatever their case and what stands between them, without an article in front."""
    plain = re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFKD", title))  # Cafe and Café; か and が stay apart
    words = " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", plain).casefold()))
    return next((words.removeprefix(article) for article in _ARTICLES if words.startswith(article)), words)


def find_method(catalogue: Catalogue, name: str) -> Method:
    """The method called `name`. Raises click.UsageError with the nearest ids."""
    for method in catalogue.methods:
        if method.id == name:
            return method
    raise click.UsageError(f"There is no method {name!r}. {_known(name, [m.id for m in catalogue.methods])}")


def choose_method(catalogue: Catalogue, styles: Sequence[Style], apart: bool = False) -> Method:
    """The first method of the catalogue that can paint all `styles` at once; where they have masks that set them `apart`, any
    method can mix them. Raises click.UsageError where none can."""
    for method in catalogue.methods:
        blends = apart or len(styles) == 1 or method.capabilities.get("blend", False)
        if blends and all(method.id in style.methods for style in styles):
            return method
    names = ", ".join(style.id for style in styles)
    able = sorted({method for style in styles for method in style.methods})
    if len(styles) > 1 and able:
        raise click.UsageError(f"No method paints {names} together. Give one style, or another mixture.")
    raise click.UsageError(f"No method here paints {names}.")


def parse_options(method: Method, given: Mapping[str, str]) -> dict[str, Any]:
    """Typed values for the wire from what was typed. Raises click.UsageError naming the first that is wrong."""
    known = {option.name: option for option in method.options}
    values = {}
    for name, text in given.items():
        if name not in known:
            names = ", ".join(known) or "none"
            near = difflib.get_close_matches(name, known, 1, 0.6)
            meant = f" Did you mean {near[0]}?" if near else ""
            raise click.UsageError(f"The method {method.id} has no option {name!r}; it has: {names}.{meant}")
        values[name] = parse_value(known[name], text)
    return values


def parse_value(option: Option, text: str) -> Any:
    """One value as its kind calls for. Raises click.UsageError."""
    if option.kind == "bool":
        if text.lower() not in TRUE | FALSE:
            raise _wrong(option, text, "yes or no")
        return text.lower() in TRUE
    if option.kind == "choice":
        if text not in (option.choices or ()):
            raise _wrong(option, text, "one of " + ", ".join(option.choices or ()))
        return text
    if option.kind == "text":
        return text
    try:
        value = int(text) if option.kind == "int" else float(text)
    except ValueError:
        raise _wrong(option, text, "a whole number" if option.kind == "int" else "a number") from None
    low, high = option.minimum, option.maximum
    if not (value == value and (low is None or value >= low) and (high is None or value <= high)):
        raise _wrong(option, text, described(option))
    return value


def described(option: Option) -> str:
    """What an option takes, in words: "0 to 1", "yes or no", "one of a, b"."""
    if option.kind == "bool":
        return "yes or no"
    if option.kind == "choice":
        return "one of " + ", ".join(option.choices or ())
    if option.kind == "text":
        return "text"
    unit = f" {option.unit}" if option.unit else ""
    low, high = option.minimum, option.maximum
    if low is None and high is None:
        return ("a whole number" if option.kind == "int" else "a number") + unit
    if low is None or high is None:
        return (f"at least {low:g}" if low is not None else f"at most {high:g}") + unit
    return f"{low:g} to {high:g}{unit}"


def _wrong(option: Option, text: str, wanted: str) -> click.UsageError:
    return click.UsageError(f"{option.name}={text}: {option.title} must be {wanted}.")


def _known(name: str, names: Sequence[str], meant: Sequence[str] = ()) -> str:
    near = list(dict.fromkeys([*difflib.get_close_matches(name, names, 3, 0.5), *meant]))
    if near:
        return f"Did you mean {', '.join(near)}?"
    if len(names) > MANY:
        return f"There are {len(names)}, the first of them {', '.join(names[:3])}."
    return f"There are: {', '.join(names)}." if names else "There are none."
