"""The flags that every stage has."""

from __future__ import annotations

import argparse


def add_network_flags(group: argparse._ArgumentGroup, engines: tuple[str, ...]) -> None:
    """--weights, --engine, --precision and --device."""
    for flag, choices in (
        ("weights", ("auto", "published", "lite")),
        ("engine", ("auto", *engines)),
        ("precision", ("auto", "fp32", "bf16", "int8")),
        ("device", ("auto", "cpu", "cuda")),
    ):
        group.add_argument(f"--{flag}", choices=choices, default="auto", help="(default: auto)")


def add_run_flags(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """--overwrite, --keep_going and --quiet."""
    group = parser.add_argument_group("run")
    group.add_argument("--overwrite", action="store_true", help="do all images anew, except corrected records")
    group.add_argument("--keep_going", action="store_true", help="exit 0 even if some images failed; the report tells")
    group.add_argument("--quiet", action="store_true", help="errors only")
    return group
