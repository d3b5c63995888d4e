"""`ModelConfig` as JSON and back, for the metadata of weights files."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, is_dataclass
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from ivos.errors import InputError, WeightsError
from ivos.model.config import ModelConfig

Config = TypeVar("Config")


def config_to_json(config: ModelConfig) -> str:
    """The config with all its values, as one JSON object."""
    return json.dumps(asdict(config))


def config_from_json(text: str) -> ModelConfig:
    """The config that `config_to_json` wrote; a field that the text lacks has its default.

    Raises:
        WeightsError: The text is not JSON, or has unknown fields, values of the wrong kind, or out of range.
    """
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise WeightsError(f"The weights file's config is not JSON ({error}); the file is damaged.") from error
    return _parse(ModelConfig, values, "config")


def _parse(kind: type[Config], values: object, where: str) -> Config:
    if not isinstance(values, dict):
        raise WeightsError(f"The weights file's {where} is {values!r}; expected an object.")
    hints = get_type_hints(kind)
    unknown = sorted(set(values) - set(hints))
    if unknown:
        raise WeightsError(
            f"The weights file's {where} has the unknown field {unknown[0]!r}; it comes from another version of ivos."
        )
    parsed = {name: _value(hints[name], value, f"{where}.{name}") for name, value in values.items()}
    try:
        return kind(**parsed)
    except InputError as error:
        raise WeightsError(f"The weights file's {where} cannot be used: {error}") from error
    except TypeError as error:
        needed = ", ".join(field.name for field in fields(kind) if field.name not in values)  # type: ignore[arg-type]
        raise WeightsError(f"The weights file's {where} lacks values; it has none for: {needed}.") from error


def _value(hint: Any, value: object, where: str) -> object:
    if is_dataclass(hint) and isinstance(hint, type):
        return _parse(hint, value, where)
    if get_origin(hint) is Literal:
        fits, expected = value in get_args(hint), f"one of {', '.join(map(repr, get_args(hint)))}"
    elif hint is float:
        fits, expected = isinstance(value, int | float) and not isinstance(value, bool), "a number"
    elif hint is int:
        fits, expected = isinstance(value, int) and not isinstance(value, bool) and value >= 0, "an integer >= 0"
    else:
        fits, expected = isinstance(value, hint), f"a {hint.__name__}"
    if not fits:
        raise WeightsError(f"The weights file's {where} is {value!r}; expected {expected}.")
    return value
