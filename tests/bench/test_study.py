"""The user study end to end: a scripted user, its clock, the CSV files, the report."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from ivos.bench.meter import Doing, Meter, StudyTimes
from ivos.bench.runner import Subset
from ivos.bench.study import COLUMNS, StudyRow, StudyVideo, read_rows, run_study, study_file, write_rows
from ivos.bench.study_files import broken_off_study, note_dataset
from ivos.bench.study_report import read_study, study_table, write_study_report
from ivos.cli import main
from ivos.cli.study import LineUser
from ivos.core.metrics import region_similarity
from ivos.core.robot import robot
from ivos.errors import InputError, OutputError, SessionOrderError
from ivos.io.davis import Davis
from ivos.io.scribble_files import ScribbleFile, write_scribbles
from ivos.model.atnet import ATNet, build
from ivos.model.config import PRESETS
from ivos.model.weights import read_digest, save_weights
from ivos.types import Annotation, Scribble


@pytest.fixture(scope="module")
def model() -> ATNet:
    return build(PRESETS["lite"]).eval()


class Stopwatch:
    """Advances by what the script says, and by two seconds for every round's masks."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def scripted(watch: Stopwatch, rounds: int) -> Callable[[StudyVideo], None]:
    """Looks for 7 s before the first press, draws for 3 s a round, finds the next frame in 5 s."""

    def user(video: StudyVideo) -> None:
        watch.now += 7
        for number in range(rounds):
            t = number % len(video.clip)
            video.select_frame(t)
            watch.now += 3
            wrong = robot(video.mask(t), video.clip.mask(t), range(1, video.num_objects + 1))
            preview = video.draw(wrong or [Scribble(0, [(0.99, 0.99)])])
            assert preview.shape == video.clip.frames.size
            video.run()
            watch.now += 5

    return user


def test_a_scripted_user_is_metered(model: ATNet, make_davis: Callable[..., Path], tmp_path: Path) -> None:
    davis = Davis(make_davis({"two": 2, "one": 1}), year=2017)
    watch = Stopwatch()
    file = study_file(tmp_path, "lite", "ann", datetime(2020, 8, 23, 9, 5, 7))
    assert file == tmp_path / "Alg[lite]_20200823_090507/result_ann.csv"
    rows = run_study(model, davis, scripted(watch, 3), file, watch)
    assert [(row.sequence, row.object_id) for row in rows] == [("one", 1), ("two", 1), ("two", 2)]
    for row in rows:
        assert row.rounds == 3
        assert (row.scribble_seconds, row.operation_seconds, row.finding_seconds) == (9, 0, 15)
        assert row.total_seconds == 24
        assert 0 <= row.j <= 1
        assert 0 <= row.f <= 1
    assert file.read_text().splitlines()[0] == ",".join(COLUMNS)
    assert read_rows(file) == rows


def test_a_study_that_was_broken_off_goes_on_with_its_next_sequence(
    model: ATNet, make_davis: Callable[..., Path], tmp_path: Path
) -> None:
    davis, file, watch = Davis(make_davis({"two": 2, "one": 1}), year=2017), tmp_path / "result_ann.csv", Stopwatch()
    done = scripted(watch, 1)

    def leaves(video: StudyVideo) -> None:
        if video.clip.name == "two":
            raise KeyboardInterrupt
        done(video)

    with pytest.raises(KeyboardInterrupt):
        run_study(model, davis, leaves, file, watch)
    first = read_rows(file)
    assert [row.sequence for row in first] == ["one"]
    played: list[str] = []

    def goes_on(video: StudyVideo) -> None:
        played.append(video.clip.name)
        done(video)

    rows = run_study(model, davis, goes_on, file, watch)
    assert played == ["two"]
    assert rows[:1] == first
    assert [row.sequence for row in read_rows(file)] == ["one", "two", "two"]


def test_final_scores_are_those_of_the_masks(model: ATNet, make_davis: Callable[..., Path]) -> None:
    clip = Davis(make_davis({"two": 2}))["two"]
    video = StudyVideo(model, clip, Stopwatch())
    video.select_frame(0)
    video.draw(robot(np.zeros_like(clip.mask(0)), clip.mask(0), (1, 2)))
    video.run()
    rows = video.satisfied()
    for row in rows:
        pairs = [(video.mask(t) == row.object_id, clip.mask(t) == row.object_id) for t in range(len(clip))]
        assert row.j == pytest.approx(np.mean([region_similarity(*pair) for pair in pairs]), abs=1e-12)


def test_wrong_order_is_refused(model: ATNet, make_davis: Callable[..., Path], tmp_path: Path) -> None:
    davis = Davis(make_davis({"one": 1}))
    video = StudyVideo(model, davis["one"])
    stroke = Scribble(1, [(0.2, 0.2)])
    with pytest.raises(SessionOrderError, match="No frame is selected"):
        video.draw([stroke])
    with pytest.raises(SessionOrderError, match="Nothing was drawn"):
        video.run()
    with pytest.raises(SessionOrderError, match="'satisfied' cannot follow 'ready'"):
        video.satisfied()
    with pytest.raises(InputError, match="no frame 6"):
        video.select_frame(6)
    video.select_frame(2)
    with pytest.raises(SessionOrderError, match="'scribble' cannot follow 'scribble'"):
        video.select_frame(3)
    with pytest.raises(SessionOrderError, match="left 'one'"):
        run_study(model, davis, lambda video: video.select_frame(0), tmp_path / "x.csv")
    for name in ("", "a/b", "..", '"', "x" * 101):
        with pytest.raises(InputError, match="user's name"):
            study_file(tmp_path, "lite", name, datetime(2020, 1, 1))


def test_a_round_that_broke_off_costs_its_time_and_does_not_count() -> None:
    meter = Meter()
    with pytest.raises(SessionOrderError, match="'ready'"):
        meter.broken_off(0.0)
    meter.scribble(0.0)
    meter.operate(2.0)
    meter.broken_off(5.0)
    assert meter.doing is Doing.SCRIBBLE
    meter.operate(6.0)
    meter.find(8.0)
    meter.satisfied(9.0)
    assert meter.times == StudyTimes(rounds=1, scribble_seconds=3.0, operation_seconds=5.0, finding_seconds=1.0)


def test_the_meter_refuses_a_clock_that_runs_backwards() -> None:
    meter = Meter()
    assert meter.times == StudyTimes()
    meter.scribble(5)
    for now in (4.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="clock"):
            meter.operate(now)


def test_the_report_averages_videos_then_users(tmp_path: Path) -> None:
    header = ",".join(COLUMNS)
    for method, user, lines in (
        ("lite", "ann", ["a,1,1,0.5,0.25,2,1,3,6", "b,1,3,1,1,4,3,5,12", "b,2,3,0,0,4,3,5,12"]),
        ("lite", "bob", ["a,1,2,0.5,0.75,6,2,4,12"]),
        ("mine", "ann", ["a,1,1,1,1,1,1,1,3"]),
    ):
        file = tmp_path / f"Alg[{method}]_20200823_090507/result_{user}.csv"
        file.parent.mkdir(exist_ok=True)
        file.write_text("\n".join([header, *lines]) + "\n")
    figures = read_study([tmp_path])
    assert list(figures) == ["lite", "mine"]
    lite = figures["lite"]
    assert (lite.users, lite.videos, lite.seconds, lite.rounds) == (("ann", "bob"), 3, 10, 2)
    assert (lite.j, lite.f) == (0.5, 0.5)
    assert lite.activities == {"scribble": 4, "operate": 2, "find": 4}
    assert "| lite | 2 | 3 | 10.0 | 2.00 | 0.500 | 0.500 | 4.0 | 2.0 | 4.0 |" in study_table(figures)
    write_study_report(tmp_path / "report", figures)
    assert {file.name for file in (tmp_path / "report").iterdir()} == {"study.md", "figure7.png", "figure7.svg"}


def test_two_sessions_of_one_user_are_videos_of_their_own(tmp_path: Path) -> None:
    for day, line in ((1, "bear,1,1,0.5,0.5,2,1,7,10"), (2, "bear,1,5,0.9,0.9,50,25,25,100")):
        file = tmp_path / f"Alg[lite]_2020082{day}_090507/result_ann.csv"
        file.parent.mkdir()
        file.write_text(",".join(COLUMNS) + f"\n{line}\n")
    lite = read_study([tmp_path])["lite"]
    assert (lite.users, lite.videos, lite.seconds, lite.rounds) == (("ann",), 2, 55, 3)
    assert lite.j == pytest.approx(0.7)


def test_a_study_goes_on_with_its_own_data_set_only(make_davis: Callable[..., Path], tmp_path: Path) -> None:
    root = make_davis({"one": 1, "two": 1})
    both = Davis(root)
    file = study_file(tmp_path, "lite", "ann", datetime(2020, 8, 23))
    write_rows(file, [StudyRow("one", 1, 1, 0.5, 0.5, 1.0, 1.0, 1.0, 3.0)])
    note_dataset(file, both)
    assert broken_off_study(tmp_path, "lite", "ann", both) == file
    assert broken_off_study(tmp_path, "lite", "ann", Subset(both, ("one", "two"))) is None


def test_a_study_goes_on_with_its_own_weights_only(
    model: ATNet, make_davis: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    davis, watch = Davis(make_davis({"one": 1, "two": 1})), Stopwatch()
    file = study_file(tmp_path, "weights", "ann", datetime(2020, 8, 23))
    monkeypatch.setattr(model, "digest", "abc")
    with pytest.raises(SessionOrderError, match="left 'two'"):
        run_study(model, davis, lambda video: scripted(watch, video.clip.name == "one")(video), file, watch)
    assert broken_off_study(tmp_path, "weights", "ann", davis, "abc") == file
    assert broken_off_study(tmp_path, "weights", "ann", davis, "def") is None
    monkeypatch.setattr(model, "digest", "def")
    with pytest.raises(InputError, match=r"says that the study's weights is abc, now it is def; give another folder"):
        run_study(model, davis, scripted(watch, 1), file, watch)
    with pytest.raises(InputError, match=r"study's dataset is DAVIS-2017 val, now it is DAVIS-2017 val: one; give"):
        run_study(model, Subset(davis, ("one",)), scripted(watch, 1), file, watch)


def test_rows_without_a_note_are_not_said_to_be_of_these_weights(
    model: ATNet, make_davis: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "result_ann.csv"
    monkeypatch.setattr(model, "digest", "abc")
    write_rows(file, [StudyRow("one", 1, 1, 0.5, 0.5, 1.0, 1.0, 1.0, 3.0)])
    run_study(model, Davis(make_davis({"one": 1})), scripted(Stopwatch(), 1), file)
    assert json.loads((tmp_path / "study.json").read_text()) == {"dataset": "DAVIS-2017 val"}


def test_a_round_that_failed_can_be_run_again(model: ATNet, make_davis: Callable[..., Path]) -> None:
    davis = Davis(make_davis({"one": 1}))
    video = StudyVideo(model, davis["one"])
    video.select_frame(1)
    video.draw([Scribble(1, [(0.2, 0.2)])])
    (unreadable,) = davis.root.rglob("JPEGImages/**/one/00004.*")
    content = unreadable.read_bytes()
    unreadable.write_bytes(b"")
    with pytest.raises(InputError):
        video.run()
    unreadable.write_bytes(content)
    video.run()
    assert [row.rounds for row in video.satisfied()] == [1]


def test_the_report_keeps_data_sets_and_weights_apart(tmp_path: Path) -> None:
    def study(number: int, seconds: float, note: dict[str, str] | None) -> None:
        file = study_file(tmp_path, "lite", "ann", datetime(2020, 8, number))
        write_rows(file, [StudyRow("bear", 1, 1, 0.5, 0.5, seconds, 0.0, 0.0, seconds)])
        if note is not None:
            (file.parent / "study.json").write_text(json.dumps(note))

    study(1, 10, {"dataset": "DAVIS-2016 val"})
    study(2, 30, {"dataset": "DAVIS-2016 val"})
    assert {name: each.seconds for name, each in read_study([tmp_path]).items()} == {"lite": 20}
    study(3, 100, {"dataset": "DAVIS-2017 val"})
    study(4, 7, None)
    assert {name: each.seconds for name, each in read_study([tmp_path]).items()} == {
        "lite, DAVIS-2016 val": 20,
        "lite, DAVIS-2017 val": 100,
        "lite, data set not noted": 7,
    }
    study(3, 100, {"dataset": "DAVIS-2016 val", "weights": "12" * 32})
    study(4, 7, {"dataset": "DAVIS-2016 val", "weights": ""})
    assert {name: each.seconds for name, each in read_study([tmp_path]).items()} == {
        "lite, untrained": 7,
        "lite, weights 121212121212": 100,
        "lite, weights not noted": 20,
    }
    assert "| lite, untrained | 1 | 1 | 7.0 |" in study_table(read_study([tmp_path]))


def test_bad_results(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no study result to report"):
        read_study([tmp_path])
    with pytest.raises(InputError, match="There is no study result"):
        read_study([tmp_path / "none.csv"])
    file = tmp_path / "result_x.csv"
    file.write_text("a,b\n")
    with pytest.raises(InputError, match="first line"):
        read_study([file])
    file.write_text(",".join(COLUMNS) + "\none,1,1,0.5\n")
    with pytest.raises(InputError, match="row is damaged"):
        read_study([file])
    write_rows(file, [])
    with pytest.raises(InputError, match="hold no row"):
        read_study([file])


def test_the_command_follows_lines(
    model: ATNet,
    make_davis: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weights, strokes = tmp_path / "mine.safetensors", tmp_path / "strokes.json"
    save_weights(model, weights, card={})
    drawn = Annotation(1, [Scribble(1, [(0.1, 0.1), (0.2, 0.2)])])
    write_scribbles(strokes, ScribbleFile("one", 6, (drawn,)))
    root = make_davis({"one": 1}, year=2016)
    arguments = ["study", str(root), "--user", "ann", "--model", str(weights), "--out", str(tmp_path / "r")]
    assert main([*arguments, "--device", "toaster"]) == 2
    assert "toaster" in capsys.readouterr().err
    lines = f"satisfied\nframe 0\ndraw {strokes}\nhop\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert "no stroke on the selected frame (0)" in captured.out
    assert "'hop ' cannot be done" in captured.out
    assert "ended before 'one' was finished" in captured.err
    monkeypatch.setattr("sys.stdin", io.StringIO(f"frame 1\ndraw {strokes}\nrun\nsatisfied\n"))
    assert main(arguments) == 0
    (file,) = (tmp_path / "r").glob("Alg*/result_ann.csv")
    (row,) = read_rows(file)
    assert (row.sequence, row.rounds) == ("one", 1)
    assert len(list((file.parent / "masks/one").iterdir())) == 6
    text = file.read_text()
    write_scribbles(strokes, ScribbleFile("three", 6, (drawn,)))
    arguments[1] = str(make_davis({"one": 1, "three": 1}, year=2016))
    monkeypatch.setattr("sys.stdin", io.StringIO(f"frame 1\ndraw {strokes}\nrun\nsatisfied\n"))
    assert main(arguments) == 0  # goes on in the same file with what is missing
    assert [row.sequence for row in read_rows(file)] == ["one", "three"]
    assert file.read_text().startswith(text)
    assert main(["study", "report", str(tmp_path / "r"), "--out", str(tmp_path / "report")]) == 0
    said = capsys.readouterr().out
    assert f"The study goes on in {file}" in said
    assert "| mine | 1 | 2 |" in said
    assert (tmp_path / "report/figure7.svg").is_file()


def test_the_command_begins_anew_with_other_weights_of_the_same_name(
    model: ATNet,
    make_davis: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weights = tmp_path / "weights.safetensors"
    save_weights(model, weights, card={})
    file = study_file(tmp_path, "weights", "ann", datetime(2020, 8, 23))
    write_rows(file, [StudyRow("one", 1, 1, 0.5, 0.5, 1.0, 1.0, 1.0, 3.0)])
    (file.parent / "study.json").write_text(json.dumps({"dataset": "DAVIS-2016 val", "weights": "other"}))
    root = make_davis({"one": 1, "two": 1}, year=2016)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main(["study", str(root), "--user", "ann", "--model", str(weights), "--out", str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert "ended before 'one' was finished" in captured.err
    (begun,) = set(tmp_path.glob("Alg*/study.json")) - {file.parent / "study.json"}
    assert json.loads(begun.read_text()) == {"dataset": "DAVIS-2016 val", "weights": read_digest(weights)}
    assert f"The study begins in {begun.parent}" in captured.out


def test_strokes_of_another_sequence_are_not_drawn(
    model: ATNet, make_davis: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = StudyVideo(model, Davis(make_davis({"one": 2}, year=2016), year=2016)["one"])
    strokes = Annotation(1, [Scribble(2, [(0.1, 0.1), (0.2, 0.2)])])
    files = [tmp_path / name for name in ("other.json", "short.json", "good.json")]
    for file, content in zip(files, (("two", 6), ("one", 4), ("one", 6)), strict=True):
        write_scribbles(file, ScribbleFile(*content, (strokes,)))
    lines = ["frame 1", f"draw {files[0]}", "run", f"draw {files[1]}", "run", f"draw {files[2]}", "run", "satisfied"]
    LineUser(tmp_path / "masks", iter(lines))(video)
    said = capsys.readouterr().out
    assert f"'{files[0]}' is for 'two'; expected 'one'" in said
    assert f"'{files[1]}' has 4 frames; 'one' has 6" in said
    assert said.count("Nothing was drawn") == 2
    assert video.satisfied()[0].rounds == 1  # the strokes of all objects are those of the one of DAVIS-2016


def test_masks_are_waited_for_until_they_are_written(
    model: ATNet,
    make_davis: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watch = Stopwatch()
    video = StudyVideo(model, Davis(make_davis({"one": 1}))["one"], watch)
    strokes = tmp_path / "strokes.json"
    write_scribbles(strokes, ScribbleFile("one", 6, (Annotation(1, [Scribble(1, [(0.1, 0.1), (0.2, 0.2)])]),)))

    def write(folder: Path, masks: object) -> None:
        watch.now += 4
        if video.meter.times.rounds == 2:
            raise OutputError("The disk is full.")

    monkeypatch.setattr("ivos.io.exports.write_masks", write)
    LineUser(tmp_path, iter([*(["frame 1", f"draw {strokes}", "run"] * 2), "satisfied"]))(video)
    assert "Round 1: masks in" in capsys.readouterr().out
    (row,) = video.satisfied()
    assert (row.rounds, row.scribble_seconds, row.operation_seconds, row.finding_seconds) == (2, 0, 8, 0)
