# SPDX-License-Identifier: Apache-2.0
"""The pages of the repository: what they link to is there, and a method's page is short."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TWO_PAGES = 120
"""Lines of two printed pages."""


def pages() -> list[Path]:
    """Every Markdown file that git tracks or would; without git, every one outside of build folders."""
    try:
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
        return sorted({ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()})
    except (OSError, subprocess.CalledProcessError):
        built = re.compile(r"/\.|/(build|dist|out)/")
        return sorted(p for p in ROOT.rglob("*.md") if not built.search(f"/{p.relative_to(ROOT).as_posix()}"))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ +(.+?) *$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_to_a_file_and_a_heading_that_exist(page: Path) -> None:
    """A page of johnson linked to a module that had been moved, and nothing said so."""
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if re.match(r"[a-z]+:", link):
            continue
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_table_has_as_many_heads_as_columns(page: Path) -> None:
    """A replacement of words left two bars in three heads, and GitHub showed their tables as text."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    tables = re.findall(r"^ *(\|.*\|) *\n *(\|[ :|-]+\|) *$", text, flags=re.MULTILINE)
    wrong = [head for head, rule in tables if len(re.findall(r"(?<!\\)\|", head)) != rule.count("|")]
    assert not wrong


def test_the_page_of_a_method_is_two_pages_at_most() -> None:
    """What was tried on the way belongs into docs/notebook."""
    lengths = {
        page.parent.name: len(page.read_text(encoding="utf-8").splitlines())
        for page in pages()
        if page.parent.parent.name == "methods"
    }
    assert len(lengths) == 6
    assert {name: lines for name, lines in lengths.items() if lines > TWO_PAGES} == {}
