"""Decodes fuzzed pictures in a process with little memory: python fuzzed_pictures.py SEED COUNT; prints what happened.

Each is a small picture of one of eight kinds with some bytes changed, cut out or doubled. Whatever a decoder raises
must have become an ImageError; anything else ends this process, as does a decoder's crash.
"""

from __future__ import annotations

import io
import random
import resource
import sys
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from pose_contract.errors import ImageError
from stage_kit.pictures.images import decode_image

MEMORY = 2_000_000_000  # bytes of address space: a picture at the limit of 200 megapixels fits, twice that does not


def originals() -> list[bytes]:
    """One small picture of each kind, with EXIF where it has any."""
    sys.path.insert(0, str(Path(__file__).parents[2] / "stagekit/tests"))
    from heic_files import UPRIGHT

    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    wide = Image.fromarray(noise[..., 0].astype(np.uint16) * 257)
    kinds: list[tuple[str, Image.Image, dict[str, object]]] = [
        ("JPEG", Image.fromarray(noise), {"exif": exif}),
        ("JPEG", Image.fromarray(noise), {"progressive": True}),
        ("PNG", Image.fromarray(noise), {"exif": exif}),
        ("PNG", wide, {}),
        ("WEBP", Image.fromarray(noise), {"exif": exif}),
        ("BMP", Image.fromarray(noise), {}),
        ("GIF", Image.fromarray(noise), {}),
        ("TIFF", wide, {"compression": "tiff_lzw"}),
        ("TIFF", Image.fromarray(noise), {"compression": "tiff_adobe_deflate"}),
        ("AVIF", Image.fromarray(noise), {"exif": exif}),
    ]
    return [UPRIGHT, *(_saved(kind, picture, options) for kind, picture, options in kinds)]


def _saved(kind: str, picture: Image.Image, options: dict[str, object]) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def fuzzed(data: bytes, rng: random.Random) -> bytes:
    """The bytes with one to eight faults; the header is hit as often as all the rest."""
    spoilt = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(min(len(spoilt), 256) if rng.random() < 0.5 else len(spoilt))
        fault = rng.randrange(4)
        if fault == 0:
            spoilt[at] = rng.randrange(256)
        elif fault == 1:
            spoilt[at : at + 4] = rng.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff"])
        elif fault == 2:
            del spoilt[at : at + rng.randint(1, 64)]
        else:
            spoilt[at:at] = spoilt[at : at + rng.randint(1, 256)]
        if not spoilt:
            break
    return bytes(spoilt)


def main(seed: int, count: int) -> None:
    """Decodes `count` pictures."""
    warnings.simplefilter("ignore")  # Pillow's own of odd EXIF
    sources, rng = originals(), random.Random(seed)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    seen: Counter[str] = Counter()
    for number in range(count):
        try:
            decode_image(fuzzed(sources[number % len(sources)], rng))
        except ImageError as error:
            assert error.reason and error.remedy
            seen["refused"] += 1
        else:
            seen["read"] += 1
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000
    print(f"{seen['read']} read, {seen['refused']} refused, at most {peak_mb} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
