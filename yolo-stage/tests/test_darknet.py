from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from darknet_files import MODELS, random_parameters, write_weights

from pose_contract.errors import ConfigError, WeightsError
from yolo_stage.cfg_sections import parse_sections, render_sections
from yolo_stage.darknet import (
    DarknetNetwork,
    check_weights_file,
    expected_file_sizes,
    person_class,
    read_network,
    read_parameters,
)

NetworkOf = Callable[[str], DarknetNetwork]
HEADER = struct.pack("<3iq", 0, 2, 5, 1000)


def test_small_network_is_read(network_of: NetworkOf, small_cfg: str) -> None:
    network = network_of(small_cfg)
    assert (network.input_size, network.classes, network.conf_thres) == (64, 2, None)
    assert network.text == small_cfg
    heads = [(layer.size, layer.channels) for layer in network.layers if layer.kind == "yolo"]
    assert heads == [(4, 14), (8, 7)]
    by_hand = 8 * (4 + 3 * 9) + 8 * (4 + 8 * 9) + 14 * (1 + 8) + 7 * (1 + 16)
    assert network.parameter_count == by_hand


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (None, "", "a cfg begins with one [net]"),
        (None, "hello", "expected [section] or key = value, got 'hello'"),
        (None, "width=3", "'width' stands before the first section"),
        (None, "[convolutional]\nsize=1", "a cfg begins with one [net]"),
        (None, "[net]\nwidth=64\nheight=64", "there is no [yolo]"),
        ("[maxpool]", "[net]", "a cfg begins with one [net]"),
        ("width=64\n", "", "[net] has no 'width'"),
        ("width=64", "width=", "got 'width='"),
        ("width=64", "width=64\nwidth=64", "'width' is given twice in [net]"),
        ("width=64", "width=wide", "width must be a number, got 'wide'"),
        ("width=64", "width=64.5", "width must be a whole number, got 64.5"),
        ("width=64", "width=96", "input 96x64; expected a square whose side is a multiple of 32"),
        ("width=64\nheight=64", "width=65\nheight=65", "input 65x65; expected a square"),
        ("width=64\nheight=64", "width=0\nheight=0", "input 0x0; expected a square"),
        ("width=64", "width=64\nchannels=1", "channels=1; expected 3"),
        ("width=64", "width=64\nconf_thres=1.5", "conf_thres=1.5; expected between 0 and 1"),
        ("[upsample]", "[reorg3d]", "unknown section [reorg3d]"),
        ("filters=8\n", "", "[convolutional] has no 'filters'"),
        ("filters=8\n", "filters=0\n", "filters must be at least 1, got 0"),
        ("activation=leaky\n", "", "[convolutional] has no 'activation'"),
        ("batch_normalize=1", "batch_normalize=2", "batch_normalize must be 0 or 1, got 2"),
        ("filters=14", "filters=14\ngroups=3", "groups=3 does not divide 8 channels into 14 filters"),
        ("size=3\nstride=1\npad=1", "size=13\nstride=1\npad=0", "a 13x13 kernel does not fit a map of 8 cells"),
        ("from=-2", "from=-9", "from=-9 is no earlier layer"),
        ("from=-2", "from=3", "from=3 is no earlier layer"),
        ("from=-2", "from=0", "[shortcut] adds 8x16x16 to 8x8x8"),
        ("layers=-3", "layers=-1", "layers=-1 is a [yolo], which ends a branch"),
        ("layers=-1,3", "layers=-1,0", "[route] joins maps of different sizes: 8, 16"),
        ("layers=-3", "layers=-3\ngroups=2\ngroup_id=2", "[route] cannot take part 2 of 2"),
        ("mask=0", "mask=3", "mask names an anchor that is not there"),
        ("num=3", "num=4", "num=4 needs twice as many anchors, got 6"),
        ("filters=14", "filters=15", "2 anchors x (5 + 2 classes) = 14 channels before it, got 15"),
        ("mask=0\nanchors=5,6, 10,14, 20,30\nclasses=2", "mask=0\nanchors=5,6\nclasses=3", "disagree on classes"),
        ("anchors=5,6, 10,14, 20,30", "anchors=5,6, 10,x", "numbers with commas between them"),
        ("[route]\nlayers=-3\n", "", "after a [yolo] only a [route] can follow"),
    ],
)
def test_broken_cfg_is_refused(network_of: NetworkOf, small_cfg: str, old: str | None, new: str, message: str) -> None:
    assert old is None or old in small_cfg
    with pytest.raises(ConfigError) as caught:
        network_of(new if old is None else small_cfg.replace(old, new))
    assert message in caught.value.reason
    assert "small.cfg" in caught.value.reason
    assert caught.value.remedy


def test_layer_after_the_last_head_is_refused(network_of: NetworkOf, small_cfg: str) -> None:
    with pytest.raises(ConfigError, match=r"\[route\] comes after the last \[yolo\]"):
        network_of(small_cfg + "[route]\nlayers=3\n")


def test_errors_name_the_line(network_of: NetworkOf, small_cfg: str) -> None:
    line = small_cfg.splitlines().index("[upsample]") + 1
    with pytest.raises(ConfigError, match=f"small.cfg:{line}:"):
        network_of(small_cfg.replace("[upsample]", "[reorg]"))


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00binary"])
def test_unreadable_cfg_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.cfg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"a\.cfg is not"):
        read_network(path)


def test_folder_in_place_of_a_cfg_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_network(tmp_path)


def test_comments_blanks_aliases_and_crlf_do_not_matter(network_of: NetworkOf, small_cfg: str) -> None:
    odd = small_cfg.replace("=", " =\t").replace("\n", "   # why\r\n").replace("[convolutional]", "[ conv ]")
    odd = "\ufeff; first\n" + odd.replace("[net]", "[network]").replace("[maxpool]", "[max]")
    read, plain = network_of(odd), network_of(small_cfg)
    assert render_sections(read.sections) == render_sections(plain.sections)


def test_rendered_cfg_reads_back(small_cfg: str) -> None:
    sections = parse_sections(small_cfg, "a.cfg")
    assert "anchors=5,6,10,14,20,30" in render_sections(sections)
    again = parse_sections(render_sections(sections), "a.cfg")
    assert [section.kind for section in again] == [section.kind for section in sections]
    assert again[8].numbers("anchors") == (5, 6, 10, 14, 20, 30)


def test_model_brings_its_own_threshold(network_of: NetworkOf, small_cfg: str) -> None:
    assert network_of(small_cfg.replace("width=64", "width=64\nconf_thres=0.35")).conf_thres == 0.35


def test_other_input_size(network_of: NetworkOf, small_cfg: str) -> None:
    network = network_of(small_cfg).with_input_size(128)
    assert network.input_size == 128
    assert network.sections[0].integer("width") == network.sections[0].integer("height") == 128
    assert [layer.size for layer in network.layers if layer.kind == "yolo"] == [8, 16]
    assert network.text == small_cfg


@pytest.mark.parametrize("size", [0, -32, 31, 100])
def test_impossible_input_size_is_refused(network_of: NetworkOf, small_cfg: str, size: int) -> None:
    with pytest.raises(ConfigError, match=f"an input of {size} px; expected a positive multiple of 32"):
        network_of(small_cfg).with_input_size(size)


def test_groups_are_counted(network_of: NetworkOf, small_cfg: str) -> None:
    whole = network_of(small_cfg).parameter_count
    second = small_cfg.replace("size=3\nstride=1\npad=1", "size=3\nstride=1\npad=1\ngroups=8")
    assert whole - network_of(second).parameter_count == 8 * 7 * 9


@pytest.mark.parametrize(
    ("name", "size"), [("yolov3", 248007048), ("yolov3-tiny", 35434956), ("yolov3-spp", 252209544)]
)
def test_published_cfgs_give_the_published_sizes(shared: Path, name: str, size: int) -> None:
    assert expected_file_sizes(read_network(shared / "darknet" / f"{name}.cfg"), HEADER) == (size,)


@pytest.mark.parametrize("name", ["yolo-fastest-1.1_body", "yolo-fastest-1.1-xl"])
def test_real_weights_fit_their_cfg(shared: Path, name: str) -> None:
    check_weights_file(read_network(shared / "weights" / f"{name}.cfg"), shared / "weights" / f"{name}.weights")


@pytest.mark.parametrize(("name", "size"), [("yolov3", 248007048), ("yolov3-tiny", 35434956)])
def test_our_cfgs_give_the_published_sizes(name: str, size: int) -> None:
    assert expected_file_sizes(read_network(MODELS / f"{name}.cfg"), HEADER) == (size,)


@pytest.mark.parametrize("name", ["yolov3", "yolov3-tiny"])
def test_our_cfgs_have_the_published_layers(shared: Path, name: str) -> None:
    published, ours = read_network(shared / "darknet" / f"{name}.cfg"), read_network(MODELS / f"{name}.cfg")
    assert published.text != ours.text
    for theirs, mine in zip(published.layers, ours.layers, strict=True):
        assert (mine.kind, mine.channels, mine.parameter_count) == (
            theirs.kind,
            theirs.channels,
            theirs.parameter_count,
        )
        for key in ("layers", "mask", "anchors"):
            if theirs.section.has(key):
                assert mine.section.numbers(key) == theirs.section.numbers(key)
        for key in ("from", "size", "stride", "pad", "classes", "num"):
            if theirs.section.has(key):
                assert mine.section.integer(key) == theirs.section.integer(key)
        assert mine.section.text("activation", "linear") == theirs.section.text("activation", "linear")


@pytest.mark.parametrize(
    ("classes", "names", "expected"),
    [(1, None, 0), (80, None, 0), (1, "person", 0), (2, "dog\nperson\n", 1), (2, "\n  person  \r\ndog\n\n", 0)],
)
def test_person_class(
    network_of: NetworkOf, small_cfg: str, tmp_path: Path, classes: int, names: str | None, expected: int
) -> None:
    network = network_of(with_classes(small_cfg, classes))
    path = None if names is None else tmp_path / "a.names"
    if path is not None:
        path.write_text(names or "", encoding="utf-8")
    assert person_class(network, path) == expected


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (None, "has 2 classes, and which one is 'person' is not known"),
        ("", "a.names has 0 names, small.cfg has 2 classes"),
        ("person", "a.names has 1 names, small.cfg has 2 classes"),
        ("dog\ncat", "a.names has no class 'person'"),
    ],
)
def test_unclear_person_class_is_refused(
    network_of: NetworkOf, small_cfg: str, tmp_path: Path, names: str | None, message: str
) -> None:
    path = None if names is None else tmp_path / "a.names"
    if path is not None:
        path.write_text(names or "", encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        person_class(network_of(small_cfg), path)


def test_missing_class_file_is_refused(network_of: NetworkOf, small_cfg: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none.names is not there"):
        person_class(network_of(small_cfg), tmp_path / "none.names")


def with_classes(cfg: str, classes: int) -> str:
    heads = (("filters=14", f"filters={2 * (5 + classes)}"), ("filters=7", f"filters={5 + classes}"))
    for old, new in (*heads, ("classes=2", f"classes={classes}")):
        cfg = cfg.replace(old, new)
    return cfg


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html>gone</html>", "is an HTML page"),
        (b"\n  <html>", "is an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "is a text file"),
        (b"PK\x03\x04\x00\x00", "is a PyTorch checkpoint"),
        (HEADER[:10], r"expected 4424 bytes for small.cfg, got 10; it is truncated"),
        (HEADER, r"got 20; it is truncated"),
        (HEADER + bytes(4 * 700), r"expected 4424 bytes for small.cfg, got 2820; it is truncated"),
        (HEADER + bytes(40000), r"got 40020; it belongs to another cfg"),
        (HEADER + bytes(4404 + 4), r"got 4428; it belongs to another cfg"),
    ],
)
def test_wrong_weights_are_refused(
    network_of: NetworkOf, small_cfg: str, tmp_path: Path, content: bytes, message: str
) -> None:
    network = network_of(small_cfg)
    assert network.parameter_count == 1101
    path = tmp_path / "a.weights"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=message) as caught:
        check_weights_file(network, path)
    assert caught.value.remedy


def test_missing_weights_are_refused(network_of: NetworkOf, small_cfg: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="are not there"):
        check_weights_file(network_of(small_cfg), tmp_path / "none.weights")
    with pytest.raises(WeightsError, match="cannot be read"):
        check_weights_file(network_of(small_cfg), tmp_path)


@pytest.mark.parametrize("classes", [1, 3, 80])
@pytest.mark.parametrize("header", [HEADER, struct.pack("<5i", 0, 0, 0, 0, 0), struct.pack("<4i", 0, 1, 0, 0)])
def test_weights_for_other_classes_are_named(
    network_of: NetworkOf, small_cfg: str, tmp_path: Path, classes: int, header: bytes
) -> None:
    count = network_of(with_classes(small_cfg, classes)).parameter_count
    path = write_weights(tmp_path / "a.weights", np.zeros(count, "<f4"), header)
    with pytest.raises(WeightsError, match=f"it would fit the same network with {classes} classes"):
        check_weights_file(network_of(small_cfg), path)


@pytest.mark.parametrize(
    "header",
    [HEADER, struct.pack("<4i", 0, 1, 0, 0), struct.pack("<5i", 0, 0, 0, 0, 0), struct.pack("<3iq", 1, 0, 0, 2**40)],
    ids=["0.2", "0.1, seen int32", "pytorchyolo's 0.0", "1.0"],
)
def test_parameters_are_read_behind_every_header(
    network_of: NetworkOf, small_cfg: str, tmp_path: Path, header: bytes
) -> None:
    network = network_of(small_cfg)
    parameters = random_parameters(network, seed=3)
    path = write_weights(tmp_path / "a.weights", parameters, header)
    np.testing.assert_array_equal(read_parameters(network, path), parameters)


def test_parameters_that_are_not_finite_are_refused(network_of: NetworkOf, small_cfg: str, tmp_path: Path) -> None:
    network = network_of(small_cfg)
    parameters = random_parameters(network, seed=3)
    parameters[500] = np.nan
    with pytest.raises(WeightsError, match="not finite"):
        read_parameters(network, write_weights(tmp_path / "a.weights", parameters))
