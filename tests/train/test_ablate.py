"""`ivos ablate` with tiny sizes: every variant trained and scored, the tables, going on, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from ivos.bench.ablation import ablation_page, ablation_table
from ivos.cli import main
from ivos.cli.ablate import TITLES
from ivos.model.weights import load_weights
from ivos.train import variants
from ivos.train.variants import TABLES

TINY = ("--crop", "64", "--batch", "2", "--workers", "0", "--rounds", "2", "--split", "train", "--sequences", "ball")


def ablate(table: str, data: Path, init: Path, out: Path, *more: str) -> int:
    sources = ("--data", f"davis-2016,without=ball:{data / 'DAVIS'}", "--davis", str(data / "DAVIS"))
    return main(["ablate", table, *sources, "--init", str(init), "--out", str(out), *TINY, *more])


def refusal(capsys: pytest.CaptureFixture[str]) -> str:
    error = capsys.readouterr().err
    assert error.startswith("ivos: ")
    assert error.count("\n") == 1
    return error


@pytest.mark.slow
def test_both_tables_are_trained_scored_and_gone_on_with(data, lite_weights, tmp_path, one_thread, monkeypatch, capsys):
    trained: list[str] = []
    train = variants.run_from

    def interrupted(net, recipe, config, watch=None):
        trained.append(config.out.name)
        if trained.count("nearest-to-prediction") == 1:
            raise KeyboardInterrupt
        return train(net, recipe, config, watch)

    monkeypatch.setattr(variants, "run_from", interrupted)
    monkeypatch.chdir(tmp_path)
    assert ablate("table4", data, lite_weights, Path(), "--steps", "1") == 130
    first = json.loads((tmp_path / "table4.json").read_text())
    assert [row["rounds"] is None for row in first["rows"]] == [False, True, True]
    assert ablate("table4", data, lite_weights, tmp_path, "--steps", "1") == 0
    assert ablate("table3", data, lite_weights, tmp_path, "--steps", "1", "--rows", "I", "VI") == 0
    assert [name for name in trained if not name.startswith("measuring-")] == [
        *("nearest-to-scribbles", "nearest-to-prediction", "nearest-to-prediction", "proposed", "without-local")
    ]
    tables = {name: json.loads((tmp_path / f"{name}.json").read_text()) for name in TABLES}
    assert not list(tmp_path.rglob("measuring-*"))
    done = {row["row"]: row["rounds"] for table in tables.values() for row in table["rows"]}
    assert done["VI"] == done["proposed"]
    assert [row for row, rounds in done.items() if rounds is None] == ["II", "III", "IV", "V"]
    for rounds in done.values():
        assert rounds is None or (len(rounds["J"]) == 2 and all(0 <= j <= 1 for j in rounds["J"]))
    page = (tmp_path / "table3.md").read_text()
    assert page == ablation_page(tables["table3"])
    assert f"| {done['I']['J'][1]:.3f} |" in page
    for variant in TABLES["table4"]:
        assert load_weights(tmp_path / variant.key / "weights.safetensors").config == variant.model
    capsys.readouterr()
    assert ablate("table3", data, lite_weights, tmp_path, "--steps", "1", "--rounds", "3") == 2
    assert "another ablation: its rounds is 2, now it is 3" in refusal(capsys)


def test_a_budget_is_as_many_steps_as_the_proposed_variant_makes_in_it(data, lite_weights, tmp_path, monkeypatch):
    asked: list[int] = []

    def measure(config, *, trial_steps):
        asked.append(trial_steps)
        return 0.5

    def train(variant, config, watch):
        asked.append(config.steps)
        raise EOFError

    monkeypatch.setattr(variants, "seconds_per_step", measure)
    monkeypatch.setattr(variants, "train_variant", train)
    for _ in range(2):  # the second time the steps come from the plan
        with pytest.raises(EOFError):
            ablate("table3", data, lite_weights, tmp_path, "--budget", "3")
    assert asked == [variants.MEASURED, 360, 360]


@pytest.fixture
def davis_with_val(data, tmp_path) -> Path:
    """A DAVIS folder whose lists train and val are disjoint."""
    davis = tmp_path / "DAVIS"
    shutil.copytree(data / "DAVIS", davis)
    for year in ("2016", "2017"):
        (davis / "ImageSets" / year / "train.txt").write_text("box\n")
        (davis / "ImageSets" / year / "val.txt").write_text("ball\n")
    return davis


@pytest.mark.parametrize("year", ["2016", "2017"])
def test_data_and_budget_are_enough_to_say(year, davis_with_val, tmp_path, monkeypatch):
    seen = []

    def play(source, dataset, rules, execution, out):
        seen.append((out, dataset.year, dataset.split, dataset.sequences))
        raise EOFError

    monkeypatch.setattr(variants, "seconds_per_step", lambda config, *, trial_steps: 0.5)
    monkeypatch.setattr(variants, "train_variant", lambda variant, config, watch: None)
    monkeypatch.setattr("ivos.bench.runner.run", play)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EOFError):
        main(["ablate", "table3", "--data", f"davis-{year}:{davis_with_val}", "--budget", "3"])
    assert seen == [(Path("out/ablations/without-local/bench"), int(year), "val", ("ball",))]
    assert (tmp_path / "out" / "ablations" / "plan.json").exists()


@pytest.mark.parametrize("source", ["folder:{photos}", "davis-2016,split=val:{davis}"])
def test_without_a_davis_source_that_leaves_the_list_davis_is_asked_for(source, data, davis_with_val, tmp_path, capsys):
    source = source.format(photos=data / "photos", davis=davis_with_val)
    assert main(["ablate", "table3", "--data", source, "--budget", "1", "--out", str(tmp_path / "out")]) == 2
    assert "--davis" in refusal(capsys)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "without"),
    [("davis-2016,split=val", "ball"), ("davis-2017,split=both,without=b?x", "b?x+ball"), ("davis-2017", "ball")],
)
@pytest.mark.parametrize("named", [True, False])
def test_what_is_scored_is_not_trained_on(options, without, named, davis_with_val, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(variants, "seconds_per_step", None)
    (davis_with_val / "ImageSets" / "2017" / "both.txt").write_text("box\nball\n")
    (davis_with_val / "ImageSets" / "2017" / "train.txt").write_text("ball\n")  # 2016's val has it, too
    sources = ("--data", f"davis-2016:{davis_with_val}", "--data", f"{options}:{davis_with_val}", "--budget", "1")
    scored = ("--davis", str(davis_with_val)) if named else ()
    assert main(["ablate", "table3", *sources, *scored, "--out", str(tmp_path / "out")]) == 2
    error = refusal(capsys)
    assert f"'{options}:{davis_with_val}' would train on ball, which the variants are scored on" in error
    assert f"without={without}, or" in error
    assert not (tmp_path / "out").exists()


def test_an_ablation_goes_on_with_what_it_was_scored_on_only(data, lite_weights, tmp_path, monkeypatch, capsys):
    def train(variant, config, watch):
        raise EOFError

    monkeypatch.setattr(variants, "seconds_per_step", lambda config, *, trial_steps: 0.5)
    monkeypatch.setattr(variants, "train_variant", train)
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    shutil.copytree(data / "DAVIS", elsewhere)
    for davis in (data / "DAVIS", elsewhere):
        with pytest.raises(EOFError):
            ablate("table3", data, lite_weights, out, "--davis", str(davis))
    mask, *_, other = sorted(elsewhere.rglob("Annotations/**/ball/*.png"))
    shutil.copy(other, mask)
    assert ablate("table3", data, lite_weights, out, "--davis", str(elsewhere)) == 2
    assert "another ablation: its dataset_digest is" in refusal(capsys)
    plan = json.loads((out / "plan.json").read_text())
    del plan["dataset_digest"]
    (out / "plan.json").write_text(json.dumps(plan))
    assert ablate("table3", data, lite_weights, out) == 2
    assert "older version, which did not note dataset_digest" in refusal(capsys)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--rows", "VII"), "'VII'; its variants are I, II, III, IV, V, VI"),
        (("--budget", "0"), "budget is 0.0 minutes"),
        (("--budget", "inf"), "budget is inf minutes"),
        (("--steps", "0"), "steps is 0"),
        (("--year", "2017", "--split", "val"), "val.txt"),
        (("--rounds", "20"), "20 rounds"),
        (("--sequences", "bxo"), "no sequence 'bxo'"),
        (("--init", "missing.safetensors"), "missing.safetensors"),
        (("--data", "nonsense"), "'nonsense' is no source"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_no_plan(more, says, data, lite_weights, tmp_path, capsys):
    out = tmp_path / "out"
    assert ablate("table3", data, lite_weights, out, *(() if "--budget" in more else ("--steps", "1")), *more) == 2
    assert says in refusal(capsys)
    assert not (out / "plan.json").exists()


def test_a_device_this_machine_lacks_leaves_no_folder(data, lite_weights, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert ablate("table3", data, lite_weights, tmp_path / "out", "--steps", "1", "--device", "cuda") == 2
    assert "'cuda' is not available" in refusal(capsys)
    assert not (tmp_path / "out").exists()


def test_every_variant_differs_from_the_proposed_one_in_one_value():
    for table in TABLES.values():
        *others, proposed = table
        for variant in others:
            differences = [
                variant.model.matching != proposed.model.matching,
                variant.model.local != proposed.model.local,
                variant.auxiliary != proposed.auxiliary,
            ]
            assert differences.count(True) == 1


def test_the_table_shows_what_was_not_run_as_a_dash():
    rows = [
        {"row": "I", "title": "a", "rounds": {"J": [0.25, 0.75]}},
        {"row": "II", "title": "b", "rounds": None},
    ]
    lines = ablation_table({"rounds": 2, "rows": rows}).splitlines()
    assert lines[2:] == ["| I | a | 0.250 | 0.750 | 0.500 |", "| II | b | - | - | - |"]
    assert TITLES.keys() == TABLES.keys()
