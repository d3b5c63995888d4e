"""The documentation leads to what exists."""

import re
from pathlib import Path

import pytest

import ivos
from ivos.cli.commands import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")


def links() -> list[tuple[Path, str, str]]:
    """Page, text and target of every link and image that stays in the repository."""
    found = [(page, text, target) for page in PAGES for text, target in LINK.findall(page.read_text())]
    return [link for link in found if "://" not in link[2]]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(("page", "text", "target"), links(), ids=lambda value: getattr(value, "name", value))
def test_links_lead_to_what_they_name(page: Path, text: str, target: str) -> None:
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    assert file.exists()
    if anchor:
        assert anchor in anchors(file)
    if text.startswith("`") and file.suffix == ".py" and "/" not in text:
        name = text.strip("`")
        assert re.search(rf"^\s*((def|class) {name}\b|{name}(:.*)? =|{name}:)", file.read_text(), flags=re.MULTILINE)


def test_the_api_page_has_every_public_name() -> None:
    page = (ROOT / "docs" / "api.md").read_text()
    members = [name for name in vars(ivos.Session) if not name.startswith("_")]
    assert [name for name in (*ivos.__all__, *members) if name not in page] == []


def test_the_command_line_page_has_every_command() -> None:
    page = (ROOT / "docs" / "cli.md").read_text()
    assert [name for name in COMMANDS if f"## ivos {name}" not in page] == []
