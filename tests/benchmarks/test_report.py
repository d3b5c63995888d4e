"""The README's table comes from the stored results and nothing else."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location("report", ROOT / "benchmarks" / "report.py")
assert SPEC is not None and SPEC.loader is not None
report = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(report)

PART = {"gflop": 11.25, "milliseconds": 44.0, "share_of_peak": 0.317}
RESULT = {
    "machine": {"cpu": "Example 9000", "cores": 2, "torch": "2.13.0", "commit": "abc", "date": "2026-01-31T12:00:00"},
    "matmul_gflops": {"float32": 150.2, "bfloat16": 301.0},
    "figures": {
        "first_round_ms": 88.4,
        "later_rounds_ms": 44.6,
        "annotate_new_ms": 140.0,
        "annotate_seen_ms": 60.0,
        "paper_first_round_ms": 1000.0,
        "lite_times_faster_than_paper": 11.31,
        "five_objects_to_one": 2.345,
        "five_objects_to_one_later": 3.0,
        "load_model_ms": 321.0,
    },
    "parts": {
        name: {"dtype": "bfloat16", "encode": PART, "annotate": PART, "transfer": PART} for name in ("lite", "paper")
    },
}


def test_the_table_has_a_column_a_machine_and_rounds_its_figures() -> None:
    lines = report.table([RESULT, RESULT]).splitlines()
    assert lines[0] == "|  | Example 9000, 2 cores | Example 9000, 2 cores |"
    assert {line.count("|") for line in lines} == {4}
    assert "| first round, a frame (encode + transfer) | 88 ms | 88 ms |" in lines
    assert "| encode a frame, `lite`: work, share of the matmul rate | 11.2 GFLOP, 32% | 11.2 GFLOP, 32% |" in lines


APP = {"stroke_round_trip_ms": 161.6, "stream_frames_per_second": 7.25, "server_adds": 0.0612, "stroke_drawn_ms": 180.2}


def test_the_app_has_rows_as_soon_as_one_result_has_its_figures() -> None:
    assert "app" not in report.table([RESULT])
    without_browser = {**RESULT, "app": {"figures": {**APP, "stroke_drawn_ms": None}}}
    lines = report.table([RESULT, {**RESULT, "app": {"figures": APP}}, without_browser]).splitlines()
    assert {line.count("|") for line in lines} == {5}
    assert "| app: a stroke's round trip | – | 162 ms | 162 ms |" in lines
    assert "| app: from the pen's release to the mask on the screen | – | 180 ms | – |" in lines
    assert "| app: masks streamed | – | 7.2 frames/s | 7.2 frames/s |" in lines
    assert "| app: what the server adds to a frame | – | 6.1 % | 6.1 % |" in lines


def test_only_the_marked_block_changes() -> None:
    readme = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
    assert report.with_table(readme, "new") == f"before\n{report.BEGIN}\nnew\n{report.END}\nafter\n"


def test_a_readme_without_the_block_is_an_error() -> None:
    with pytest.raises(ValueError, match="no block"):
        report.with_table("nothing here", "new")


def test_the_readme_shows_the_stored_results() -> None:
    readme = (ROOT / "README.md").read_text()
    stored = [json.loads(path.read_text()) for path in sorted((ROOT / "benchmarks" / "results").glob("speed-*.json"))]
    assert not stored or report.with_table(readme, report.table(stored)) == readme
