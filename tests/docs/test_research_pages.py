"""The pages for researchers show what is stored."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("research_docs", ROOT / "scripts" / "research_docs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_of_ablations_are_those_of_the_stored_results(script):
    page = script.PAGE.read_text()
    assert script.with_tables(page) == page


def test_a_stored_result_becomes_a_table_with_its_facts(script, tmp_path, monkeypatch):
    row = {"row": "I", "title": "no local transfer", "rounds": {"J": [0.25, 0.5]}, "machine": {"cores": 2}}
    settings = {
        "steps": 7,
        "data": ["davis-2016:DAVIS"],
        "seed": 3,
        "init": "the bundled weights",
        "init_digest": "ab12" * 16,
    }
    content = {"rounds": 2, "dataset": "DAVIS-2016 val", "rows": [row], **settings}
    (tmp_path / "table3.json").write_text(json.dumps(content))
    monkeypatch.setattr(script, "RESULTS", tmp_path)
    monkeypatch.setattr(script, "ROOT", tmp_path)
    page = script.with_tables(script.PAGE.read_text())
    assert "| I | no local transfer | 0.250 | 0.500 | 0.375 |" in page
    for fact in (
        "7 steps",
        "davis-2016:DAVIS",
        "seed 3",
        "SHA-256 ab12ab12ab12.",
        "DAVIS-2016 val",
        "cores 2",
        "Not run yet: there is no `table4",
    ):
        assert fact in page
    assert script.with_tables(page) == page
