"""The folder of a run: one file a finished sample, so that an interrupted run goes on where it was.

`run.json` says what was run; `samples/SEQUENCE.001.json` holds a result, `samples/SEQUENCE.001.worst-00012.png` its
worst frames.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ivos.bench.first_round import read_truth
from ivos.bench.rules import Rules
from ivos.bench.sample import RoundResult, Sample, SampleResult
from ivos.bench.segmenters import UNKNOWN, Source
from ivos.errors import InputError
from ivos.io.atomic import atomic_write, make_folder
from ivos.io.masks import read_mask, write_mask


class Store:
    """Results of one method under one set of rules."""

    def __init__(self, folder: str | Path, source: Source, rules: Rules, dataset: str) -> None:
        """Make the folder, or take up the run in it.

        Args:
            folder: Where the run is kept.
            source: The method.
            rules: Of the protocol.
            dataset: Name of the data set and its part.

        Raises:
            InputError: The folder holds another run, or one of a method that nothing tells apart from others.
            OutputError: It cannot be written to.
        """
        identity = {
            "method": source.name,
            "digest": source.digest,
            "dataset": dataset,
            "rules": json.loads(json.dumps(asdict(rules))),
        }
        self.folder = make_folder(folder)
        self._samples = make_folder(self.folder / "samples")
        file = self.folder / "run.json"
        if file.exists():
            _check_same(_read_json(file), identity, self.folder)
            if identity["digest"] == UNKNOWN:
                raise InputError(
                    f"The folder '{folder}' holds results of '{source.name}', and nothing tells whether that was the "
                    "same method: it cannot be pickled, or has no source. Use another output folder, or define the "
                    "method at the top level of a module."
                )
        else:
            write_json(file, identity)

    def load(self, sample: Sample) -> SampleResult | None:
        """The stored result of a sample that finished without failing, else None.

        Raises:
            InputError: The stored file is damaged, or of a sample of that name with other files.
        """
        file = self._file(sample.clip.name, sample.scribble_idx)
        if not file.exists():
            return None
        content = _read_json(file)
        try:
            result = _from_json(content, len(sample.clip), self._picture_name)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"The stored result '{file}' is damaged ({error!r}); delete it and run again.") from error
        if result.error is not None:
            return None
        older = f"'{file}' was kept by an older version, which"
        again = "Use another output folder, or delete that file to have the sequence played again."
        if "files" not in content:
            raise InputError(f"{older} did not note what it was played on. {again}")
        if content["files"] != sample.digest():
            raise InputError(
                f"'{file}' is the result of other images, masks or first strokes than those that '{sample.clip.name}' "
                f"has now. {again}"
            )
        if "object_ids" not in content and read_truth(sample.clip).object_ids != result.object_ids:
            raise InputError(f"{older} also scored ids that are in no true mask. {again}")
        return result

    def save(self, sample: Sample, result: SampleResult) -> None:
        """Keep the result of a sample.

        Raises:
            InputError: A file of the sample, which was played, can no longer be read.
            OutputError: The disk is full or the folder not writable.
        """
        files = sample.digest() if result.error is None else None
        for t, mask in result.worst:
            write_mask(self._picture_name(result.sequence, result.scribble_idx, t), mask)
        write_json(self._file(result.sequence, result.scribble_idx), {**_to_json(result), "files": files})

    def _file(self, sequence: str, scribble_idx: int) -> Path:
        return self._samples / f"{sequence}.{scribble_idx:03d}.json"

    def _picture_name(self, sequence: str, scribble_idx: int, t: int) -> Path:
        return self._samples / f"{sequence}.{scribble_idx:03d}.worst-{t:05d}.png"


def write_json(file: Path, content: Mapping[str, Any]) -> None:
    """Write JSON with one key a line on the first levels, whole or not at all."""
    with atomic_write(file) as out:
        out.write((json.dumps(content, indent=1) + "\n").encode())


def _read_json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"'{file}' cannot be read ({error}); delete it or use another output folder.") from error
    if not isinstance(content, dict):
        raise InputError(f"'{file}' is no result of this program; use another output folder.")
    return content


def _check_same(stored: dict[str, Any], identity: dict[str, Any], folder: Path) -> None:
    for key, wanted in identity.items():
        if stored.get(key) != wanted:
            raise InputError(
                f"The folder '{folder}' holds another run: its {key} is {stored.get(key)}, now it is {wanted}. "
                "Use another output folder, or delete this one."
            )


def _to_json(result: SampleResult) -> dict[str, Any]:
    return {
        "sequence": result.sequence,
        "scribble_idx": result.scribble_idx,
        "object_ids": list(result.object_ids),
        "masked_frames": list(result.masked_frames),
        "error": result.error,
        "over_budget": result.over_budget,
        "is_human": result.is_human,
        "machine": dict(result.machine),
        "worst_frames": [t for t, _ in result.worst],
        "rounds": [
            {
                "frames": list(each.frames),
                "seconds": each.seconds,
                "split": dict(each.split),
                "jf": each.scores.tolist(),
            }
            for each in result.rounds
        ],
    }


def _from_json(content: dict[str, Any], num_frames: int, picture: Any) -> SampleResult:
    name, index = content["sequence"], content["scribble_idx"]
    ids = tuple(content.get("object_ids") or range(1, content["num_objects"] + 1))  # older versions kept their number
    shape = (len(content["masked_frames"]), len(ids), 2)
    rounds = tuple(
        RoundResult(
            tuple(each["frames"]), np.array(each["jf"], np.float64).reshape(shape), each["seconds"], each["split"]
        )
        for each in content["rounds"]
    )
    return SampleResult(
        name,
        index,
        ids,
        num_frames,
        tuple(content["masked_frames"]),
        rounds,
        content["error"],
        content["over_budget"],
        tuple((t, read_mask(picture(name, index, t))) for t in content["worst_frames"]),
        content["is_human"],
        content.get("machine", {}),
    )
