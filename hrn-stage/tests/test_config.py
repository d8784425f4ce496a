from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from hrn_stage.config import HrnConfig, read_config
from pose_contract.errors import ConfigError, UsageError


@pytest.fixture
def tiny_yaml(tmp_path, tiny_tree):
    def write(**sections):
        path = tmp_path / "tiny.yaml"
        for section, keys in sections.items():
            if isinstance(keys, dict):
                tiny_tree.setdefault(section, {}).update(keys)
            else:
                tiny_tree[section] = keys
        path.write_text(yaml.safe_dump(tiny_tree))
        return path

    return write


@pytest.mark.parametrize("pattern", ["seed/*.yaml", "reference/published-yaml/*.yaml", "weights/*.yaml"])
def test_published_files_load_unmodified(shared, pattern):
    files = sorted(shared.glob(pattern))
    assert files
    for path in files:
        config = read_config(path)
        assert yaml.safe_load(path.read_text())["MODEL"]["NUM_JOINTS"] == config.MODEL.NUM_JOINTS


def test_defaults_are_the_published_ones(shared, tiny_yaml):
    config = HrnConfig.model_validate({"MODEL": {"EXTRA": read_config(tiny_yaml()).MODEL.EXTRA}})
    for line in (shared / "reference/hrnet_keys.txt").read_text().splitlines()[1:]:
        dotted, _, text = line.partition(" = ")
        if dotted == "MODEL.EXTRA":
            continue
        value = config
        for key in dotted.split("."):
            value = getattr(value, key)
        expected = (0,) if dotted == "GPUS" else yaml.safe_load(text)
        assert (list(value) if isinstance(expected, list) else value) == expected, dotted


def test_defaults_of_our_own_keys(tiny_yaml):
    config = read_config(tiny_yaml())
    assert (config.DATASET.ANNOTS, config.DATASET.IMAGES, config.DATASET.CUTS, config.DATASET.FINAL) == ("",) * 4
    assert (config.TEST.DECODE, config.TEST.BLUR_KERNEL) == ("quarter", 11)


def test_the_config_is_frozen(tiny_yaml):
    with pytest.raises(ValidationError):
        read_config(tiny_yaml()).WORKERS = 1


def test_stage1_is_the_published_one_unless_given(tiny_yaml, tiny_tree):
    del tiny_tree["MODEL"]["EXTRA"]["STAGE1"]
    stage1 = read_config(tiny_yaml()).MODEL.EXTRA.STAGE1
    assert (stage1.BLOCK, stage1.NUM_BLOCKS, stage1.NUM_CHANNELS) == ("BOTTLENECK", (4,), (64,))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", ()),
        ("(0,)", (0,)),
        ("(0,1, 2)", (0, 1, 2)),
        ("0", (0,)),
        ("[1,3]", (1, 3)),
        (2, (2,)),
        ([0, 1], (0, 1)),
    ],
)
def test_gpus(tiny_yaml, given, expected):
    assert expected == read_config(tiny_yaml(GPUS=given)).GPUS


def test_a_number_without_a_point_is_a_number(tiny_yaml):
    path = tiny_yaml()
    path.write_text(path.read_text() + "TRAIN:\n  LR: 1e-3\n")
    assert read_config(path).TRAIN.LR == 0.001


def test_free_keys_of_extra_are_kept(tiny_yaml, tiny_tree):
    tiny_tree["MODEL"]["EXTRA"]["DECONV_WITH_BIAS"] = False
    assert read_config(tiny_yaml()).MODEL.EXTRA.model_extra == {"DECONV_WITH_BIAS": False}


@pytest.mark.parametrize(
    ("overrides", "dotted", "expected"),
    [
        (["TEST.FLIP_TEST", "True"], "TEST.FLIP_TEST", True),
        (["TEST.DECODE", "dark"], "TEST.DECODE", "dark"),
        (["TRAIN.LR", "1e-4"], "TRAIN.LR", 0.0001),
        (["GPUS", "(0,1)"], "GPUS", (0, 1)),
        (["GPUS", "(3,)"], "GPUS", (3,)),
        (["WORKERS", "0"], "WORKERS", 0),
        (["TEST.MODEL_FILE", "123"], "TEST.MODEL_FILE", "123"),
        (["TEST.MODEL_FILE", "a: [b"], "TEST.MODEL_FILE", "a: [b"),
        (["TEST.MODEL_FILE", ""], "TEST.MODEL_FILE", ""),
        (["DATASET.DATASET", "no"], "DATASET.DATASET", "no"),
        (["MODEL.IMAGE_SIZE", "[192,256]", "MODEL.HEATMAP_SIZE", "(48, 64)"], "MODEL.IMAGE_SIZE", (192, 256)),
        (["MODEL.EXTRA.STAGE2.NUM_CHANNELS", "[8,16]"], "MODEL.EXTRA.STAGE2.NUM_CHANNELS", (8, 16)),
        (["WORKERS", "1", "WORKERS", "2"], "WORKERS", 2),
    ],
)
def test_overrides(tiny_yaml, overrides, dotted, expected):
    value = read_config(tiny_yaml(), overrides)
    for key in dotted.split("."):
        value = getattr(value, key)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["TEST.FLIP_TSET", "1"], ["command line", "TEST.FLIP_TSET", "TEST.FLIP_TEST"]),
        (["MODEL.FLIP_TEST", "True"], ["command line", "MODEL.FLIP_TEST", "TEST.FLIP_TEST"]),
        (["test.flip_test", "True"], ["command line", "test.flip_test", "TEST.FLIP_TEST"]),
        (["TEST.FLIP_TEST.DEEPER", "True"], ["command line", "unknown key TEST.FLIP_TEST.DEEPER"]),
        (["TEST.FLIP_TEST", "1"], ["command line", "TEST.FLIP_TEST", "true or false", "1 (int)"]),
        (["TEST", "1"], ["command line", "TEST", "a mapping"]),
        (["WORKERS", "[1"], ["command line", "WORKERS", "[1"]),
        (["MODEL.IMAGE_SIZE", "[192,256]"], ["tiny.yaml with the command line", "HEATMAP_SIZE", "[48, 64]"]),
    ],
)
def test_wrong_overrides(tiny_yaml, overrides, words):
    with pytest.raises(ConfigError) as caught:
        read_config(tiny_yaml(), overrides)
    for word in words:
        assert word in str(caught.value)


def test_an_override_without_a_value(tiny_yaml):
    with pytest.raises(UsageError, match=r"TEST\.FLIP_TEST.*no value"):
        read_config(tiny_yaml(), ["WORKERS", "1", "TEST.FLIP_TEST"])


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"FLIP_TEST": True}, ["unknown key FLIP_TEST", "TEST.FLIP_TEST"]),
        ({"MODLE": {}}, ["unknown key MODLE", "MODEL"]),
        ({"TEST": {"FLIP_TSET": True}}, ["unknown key TEST.FLIP_TSET", "TEST.FLIP_TEST"]),
        ({"TEST": {"XYZZY_PLUGH": True}}, ["unknown key TEST.XYZZY_PLUGH"]),
        ({"TEST": {7: True}}, ["unknown key TEST.7"]),
        ({"DATASET": {"FLIP_TEST": True}}, ["unknown key DATASET.FLIP_TEST", "did you mean TEST.FLIP_TEST"]),
        ({"DATASET": {"IMAGE": "x"}}, ["unknown key DATASET.IMAGE", "DATASET.IMAGES"]),
        ({"WORKERS": True}, ["WORKERS", "a whole number", "True (bool)"]),
        ({"WORKERS": "many"}, ["WORKERS", "a whole number", "'many' (str)"]),
        ({"WORKERS": -1}, ["WORKERS", "0 or more", "-1"]),
        ({"WORKERS": None}, ["WORKERS", "a whole number", "got nothing"]),
        ({"GPUS": "all"}, ["GPUS", "(0,1)", "'all' (str)"]),
        ({"GPUS": "__import__('os')"}, ["GPUS", "(0,1)"]),
        ({"TEST": {"FLIP_TEST": "maybe"}}, ["TEST.FLIP_TEST", "true or false"]),
        ({"TEST": {"BATCH_SIZE_PER_GPU": 0}}, ["TEST.BATCH_SIZE_PER_GPU", "1 or more"]),
        ({"TEST": {"DECODE": "best"}}, ["TEST.DECODE", "'quarter' or 'dark'", "'best'"]),
        ({"TEST": {"BLUR_KERNEL": 4}}, ["TEST", "BLUR_KERNEL must be odd", "4"]),
        ({"TEST": {"MODEL_FILE": 5}}, ["TEST.MODEL_FILE", "text", "5 (int)"]),
        ({"TEST": {"BBOX_THRE": "high"}}, ["TEST.BBOX_THRE", "a number", "'high'"]),
        ({"TEST": {"BBOX_THRE": "nan"}}, ["TEST.BBOX_THRE", "a finite number"]),
        ({"TEST": 3}, ["TEST", "a mapping", "3 (int)"]),
        ({"MODEL": {"NAME": "pose_resnet"}}, ["MODEL.NAME", "'pose_hrnet'", "'pose_resnet'"]),
        ({"MODEL": {"TARGET_TYPE": "offset"}}, ["MODEL.TARGET_TYPE", "'gaussian'", "'offset'"]),
        ({"MODEL": {"IMAGE_SIZE": [100, 128]}}, ["MODEL", "divisible by 32", "[100, 128]"]),
        ({"MODEL": {"IMAGE_SIZE": 256}}, ["MODEL.IMAGE_SIZE", "two whole numbers", "256"]),
        ({"MODEL": {"IMAGE_SIZE": [256]}}, ["MODEL.IMAGE_SIZE", "two whole numbers"]),
        ({"MODEL": {"IMAGE_SIZE": [256, "b"]}}, ["MODEL.IMAGE_SIZE", "a whole number", "'b'"]),
        ({"MODEL": {"IMAGE_SIZE": [0, 256]}}, ["MODEL.IMAGE_SIZE", "1 or more", "0"]),
        ({"MODEL": {"HEATMAP_SIZE": [16, 16]}}, ["MODEL", "quarter", "[16, 24]", "[16, 16]"]),
        ({"MODEL": {"NUM_JOINTS": 0}}, ["MODEL.NUM_JOINTS", "1 or more"]),
        ({"MODEL": {"SIGMA": 0}}, ["MODEL", "SIGMA", "greater than 0"]),
        ({"MODEL": {"EXTRA": {}}}, ["MODEL.EXTRA.STAGE2 is missing"]),
        ({"MODEL": {"EXTRA": None}}, ["MODEL.EXTRA", "a mapping"]),
        ({"TRAIN": {"LR_STEP": 170}}, ["TRAIN.LR_STEP", "a list", "170"]),
    ],
)
def test_wrong_files(tiny_yaml, sections, words):
    with pytest.raises(ConfigError) as caught:
        read_config(tiny_yaml(**sections))
    assert "tiny.yaml" in caught.value.reason
    assert caught.value.remedy
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("stage", "key", "value", "words"),
    [
        ("STAGE2", "NUM_BLOCKS", [1], ["MODEL.EXTRA.STAGE2", "NUM_BRANCHES is 2", "NUM_BLOCKS has 1"]),
        ("STAGE4", "NUM_CHANNELS", [4, 8, 12], ["MODEL.EXTRA.STAGE4", "NUM_CHANNELS has 3"]),
        ("STAGE3", "BLOCK", "FANCY", ["MODEL.EXTRA.STAGE3.BLOCK", "'BASIC' or 'BOTTLENECK'"]),
        ("STAGE3", "FUSE_METHOD", "CAT", ["MODEL.EXTRA.STAGE3.FUSE_METHOD", "'SUM'"]),
        ("STAGE3", "NUM_MODULE", 2, ["unknown key MODEL.EXTRA.STAGE3.NUM_MODULE", "STAGE3.NUM_MODULES"]),
        ("STAG2", "NUM_MODULES", 2, ["unknown key MODEL.EXTRA.STAG2", "MODEL.EXTRA.STAGE2"]),
    ],
)
def test_wrong_stages(tiny_yaml, tiny_tree, stage, key, value, words):
    tiny_tree["MODEL"]["EXTRA"].setdefault(stage, {})[key] = value
    with pytest.raises(ConfigError) as caught:
        read_config(tiny_yaml())
    for word in words:
        assert word in str(caught.value)


def test_each_stage_has_one_branch_more(tiny_yaml, tiny_tree):
    tiny_tree["MODEL"]["EXTRA"]["STAGE3"] = tiny_tree["MODEL"]["EXTRA"]["STAGE2"]
    with pytest.raises(ConfigError, match="STAGE3 must have NUM_BRANCHES 3, but has 2"):
        read_config(tiny_yaml())


def test_a_misspelt_kernel_is_not_taken_for_a_free_key(tiny_yaml, tiny_tree):
    tiny_tree["MODEL"]["EXTRA"]["FINAL_CONV_KERNAL"] = 3
    with pytest.raises(ConfigError) as caught:
        read_config(tiny_yaml())
    assert "MODEL.EXTRA.FINAL_CONV_KERNAL" in caught.value.reason
    assert "MODEL.EXTRA.FINAL_CONV_KERNEL" in caught.value.remedy


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["expected a mapping", "nothing"]),
        (b"- 1\n", ["expected a mapping", "list"]),
        (b"just text\n", ["expected a mapping", "str"]),
        (b"WORKERS: 1\n", ["MODEL is missing"]),
        (b"A: [1\n", ["not valid YAML", "line"]),
        (b"WORKERS: 1\nRANK: 0\nWORKERS: 2\n", ["line 3", "WORKERS", "written twice"]),
        (b"TEST: {FLIP_TEST: true, FLIP_TEST: false}\n", ["line 1", "FLIP_TEST", "written twice"]),
        (b"WORKERS: \xff\n", ["not UTF-8"]),
        (b"WORKERS: !!python/object/apply:os.system ['true']\n", ["not valid YAML"]),
        (b"WORKERS: 2020-13-45\n", ["not valid YAML"]),
        (b"[" * 20000, ["not valid YAML"]),
        (b"a: 1\n---\nb: 2\n", ["not valid YAML"]),
        (b"? [1, 2]\n: 3\n", ["not valid YAML"]),
    ],
)
def test_broken_files(tmp_path, content, words):
    path = tmp_path / "broken.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    for word in ["broken.yaml", *words]:
        assert word in str(caught.value)


@pytest.mark.parametrize("path", [Path("nowhere.yaml"), Path("/")])
def test_no_file(path):
    with pytest.raises(ConfigError, match=str(path)):
        read_config(path)


def test_a_byte_order_mark_is_no_part_of_the_first_key(tiny_yaml):
    path = tiny_yaml()
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_config(path).MODEL.NUM_JOINTS == 16
