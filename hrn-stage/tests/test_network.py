import json

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: make setup TORCH=1")


from hrn_stage.config import read_config
from hrn_stage.config_keys import ModelConfig
from hrn_stage.network import build_network


def shapes(network):
    return {key: list(value.shape) for key, value in network.state_dict().items()}


def initialised(network):
    generator = torch.Generator().manual_seed(0)
    for value in network.state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape, generator=generator) * 0.1)
    return network


def test_parameter_names_and_shapes_are_the_published_ones(shared):
    expected = json.loads((shared / "reference/hrnet_w32_mpii_256x256_keys.json").read_text())["parameters"]
    config = read_config(shared / "seed/w32_256x256_adam_lr1e-3.yaml")
    assert shapes(build_network(config.MODEL)) == expected
    assert len(expected) == 1754


@pytest.mark.parametrize(
    ("key", "shape"),
    [
        ("conv1.weight", [64, 3, 3, 3]),
        ("layer1.0.conv3.weight", [16, 4, 1, 1]),
        ("layer1.0.downsample.0.weight", [16, 64, 1, 1]),
        ("transition1.0.0.weight", [4, 16, 3, 3]),
        ("transition1.1.0.0.weight", [8, 16, 3, 3]),
        ("transition2.2.0.0.weight", [12, 8, 3, 3]),
        ("stage4.0.fuse_layers.0.3.1.running_var", [4]),
        ("stage3.0.fuse_layers.2.0.0.0.weight", [4, 4, 3, 3]),
        ("stage3.0.fuse_layers.2.0.1.0.weight", [12, 4, 3, 3]),
        ("final_layer.weight", [16, 4, 1, 1]),
        ("final_layer.bias", [16]),
    ],
)
def test_names_follow_the_pattern(tiny_model, key, shape):
    assert shapes(build_network(tiny_model))[key] == shape


def test_only_the_finest_branch_is_fused_last(tiny_model):
    keys = [key for key in shapes(build_network(tiny_model)) if key.startswith("stage4.0.fuse_layers.")]
    assert keys
    assert all(key.startswith("stage4.0.fuse_layers.0.") for key in keys)


@pytest.mark.parametrize("block", ["BASIC", "BOTTLENECK"])
@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("people", [0, 2])
def test_heatmaps_are_a_quarter_of_the_input(tiny_tree, block, kernel, people):
    extra = tiny_tree["MODEL"]["EXTRA"]
    extra["FINAL_CONV_KERNEL"] = kernel
    extra["STAGE3"]["BLOCK"] = block
    extra["STAGE3"]["NUM_MODULES"] = 2
    network = initialised(build_network(ModelConfig.model_validate(tiny_tree["MODEL"])))
    with torch.inference_mode():
        assert network(torch.zeros(people, 3, 96, 64)).shape == (people, 16, 24, 16)


def test_channels_that_change_between_stages(tiny_tree):
    tiny_tree["MODEL"]["EXTRA"]["STAGE3"]["NUM_CHANNELS"] = [6, 8, 12]
    network = initialised(build_network(ModelConfig.model_validate(tiny_tree["MODEL"])))
    assert shapes(network)["transition2.0.0.weight"] == [6, 4, 3, 3]
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 96, 64)).shape == (1, 16, 24, 16)


def test_the_network_is_for_inference(tiny_model):
    assert not build_network(tiny_model).training
