"""The pages that exist in two languages say the same: the same headings, tables, examples and names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGES = ("filters", "metrics", "notifications", "troubleshooting")


def shape(name: str) -> dict[str, object]:
    """What must not differ between languages."""
    text = (DOCS / name).read_text()
    fence = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
    prose = fence.sub("", text)
    return {
        "headings": [len(marks) for marks in re.findall(r"^(#+) ", prose, re.MULTILINE)],
        "rows": sum(line.startswith("|") for line in prose.splitlines()),
        "examples": len(fence.findall(text)),
        "names": set(re.findall(r"`([^`\n]+)`", prose)),
    }


@pytest.mark.parametrize("page", PAGES)
def test_both_languages_have_the_same_shape(page: str) -> None:
    english, portuguese = shape(f"{page}.md"), shape(f"{page}.pt-BR.md")
    assert english["headings"] == portuguese["headings"]
    assert english["rows"] == portuguese["rows"]
    assert english["examples"] == portuguese["examples"]


@pytest.mark.parametrize("page", ["filters", "metrics", "notifications"])
def test_no_name_is_lost_in_translation(page: str) -> None:
    assert shape(f"{page}.md")["names"] == shape(f"{page}.pt-BR.md")["names"]
