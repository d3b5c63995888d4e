"""`ivos ablate`: the paper's Tables 3 and 4 at the scale of `lite`, trained and scored variant by variant."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from ivos.cli.console import say
from ivos.errors import InputError

if TYPE_CHECKING:
    from ivos.bench.report import Report
    from ivos.bench.rules import Rules
    from ivos.bench.runner import Dataset
    from ivos.train.settings import TnetTraining
    from ivos.train.variants import Variant

TITLES = {
    "table3": "Table 3: the local transfer and the auxiliary loss",
    "table4": "Table 4: transfers against matching",
}
PLAN, ROW = "plan.json", "row.json"
YEARS = {"davis-2016": 2016, "davis-2017": 2017}


@dataclass(frozen=True, kw_only=True)
class AblateFlags:
    """What is trained, on what it is scored, and where it is kept."""

    data: Annotated[tuple[str, ...], tyro.conf.UseAppendAction]
    """Training data as KIND:PATH, one or more, as `ivos train` takes them."""
    davis: Path | None = None
    """Folder in the DAVIS layout on which the variants are scored; no DAVIS source may train on a sequence of it.
    None: the folder of the first davis-2016 or davis-2017 in --data that trains on another list than --split."""
    out: Path = Path("out/ablations")
    """Folder of everything; the same command goes on there after an interruption."""
    budget: float = 60.0
    """Minutes of training for each variant: how many steps of the proposed one fit is measured once, and all variants
    take as many."""
    steps: int | None = None
    """Steps for each variant, instead of a budget."""
    init: Path | None = None
    """Weights of preset lite whose encoder and A-Net all variants start from; None: the bundled ones."""
    rows: tuple[str, ...] = ()
    """Only these variants of the table, such as I VI; the others are shown as -. None given: all."""
    split: str = "val"
    """Part of the data set."""
    year: Literal[2016, 2017] | None = None
    """DAVIS-2016 (one object) or DAVIS-2017; None: that of the source whose folder it is, 2016 with --davis."""
    sequences: tuple[str, ...] = ()
    """Only these sequences."""
    rounds: int = 8
    """Rounds of a sample, 1 to 16."""
    batch: int | None = None
    """Samples in a batch, instead of the recipe's."""
    crop: int | None = None
    """Side of a training sample in pixels, instead of the recipe's."""
    seed: int = 0
    """Of initialisation, samples and the robot."""
    workers: int = 1
    """Processes that prepare samples, and that play samples of the benchmark."""
    device: Literal["cpu", "cuda", "mps"] = "cpu"
    """Where it is trained and scored."""
    checkpoint_steps: int = 100
    """Steps between two checkpoints."""


def ablate(
    table: Annotated[Literal["table3", "table4"], tyro.conf.Positional, tyro.conf.arg(metavar="TABLE")],
    flags: AblateFlags,
) -> None:
    """Train and score the variants of the paper's Table 3 or 4 with equal budgets, from the same A-Net.

    Writes TABLE.json and TABLE.md with the mean J of every round.

    Args:
        table: table3 (no local transfer, rear features, lambda = 0, 0.5, 1, 0.1) or table4 (nearest-distance maps from
            the scribbles or from A-Net's prediction instead of the two transfers).
        flags: The rest.
    """
    try:
        from ivos.train.variants import TABLES
    except ModuleNotFoundError as error:
        raise InputError(f"Training needs {error.name}, which is not installed: pip install 'ivos[train]'.") from error
    from ivos.model.weights import device_called

    device_called(flags.device)
    if not 0 < flags.budget < math.inf:
        raise InputError(f"The budget is {flags.budget} minutes; expected a number above 0.")
    variants = TABLES[table]
    unknown = sorted(set(flags.rows) - {variant.row for variant in variants})
    if unknown:
        known = ", ".join(variant.row for variant in variants)
        raise InputError(f"{table} has no variant {unknown[0]!r}; its variants are {known}.")
    dataset = _dataset(flags)
    rules = _scoring_rules(flags, dataset)
    config, plan = _plan(flags, dataset)
    for variant in variants:
        if not flags.rows or variant.row in flags.rows:
            figures = _figures(variant, config, dataset, rules, flags)
            _write_table(table, plan, flags.out)
            say(f"{variant.row}, {variant.title}: J " + " ".join(f"{j:.3f}" for j in figures["rounds"]["J"]))
    say(f"The table is {flags.out / table}.md")


def _plan(flags: AblateFlags, dataset: Dataset) -> tuple[TnetTraining, dict[str, Any]]:
    """What every variant is trained with; its steps are measured when the folder is new and kept in plan.json."""
    from ivos.bench.runner import dataset_name
    from ivos.bench.segmenters import NamedSource
    from ivos.bench.store import write_json
    from ivos.model.weights import BUNDLED
    from ivos.train.settings import TnetTraining

    init = BUNDLED / "lite.safetensors" if flags.init is None else flags.init
    config = TnetTraining(
        data=flags.data,
        out=flags.out,
        init=init,
        steps=flags.steps,
        batch=flags.batch,
        crop=flags.crop,
        seed=flags.seed,
        workers=flags.workers,
        devices=1,
        accelerator=flags.device,
        checkpoint_steps=flags.checkpoint_steps,
    )
    settings = {
        "data": list(flags.data),
        "init": "the bundled weights" if flags.init is None else init.name,
        "init_digest": NamedSource(str(init)).digest,
        "dataset": dataset_name(dataset),
        "dataset_digest": _digest(dataset),
        "rounds": flags.rounds,
        "seed": flags.seed,
        "batch": flags.batch,
        "crop": flags.crop,
        "budget_minutes": None if flags.steps is not None else flags.budget,
    }
    plan = _read(flags.out / PLAN)
    if plan is None:
        plan = {**settings, "steps": _steps(flags, config)}
        write_json(flags.out / PLAN, plan)
    _check_same(plan, settings if flags.steps is None else {**settings, "steps": flags.steps}, flags.out)
    return replace(config, steps=int(plan["steps"])), plan


def _steps(flags: AblateFlags, config: TnetTraining) -> int:
    """The steps that were asked for or fit into the budget; a trial shows first that the settings can be trained."""
    from ivos.train.variants import MEASURED, seconds_per_step

    if flags.steps is not None:
        seconds_per_step(config, trial_steps=1)
        return flags.steps
    seconds = seconds_per_step(config, trial_steps=MEASURED)
    steps = max(1, round(60 * flags.budget / seconds))
    say(f"A step takes {seconds:.2f} s here: {steps} steps for each variant.")
    return steps


def _digest(dataset: Dataset) -> str:
    """Tells the files that are scored on from others, wherever they lie."""
    from ivos.bench.runner import list_samples

    files = [(sample.clip.name, sample.digest()) for sample in list_samples(dataset)]
    return hashlib.sha256(json.dumps(files).encode()).hexdigest()


def _check_same(kept: Mapping[str, Any], settings: Mapping[str, Any], folder: Path) -> None:
    for name, value in settings.items():
        if name not in kept:
            raise InputError(f"{folder / PLAN} is of an older version, which did not note {name}. Give another folder.")
        if kept[name] != value:
            raise InputError(
                f"{folder} holds another ablation: its {name} is {kept[name]}, now it is {value}."
                " Give the same settings to go on with it, or another folder."
            )


def _figures(
    variant: Variant, config: TnetTraining, dataset: Dataset, rules: Rules, flags: AblateFlags
) -> dict[str, Any]:
    """A variant's figures, from its row.json; without that it is trained, unless its weights are there, and scored."""
    from ivos.bench.store import write_json
    from ivos.cli.training import progress_bar
    from ivos.model.weights import read_card
    from ivos.train.run import WEIGHTS
    from ivos.train.variants import train_variant

    folder = flags.out / variant.key
    kept = _read(folder / ROW)
    if kept is not None:
        return kept
    if not (folder / WEIGHTS).exists():
        with progress_bar(f"Training {variant.row}") as show:
            train_variant(variant, replace(config, out=folder), show)
    report = _scored(variant, folder / WEIGHTS, dataset, rules, flags)
    card = read_card(folder / WEIGHTS)["t-net"]
    figures = {
        **{name: card[name] for name in ("steps_done", "hours", "hardware", "precision")},
        "rounds": report.summary["rounds"],
        "machine": report.summary["run"]["machine"],
    }
    write_json(folder / ROW, figures)
    return figures


def _scoring_rules(flags: AblateFlags, dataset: Dataset) -> Rules:
    """The benchmark's rules; refuses what it would, and to score on what is trained on, before an hour of training."""
    from ivos.bench.figures import check_figures
    from ivos.bench.rules import Rules
    from ivos.io.davis import Davis
    from ivos.train.data import DataSpec

    check_figures()
    for text in flags.data:
        spec = DataSpec.parse(text)
        if spec.kind in YEARS:
            trained = spec.kept(Davis(spec.path, split=spec.split, year=YEARS[spec.kind]).sequences)
            both = [name for name in trained if name in dataset.sequences]  # DAVIS-2016's are in DAVIS-2017, too
            if both:
                raise InputError(
                    f"The source {text!r} would train on {', '.join(both)}, which the variants are scored on; leave out"
                    f" what is scored with without={'+'.join((*spec.without, *both))}, or score on other --sequences."
                )
    return Rules(flags.rounds, None, "J", seed=flags.seed)


def _scored(variant: Variant, weights: Path, dataset: Dataset, rules: Rules, flags: AblateFlags) -> Report:
    from ivos.bench.execution import Execution
    from ivos.bench.runner import run
    from ivos.bench.segmenters import NamedSource

    source = NamedSource(str(weights), flags.device)
    report = run(source, dataset, rules, Execution(max(1, flags.workers)), weights.parent / "bench")
    if report.failed:
        first = report.failed[0]
        raise InputError(
            f"{len(report.failed)} of {len(report.results)} samples failed with variant {variant.row};"
            f" {first.sequence}: {first.error} The same command scores them again."
        )
    return report


def _write_table(table: str, plan: Mapping[str, Any], out: Path) -> None:
    """Write TABLE.json and TABLE.md of all variants that the folder has; the others have no figures."""
    from ivos.bench.ablation import ablation_page
    from ivos.bench.report import write_text
    from ivos.bench.store import write_json
    from ivos.train.variants import TABLES

    rows = []
    for variant in TABLES[table]:
        local = asdict(variant.model.local)
        values = {"matching": variant.model.matching, "local": local, "lambda": variant.auxiliary}
        figures = _read(out / variant.key / ROW) or {"rounds": None}
        rows.append({"row": variant.row, "key": variant.key, "title": variant.title, **values, **figures})
    content = {"title": TITLES[table], **plan, "rows": rows}
    write_json(out / f"{table}.json", content)
    write_text(out / f"{table}.md", ablation_page(content))


def _read(file: Path) -> dict[str, Any] | None:
    """The JSON object in a file, None if there is no file."""
    if not file.exists():
        return None
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read ({error}); delete it, or give another folder.") from error
    if not isinstance(content, dict):
        raise InputError(f"{file} is nothing that this command wrote; delete it, or give another folder.")
    return content


def _dataset(flags: AblateFlags) -> Dataset:
    """What the variants are scored on."""
    from ivos.bench.runner import Subset
    from ivos.io.davis import Davis
    from ivos.train.data import DataSpec

    folder, year = flags.davis, 2016
    if folder is None:
        left = [spec for spec in map(DataSpec.parse, flags.data) if spec.kind in YEARS and spec.split != flags.split]
        if not left:
            raise InputError(
                f"--data has no davis-2016 or davis-2017 that leaves the list '{flags.split}' to score on; give the"
                " folder of a DAVIS data set with --davis."
            )
        folder, year = left[0].path, YEARS[left[0].kind]
    whole = Davis(folder, split=flags.split, year=flags.year or year)
    return Subset(whole, flags.sequences) if flags.sequences else whole
