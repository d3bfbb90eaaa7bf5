# SPDX-License-Identifier: Apache-2.0
"""Runs the benchmarks: a table for people, JSON for machines.

Exit code 1 when a figure misses its limit, 2 when a benchmark that was named cannot run here.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figure, Unavailable
from scumble import __version__

HERE = Path(__file__).parent


def names() -> list[str]:
    """The benchmarks there are, by the NAME in bench_NAME.py."""
    return sorted(p.stem.removeprefix("bench_") for p in HERE.glob("bench_*.py"))


def collect(name: str, console: Console) -> list[Figure]:
    """Run one benchmark, showing each figure as it comes."""
    figures = []
    for figure in importlib.import_module(f"benchmarks.bench_{name}").bench():
        console.print(f"  {name}: {figure.name} = {figure.value:.4g} {figure.unit}", style="dim")
        figures.append(figure)
    return figures


def table(results: dict[str, list[Figure]]) -> Table:
    """Every figure with its limit and whether it holds."""
    shown = Table("benchmark", "figure", "value", "limit", "", "how")
    for name, figures in results.items():
        for f in figures:
            limit = "" if f.limit is None else f"{'≥' if f.at_least else '≤'} {f.limit:g} {f.unit}"
            mark = "" if f.limit is None else "[green]holds[/]" if f.holds else "[red]MISSED[/]"
            shown.add_row(name, f.name, f"{f.value:.4g} {f.unit}", limit, mark, f.note)
    return shown


def report(results: dict[str, list[Figure]]) -> dict[str, object]:
    """The JSON: what was measured, on what."""
    machine = {"platform": platform.platform(), "python": platform.python_version(), "cores": os.cpu_count()}
    load = list(os.getloadavg()) if hasattr(os, "getloadavg") else None
    figures = [{"benchmark": n, **asdict(f), "holds": f.holds} for n, fs in results.items() for f in fs]
    return {"version": __version__, "machine": machine, "load": load, "figures": figures}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the named benchmarks, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which to run ({', '.join(names())}); all without any")
    parser.add_argument("--json", type=Path, default=Path("out/bench.json"), help="where the figures go (%(default)s)")
    given = parser.parse_args(arguments)
    unknown = sorted(set(given.names) - set(names()))
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join(names())}")
    console = Console(stderr=True)
    results: dict[str, list[Figure]] = {}
    for name in given.names or names():
        try:
            results[name] = collect(name, console)
        except Unavailable as e:
            console.print(f"{name} is not measured: {e}")
            if given.names:
                return 2
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(json.dumps(report(results), indent=2) + "\n", encoding="utf-8")
    Console(width=None if sys.stdout.isatty() else 160).print(table(results))
    console.print(f"written to {given.json}")
    return 0 if all(f.holds for figures in results.values() for f in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
