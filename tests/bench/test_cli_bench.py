"""`ivos bench` and `ivos score` from arguments to files."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import ivos
from ivos.cli import main
from ivos.errors import InputError
from ivos.model.atnet import build
from ivos.model.config import PRESETS, Widths
from ivos.model.weights import save_weights


def test_bench_writes_its_report(
    make_davis: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, out = make_davis({"one": 1, "two": 2}, year=2016), tmp_path / "out"
    (root / "Annotations/480p/two/00002.png").unlink()
    arguments = ["bench", str(root), "--year", "2016", "--rounds", "2", "--method", "copy", "--out", str(out)]
    assert main([*arguments, "--sequences", "two"]) == 0
    assert re.search(r"\[1/1\] two 1: J&F 0\.\d+ of 5 of 6 frames in 2 rounds", capsys.readouterr().out)
    summary = json.loads((out / "summary.json").read_text())
    assert summary["samples"] == 1
    assert summary["run"]["rules"]["rounds"] == 2
    assert summary["sequences"]["two"]["objects"] == 1  # DAVIS-2016 merges them
    assert main(arguments) == 2  # another data set in the same folder
    assert "holds another run: its dataset" in capsys.readouterr().err


def test_networks_of_preset_authors_play_with_the_papers_robot(make_davis: Callable[..., Path], tmp_path: Path) -> None:
    narrow = Widths(neck=16, refine=8, aspp=16, key=8, local_key=8)
    for preset, shortest in (("lite", 4), ("authors", 2)):
        weights, out = tmp_path / f"{preset}.safetensors", tmp_path / preset
        save_weights(build(replace(PRESETS["lite"], name=preset, widths=narrow)), weights, card={})
        arguments = ["--year", "2016", "--sequences", "one", "--rounds", "1", "--model", str(weights)]
        assert main(["bench", str(make_davis({"one": 1}, year=2016)), *arguments, "--out", str(out)]) == 0
        rules = json.loads((out / "summary.json").read_text())["run"]["rules"]
        assert rules["robot"]["min_nb_nodes"] == shortest
        davis = ivos.Davis(make_davis({"one": 1}, year=2016), split="val", year=2016)
        for method in (str(weights), weights, ivos.load_model(weights)):
            report = ivos.benchmark(method, davis, rounds=1)
            assert report.summary["run"]["rules"]["robot"]["min_nb_nodes"] == shortest


def test_a_file_named_like_a_method_is_not_taken_for_it(
    make_davis: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_davis({"one": 1}).resolve()
    monkeypatch.chdir(tmp_path)
    Path("copy").touch()
    assert main(["bench", str(root), "--method", "copy", "--rounds", "1", "--out", "out"]) == 0


def test_bench_refuses_unknown_sequences_and_methods(
    make_davis: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_davis()
    assert main(["bench", str(root), "--method", "copy", "--sequences", "four", "--out", str(tmp_path)]) == 2
    assert "no sequence 'four'" in capsys.readouterr().err
    assert main(["bench", str(root), "--method", "copied", "--out", str(tmp_path / "b")]) == 2
    assert "copied" in capsys.readouterr().err
    assert main(["bench", str(root), "--method", "copy", "--resolution", "0", "--out", str(tmp_path / "b")]) == 2
    assert "The resolution is 0" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()  # a run with the right words begins there
    assert main(["bench", str(root), "--method", "copy", "--single-step"]) == 2
    assert "no A-Net and T-Net" in capsys.readouterr().err
    assert main(["bench", str(root), "--single-step", "--workers", "2"]) == 2
    assert "leave out --workers" in capsys.readouterr().err
    with pytest.raises(InputError, match=r"given as .*expected one that is read"):
        ivos.benchmark("copy", str(root))
    assert main(["bench", str(tmp_path)]) == 2
    assert "not a DAVIS data set" in capsys.readouterr().err


def test_the_public_function(make_davis: Callable[..., Path], tmp_path: Path) -> None:
    davis = ivos.Davis(make_davis({"one": 1}), split="val", year=2017)
    report = ivos.benchmark("copy", davis, rounds=2, out=tmp_path)
    assert 0 < report.auc <= 1
    assert 0 < report.jf_at_60s <= 1
    assert (tmp_path / "report.md").is_file()


def test_score_writes_the_csv_files(
    make_davis: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = make_davis({"one": 1, "two": 2}) / "Annotations/480p"
    arguments = ["score", str(masks), str(masks), "--out", str(tmp_path), "--workers", "1"]
    assert main(arguments) == 0
    assert (tmp_path / "global_results.csv").read_text().splitlines()[1].startswith("1.000,1.000,1.000,0.000")
    assert (tmp_path / "per-sequence_results.csv").read_text().count("\n") == 4
    assert "two_2,1.000,1.000" in capsys.readouterr().out
    assert main(["score", str(tmp_path / "none"), str(masks)]) == 2
    assert "no folder" in capsys.readouterr().err


@pytest.mark.timeout(300)
def test_the_example_runs(make_davis: Callable[..., Path], tmp_path: Path) -> None:
    example = Path(__file__).parents[2] / "examples/benchmark_davis.py"
    root = make_davis({"one": 1}, year=2016)
    done = subprocess.run([sys.executable, example, root, tmp_path], check=True, capture_output=True, text=True)
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == ["dots", "copy"]
    assert (tmp_path / "dots/report.md").is_file()
