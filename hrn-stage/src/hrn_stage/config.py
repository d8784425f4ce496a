"""YAML experiment file + `KEY VALUE` overrides -> `HrnConfig`: typed, and a key it does not know is refused by name.

Defaults < file < command line. Nothing in the file is ever evaluated or executed.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped, unused-ignore]
from pydantic import BaseModel, ValidationError

from hrn_stage.config_keys import ExtraConfig, HrnConfig, ModelConfig, StageConfig
from hrn_stage.yaml_values import MOST_BYTES, yaml_value
from pose_contract.errors import ConfigError, UsageError
from stage_kit.regular_files import read_text

__all__ = ["ExtraConfig", "HrnConfig", "ModelConfig", "StageConfig", "read_config"]

COMMAND_LINE = "command line"

# What pydantic calls a mistake -> what was expected there.
_EXPECTED = {
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "tuple_type": "a list",
    "model_type": "a mapping of keys to values",
    "dict_type": "a mapping of keys to values",
}


def read_config(path: Path, overrides: Sequence[str] = ()) -> HrnConfig:
    """The experiment file at `path`, with `overrides` (KEY, VALUE, KEY, VALUE, ...) laid over it.

    A key is dotted (`TEST.FLIP_TEST`), a value is YAML or a Python-like tuple (`[192,256]`, `(192,256)`).

    Raises:
        ConfigError: the file is missing, unreadable, no YAML mapping, or holds an unknown key or a wrong value; the
            message names the file or "command line", the dotted key, what was expected and what was found.
        UsageError: an override without its value.
    """
    tree = _read_tree(path)
    overridden = _apply_overrides(tree, overrides)
    try:
        return HrnConfig.model_validate(tree)
    except ValidationError as error:
        raise _config_error(error, path, overridden) from None


def _read_tree(path: Path) -> dict[Any, Any]:
    remedy = "give --cfg an HRNet experiment file in YAML; the workspace template has one"
    try:
        tree = yaml_value(read_text(path, MOST_BYTES))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such configuration file", remedy) from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}", remedy) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text (byte {error.start})", "save the file as UTF-8") from None
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{path}: is not valid YAML: {_yaml_problem(error)}", "correct the file there") from None
    if not isinstance(tree, dict):
        got = "nothing" if tree is None else type(tree).__name__
        raise ConfigError(f"{path}: expected a mapping of keys to values, got {got}", remedy)
    return tree


def _yaml_problem(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).partition("\n")[0] or type(error).__name__
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}" if mark else problem


def _apply_overrides(tree: dict[Any, Any], overrides: Sequence[str]) -> frozenset[str]:
    """Lays the pairs over `tree` in place and returns the dotted keys they set."""
    if len(overrides) % 2:
        raise UsageError(
            f"{COMMAND_LINE}: {overrides[-1]!r} has no value", "overrides are pairs, e.g. TEST.FLIP_TEST False"
        )
    for dotted, text in zip(overrides[::2], overrides[1::2], strict=True):
        keys = dotted.split(".")
        annotation = _annotation(keys)
        if annotation is None:
            raise _unknown_key(COMMAND_LINE, dotted)
        section = tree
        for key in keys[:-1]:
            # A file that has a plain value where a section belongs is reported by the validation; so is `null`.
            section = section.setdefault(key, {})
            if not isinstance(section, dict):
                break
        else:
            section[keys[-1]] = text if annotation is str else _override_value(dotted, text)
    return frozenset(overrides[::2])


def _annotation(keys: Sequence[str]) -> Any:
    """The type of a dotted key; None if there is no such key."""
    model: type[BaseModel] = HrnConfig
    for depth, key in enumerate(keys):
        field = model.model_fields.get(key)
        if field is None:
            free = model.model_config.get("extra") == "allow" and bool(key)
            return object if free else None
        if depth == len(keys) - 1:
            return field.annotation
        if not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return None
        model = field.annotation
    return None


def _override_value(dotted: str, text: str) -> Any:
    stripped = text.strip()
    if stripped.startswith("(") and stripped.endswith(")"):
        stripped = f"[{stripped[1:-1]}]"
    try:
        return yaml_value(stripped)
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(
            f"{COMMAND_LINE}: {dotted}: {text!r:.80} is not a value: {_yaml_problem(error)}",
            "quote or correct the value",
        ) from None


def _config_error(error: ValidationError, path: Path, overridden: frozenset[str]) -> ConfigError:
    """The first mistake of a validation, in the user's words."""
    first = error.errors(include_url=False)[0]
    # List positions say less than the key and its value; the value is quoted whole.
    dotted = ".".join(str(part) for part in first["loc"] if isinstance(part, str))
    source = _source(dotted, path, overridden)
    if first["type"] in ("extra_forbidden", "invalid_key"):
        return _unknown_key(source, ".".join(str(part) for part in first["loc"] if part != "[key]"))
    if first["type"] == "misspelt_key":
        return _unknown_key(source, f"{dotted}.{first['ctx']['key']}")
    if first["type"] == "missing":
        return ConfigError(f"{source}: {dotted} is missing", "take it from the published file for this network")
    got = _shown(first["input"])
    if first["type"] == "value_error":
        reason = str(first["ctx"]["error"])
        if isinstance(first["input"], Mapping | BaseModel):
            return ConfigError(f"{source}: {dotted}: {reason}", f"correct {dotted}")
        return ConfigError(f"{source}: {dotted}: expected {reason}, got {got}", f"correct {dotted}")
    if first["type"] == "literal_error":
        expected = str(first["ctx"]["expected"])
    elif first["type"] == "greater_than_equal":
        expected = f"{first['ctx']['ge']} or more"
    elif first["type"] == "less_than_equal":
        expected = f"{first['ctx']['le']} or less"
    else:
        expected = _EXPECTED.get(first["type"], first["msg"])
    return ConfigError(f"{source}: {dotted}: expected {expected}, got {got}", f"correct {dotted}")


def _shown(value: Any) -> str:
    return "nothing" if value is None else f"{value!r:.80} ({type(value).__name__})"


def _source(dotted: str, path: Path, overridden: frozenset[str]) -> str:
    if any(dotted == key or dotted.startswith(f"{key}.") for key in overridden):
        return COMMAND_LINE
    # A disagreement between keys of one section may come from either.
    if any(key.startswith(f"{dotted}.") for key in overridden):
        return f"{path} with the {COMMAND_LINE}"
    return str(path)


def _unknown_key(source: str, dotted: str) -> ConfigError:
    near = _nearest_key(dotted)
    remedy = f"did you mean {near}?" if near else "take the key out; the workspace template has the usual ones"
    return ConfigError(f"{source}: unknown key {dotted}", remedy)


def _nearest_key(dotted: str) -> str | None:
    """The known key that a misspelt one most likely meant.

    A right name in the wrong section beats a similar name in the right one: MODEL.FLIP_TEST is TEST.FLIP_TEST.
    """
    known = list(_known_keys(HrnConfig))
    wanted = dotted.upper()
    section, _, leaf = wanted.rpartition(".")
    same_leaf = [key for key in known if key.rpartition(".")[2] == leaf]
    siblings = [key for key in known if key.rpartition(".")[0] == section]
    for candidates, cutoff in ((same_leaf, 0.0), (siblings, 0.7), (known, 0.6)):
        near = difflib.get_close_matches(wanted, candidates, n=1, cutoff=cutoff)
        if near:
            return near[0]
    return None


def _known_keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _known_keys(field.annotation, f"{prefix}{name}.")
