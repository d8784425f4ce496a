"""Files of strangers by the hundred: sound ones with a few changes, and a process that reads them all."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

SECONDS_A_CASE = 20
MEMORY = 1 << 30  # beyond what the imports take

# Reads every file that stdin names, each within its time; what is no StageError is printed.
READER = f"""
import importlib, resource, signal, sys, traceback
from pathlib import Path
from pose_contract.errors import StageError

module, function = sys.argv[1].split(":")
read = getattr(importlib.import_module(module), function)
in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (in_use + {MEMORY}, in_use + {MEMORY}))

def late(*_):
    raise BaseException("it took too long")

signal.signal(signal.SIGALRM, late)
for line in sys.stdin:
    path = Path(line.rstrip("\\n"))
    signal.alarm({SECONDS_A_CASE})
    try:
        read(path)
        print("good:", path)
    except StageError as error:
        if len(str(error)) > 2000 or "weights_only" in str(error):
            print(path.name, "says too much:", str(error)[:300])
    except BaseException:
        print(path.name, traceback.format_exc(limit=-2))
    signal.alarm(0)
"""


def read_all(paths: list[Path], reader: str) -> set[Path]:
    """Reads all files in one process; returns those that were taken. Fails for any that was badly refused."""
    names = "".join(f"{path}\n" for path in paths)
    done = subprocess.run([sys.executable, "-c", READER, reader], input=names, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    trouble = [line for line in lines if not line.startswith("good: ")]
    assert not trouble, "\n".join(trouble)
    return {Path(line.removeprefix("good: ")) for line in lines}


def mutated(data: bytes, rng: random.Random, words: list[bytes]) -> bytes:
    """The bytes with a few changes: flipped, cut, doubled, or a nasty word put in."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(changed) + 1)
        match rng.randrange(4):
            case 0 if changed:
                changed[place % len(changed)] ^= 1 << rng.randrange(8)
            case 1:
                del changed[place : place + rng.randrange(1, 60)]
            case 2:
                changed[place:place] = changed[place : place + 40] * rng.choice([1, 2, 500])
            case _:
                changed[place:place] = rng.choice(words)
    return bytes(changed)


def spoilt_files(folder: Path, sound: bytes, suffix: str, words: list[bytes], count: int, seed: int = 0) -> list[Path]:
    """So many files of that suffix, each with other faults."""
    rng, paths = random.Random(f"{suffix}{seed or ''}"), []
    for number in range(count):
        paths.append(folder / f"{number}{suffix}")
        paths[-1].write_bytes(mutated(sound, rng, words))
    return paths


YAML_WORDS = [
    b"[" * 50_000, b"{a: " * 5000, b"&a [*a]", b"*a", b"&a ", b"<<: *a\n", b"9" * 5000,
    b"!!python/name:os.system ",
    b"- " * 3000, b"\x00", b"\xff\xfe", b"!!int ", b"1:" * 3000, b"? ", b"1e999999", b".nan", b"2020-13-45",
    b"!!binary ",
    b"\n---\n", b"%YAML 9.9\n", b"\t", b"0x" + b"f" * 9000,
]  # fmt: skip
CFG_WORDS = [
    b"\n[upsample]\nstride=2000\n", b"\n[route]\nlayers=-1,-1\n" * 24, b"\n[maxpool]\nsize=1000001\nstride=1\n",
    b"9" * 400,
    b"\n[dropout]\n" * 3000, b"e300", b"-", b"\nwidth=40000\nheight=40000\n", b"\x00", b"\n[net]\n",
    b"\n[shortcut]\nfrom=-1\n",
    b",-1" * 9000, b"nan", b"\n[yolo]\n", b"\nstride=0\n", b"\ngroups=3\n", b"inf", b"\xff",
]  # fmt: skip
PTH_WORDS = [
    b"\x80\x02", b"2" * 2000, b"q\xff", b"r\xff\xff\xff\xff", b"X\xff\xff\xff\x7f", b"cos\nsystem\n", b"R",
    b"(", b"t", b"b",
    b"\x8a\xff" + b"\xff" * 255, b"\x8b\xff\xff\xff\x7f", b"PK\x03\x04", b"PK\x05\x06" + b"\xff" * 18, b"K\xff",
    b".", b"]", b"}",
]  # fmt: skip
