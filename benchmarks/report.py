"""The README's table of speed, made from stored results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Result = dict[str, Any]
"""One stored result, as `run.measure` makes it."""

BEGIN, END = "<!-- speed: made by `python benchmarks/run.py --readme` -->", "<!-- speed: end -->"
PARTS = {"encode": "encode a frame", "annotate": "A-Net", "transfer": "T-Net"}


def table(results: list[Result]) -> str:
    """A Markdown table with a column a machine."""
    lines = [["", *(_machine(result) for result in results)], ["---", *("---:" for _ in results)]]
    rows = {**_rows(), **(_app_rows() if any("app" in result for result in results) else {})}
    lines += [[title, *(cell(result) for result in results)] for title, cell in rows.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def with_table(readme: str, table: str) -> str:
    """The README with the marked block replaced.

    Raises:
        ValueError: The README has no such block.
    """
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"The README has no block between {BEGIN!r} and {END!r} for the table.")
    return f"{before}{begin}\n{table}\n{end}{after}"


def _machine(result: Result) -> str:
    machine = result["machine"]
    return f"{machine['cpu']}, {machine['cores']} cores"


def _rows() -> dict[str, Callable[[Result], str]]:
    """What stands in front of a row -> its cell for a result."""
    return {
        "first round, a frame (encode + transfer)": lambda r: _ms(r["figures"]["first_round_ms"]),
        "later rounds, a frame (features cached)": lambda r: _ms(r["figures"]["later_rounds_ms"]),
        "answer to a stroke on a new frame / on a frame seen before": lambda r: (
            f"{_ms(r['figures']['annotate_new_ms'])} / {_ms(r['figures']['annotate_seen_ms'])}"
        ),
        "five objects : one, first round / later": lambda r: (
            f"{r['figures']['five_objects_to_one']:.2f} / {r['figures']['five_objects_to_one_later']:.2f}"
        ),
        "`paper` preset: first round, a frame": lambda r: _ms(r["figures"]["paper_first_round_ms"]),
        "`lite` : `paper`, speed in the first round": lambda r: f"{r['figures']['lite_times_faster_than_paper']:.1f} x",
        "`ivos.load_model()`": lambda r: _ms(r["figures"]["load_model_ms"]),
        **{
            f"{title}, `{preset}`: work, share of the matmul rate": _part(preset, name)
            for preset in ("lite", "paper")
            for name, title in PARTS.items()
        },
        "matmul rate, fp32 / bf16": lambda r: (
            f"{r['matmul_gflops']['float32']:.0f} / {r['matmul_gflops']['bfloat16']:.0f} GFLOP/s"
        ),
        "runs in": lambda r: r["parts"]["lite"]["dtype"],
        "torch, commit, date": lambda r: ", ".join(
            (r["machine"]["torch"], r["machine"]["commit"], r["machine"]["date"][:10])
        ),
    }


def _app_rows() -> dict[str, Callable[[Result], str]]:
    """The web app's rows; results that were stored before it was measured, or without a browser, show a dash."""

    def cell(name: str, shown: Callable[[float], str]) -> Callable[[Result], str]:
        def text(result: Result) -> str:
            value = result.get("app", {}).get("figures", {}).get(name)
            return "–" if value is None else shown(value)

        return text

    return {
        "app: a stroke's round trip": cell("stroke_round_trip_ms", _ms),
        "app: from the pen's release to the mask on the screen": cell("stroke_drawn_ms", _ms),
        "app: masks streamed": cell("stream_frames_per_second", lambda rate: f"{rate:.1f} frames/s"),
        "app: what the server adds to a frame": cell("server_adds", lambda share: f"{100 * share:.1f} %"),
    }


def _part(preset: str, name: str) -> Callable[[Result], str]:
    def cell(result: Result) -> str:
        part = result["parts"][preset][name]
        return f"{part['gflop']:.1f} GFLOP, {part['share_of_peak']:.0%}"

    return cell


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:.0f} ms"
