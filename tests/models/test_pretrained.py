"""Weights from elsewhere: whose names, which shapes, what is left out, what is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from rarecall.errors import ConfigurationError, DataError
from rarecall.models import build_network, load_pretrained, save_weights
from rarecall.models.weight_names import readings

if TYPE_CHECKING:
    from collections.abc import Callable

SIDE = 75


def images(channels: int = 3) -> dict[str, Any]:
    return {
        "kind": "images",
        "channels": channels,
        "size": [SIDE, SIDE],
        "mean": [0.5] * channels,
        "std": [0.25] * channels,
    }


def made(name: str, *, channels: int = 3, outputs: int = 1, seed: int = 0) -> nn.Module:
    if name.startswith(("densenet", "efficientnet")):
        pytest.importorskip("monai", reason="DenseNets and EfficientNets are MONAI's")
    spec, options = images(channels), OPTIONS[name]
    return build_network(spec, name=name, outputs=outputs, seed=seed, options=options)


OPTIONS: dict[str, dict[str, Any]] = {
    "resnet18": {"widths": (4, 4, 8), "stem": "7x7"},
    "resnext50": {"blocks": (2, 1), "base": 16, "groups": 4},
    "convnext-tiny": {"blocks": (1, 2), "widths": (8, 16)},
    "inception-resnet-v2": {"blocks": (1, 1, 2)},
    "densenet121": {"blocks": (2, 2), "growth": 4, "start": 8},
    "efficientnet-b3": {"width": 0.1, "depth": 0.5},
}


def torchvision_resnet(name: str) -> str:
    name = re.sub(r"^stem\.", "conv1.", re.sub(r"^bn\.", "bn1.", name))
    name = name.replace("shortcut.", "downsample.")
    return re.sub(r"^stages\.(\d+)", lambda m: f"layer{int(m[1]) // 2 + 1}.{int(m[1]) % 2}", name)


def torchvision_densenet(name: str) -> str:
    return re.sub(r"^body\.|layers\.", "", name).replace("fc.", "classifier.")


def old_torchvision_densenet(name: str) -> str:
    name = torchvision_densenet(name)
    return re.sub(r"(denselayer\d+\.(?:norm|conv))([12])", r"\1.\2", name)


def monai_densenet(name: str) -> str:
    return name.removeprefix("body.").replace("fc.", "class_layers.out.")


def torchvision_convnext(name: str) -> str:
    name = re.sub(r"^norm\.", "classifier.0.", re.sub(r"^fc\.", "classifier.2.", name))
    return re.sub(r"^body\.", "features.", name)


def timm_convnext(name: str) -> str:
    parts = ("conv_dw", "norm", "mlp.fc1", "mlp.fc2")
    name = authors_convnext(name)
    for theirs, other in zip(("dwconv", "norm", "pwconv1", "pwconv2"), parts, strict=True):
        name = re.sub(rf"^stages\.(\d+)\.(\d+)\.{theirs}\.", rf"stages.\1.blocks.\2.{other}.", name)
    name = re.sub(r"^stages\.(\d+)\.(\d+)\.gamma", r"stages.\1.blocks.\2.gamma", name)
    name = re.sub(r"^downsample_layers\.0\.", "stem.", name)
    name = re.sub(r"^downsample_layers\.(\d+)\.", r"stages.\1.downsample.", name)
    return re.sub(r"^head\.(?=weight|bias)", "head.fc.", re.sub(r"^norm\.", "head.norm.", name))


def authors_convnext(name: str) -> str:
    places = {"0": "dwconv", "2": "norm", "3": "pwconv1", "5": "pwconv2"}
    match = re.match(r"body\.(\d+)\.(.*)", name)
    if not match:
        return re.sub(r"^fc\.", "head.", name)
    place, rest = int(match[1]), match[2]
    if place % 2 == 0:
        return f"downsample_layers.{place // 2}.{rest}"
    rest = re.sub(r"block\.(\d)", lambda m: places[m[1]], rest).replace("layer_scale", "gamma")
    return f"stages.{place // 2}.{rest}"


def authors_efficientnet(name: str) -> str:
    name = re.sub(r"^body\.net\.", "", name).replace("fc.", "_fc.")
    return re.sub(r"^_blocks\.\d+\.(\d+)\.", r"_blocks.\1.", name)


def monai_efficientnet(name: str) -> str:
    return re.sub(r"^body\.net\.", "", name).replace("fc.", "_fc.")


def without_body(name: str) -> str:
    return name.removeprefix("body.")


def cadena_inception(name: str) -> str:
    return without_body(name).replace("fc.", "last_linear.")


CASES: list[tuple[str, Callable[[str], str], str]] = [
    ("resnet18", torchvision_resnet, "torchvision, timm: ResNet"),
    ("resnext50", without_body, "torchvision, timm: ResNeXt"),
    ("densenet121", torchvision_densenet, "torchvision: DenseNet"),
    ("densenet121", old_torchvision_densenet, "torchvision: DenseNet"),
    ("densenet121", monai_densenet, "torchvision: DenseNet"),
    ("convnext-tiny", torchvision_convnext, "torchvision: ConvNeXt"),
    ("convnext-tiny", timm_convnext, "timm: ConvNeXt"),
    ("convnext-tiny", authors_convnext, "its authors: ConvNeXt"),
    ("efficientnet-b3", monai_efficientnet, "MONAI"),
    ("efficientnet-b3", authors_efficientnet, "MONAI"),
    ("inception-resnet-v2", cadena_inception, "timm: Inception-ResNet-v2"),
]


def written(network: nn.Module, rename: Callable[[str], str], path: Path) -> Path:
    """Write a network's weights under others' names, without rarecall's normalisation."""
    state = network.state_dict()
    named = {rename(key): state[key] for key in state if not key.startswith("normalize.")}
    if path.suffix == ".safetensors":
        save_file({key: value.contiguous() for key, value in named.items()}, path)
    else:
        torch.save(named, path)
    return path


def pictures(channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    shape = (2, channels, SIDE, SIDE)
    return torch.randint(256, shape, dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize(
    ("name", "rename", "origin", "ending"),
    [(*case, (".safetensors", ".pth")[number % 2]) for number, case in enumerate(CASES)],
)
def test_weights_under_published_names_make_the_same_network(
    name: str, rename: Callable[[str], str], origin: str, ending: str, tmp_path: Path
) -> None:
    theirs, ours = made(name, seed=1), made(name, seed=2)
    path = written(theirs, rename, tmp_path / f"weights{ending}")
    report = load_pretrained(ours, path)
    assert report.origin.startswith(origin)
    assert report.head
    assert report.fresh == ("normalize.scale", "normalize.shift")
    assert report.unused == ()
    for key, value in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[key], value), key


@pytest.mark.parametrize(
    ("name", "published", "own"),
    [
        ("resnet18", "layer2.0.downsample.1.running_var", "stages.2.shortcut.1.running_var"),
        ("resnet18", "conv1.weight", "stem.weight"),
        ("resnext50", "layer4.2.conv3.weight", "body.layer4.2.conv3.weight"),
        ("convnext-tiny", "features.7.2.layer_scale", "body.7.2.layer_scale"),
        ("convnext-tiny", "features.6.1.weight", "body.6.1.weight"),
        ("convnext-tiny", "classifier.0.weight", "norm.weight"),
        ("convnext-tiny", "stages.3.downsample.1.weight", "body.6.1.weight"),
        ("convnext-tiny", "stages.2.blocks.8.mlp.fc2.bias", "body.5.8.block.5.bias"),
        ("convnext-tiny", "stages.2.8.pwconv1.weight", "body.5.8.block.3.weight"),
        ("convnext-tiny", "head.norm.bias", "norm.bias"),
        ("convnext-tiny", "head.fc.bias", "fc.bias"),
        ("inception-resnet-v2", "repeat_1.19.branch1.2.conv.weight", None),
        ("inception-resnet-v2", "mixed_5b.branch3.1.bn.bias", None),
        ("inception-resnet-v2", "block8.conv2d.bias", None),
        ("inception-resnet-v2", "classif.weight", "fc.weight"),
        (
            "densenet169",
            "features.denseblock4.denselayer32.norm2.weight",
            "body.features.denseblock4.denselayer32.layers.norm2.weight",
        ),
        (
            "densenet201",
            "features.denseblock3.denselayer48.conv.1.weight",
            "body.features.denseblock3.denselayer48.layers.conv1.weight",
        ),
        ("densenet161", "features.transition3.conv.weight", None),
        ("densenet121", "features.norm5.running_mean", None),
        ("efficientnet-b5", "_blocks.38._bn2.bias", "body.net._blocks.6.38._bn2.bias"),
        ("efficientnet-b5", "_fc.bias", "fc.bias"),
        ("efficientnet-b3", "conv_stem.weight", "body.net._conv_stem.weight"),
        ("efficientnet-b3", "bn2.weight", "body.net._bn1.weight"),
        ("efficientnet-b3", "classifier.weight", "fc.weight"),
        (
            "efficientnet-b3",
            "blocks.0.1.conv_pw.weight",
            "body.net._blocks.0.1._project_conv.weight",
        ),
        (
            "efficientnet-b3",
            "blocks.2.1.se.conv_expand.bias",
            "body.net._blocks.2.6._se_expand.bias",
        ),
        ("efficientnet-b3", "blocks.1.0.bn3.weight", "body.net._blocks.1.2._bn2.weight"),
    ],
)
def test_published_names_lead_to_layers_of_the_whole_networks(
    name: str, published: str, own: str | None
) -> None:
    if name.startswith(("densenet", "efficientnet")):
        pytest.importorskip("monai", reason="DenseNets and EfficientNets are MONAI's")
    with torch.device("meta"):
        state = build_network(images() | {"size": [224, 224]}, name=name).state_dict()
    # A network's block 0 of every stage tells where its row of blocks begins.
    beside = [f"layer{s}.{b}.conv1.weight" for s in range(1, 5) for b in range(2)]
    ways = readings([published, *beside], list(state))
    expected = f"body.{published}" if own is None else own
    assert expected in state
    assert expected in {way[published] for way in ways.values()}


def test_a_head_of_other_outputs_starts_anew_and_is_said(tmp_path: Path) -> None:
    theirs, ours = made("resnext50", outputs=1000, seed=1), made("resnext50", outputs=2, seed=2)
    before = {key: value.clone() for key, value in ours.state_dict().items()}
    report = load_pretrained(ours, written(theirs, without_body, tmp_path / "w.safetensors"))
    assert not report.head
    assert "fc.weight" in report.fresh
    assert set(report.unused) == {"fc.weight", "fc.bias"}
    assert "the head starts anew" in str(report)
    assert torch.equal(ours.get_parameter("fc.weight"), before["fc.weight"])
    assert torch.equal(ours.get_parameter("fc.bias"), before["fc.bias"])
    assert torch.equal(
        ours.state_dict()["body.conv1.weight"], theirs.state_dict()["body.conv1.weight"]
    )


def test_half_a_head_is_no_head(tmp_path: Path) -> None:
    theirs = made("resnext50", seed=1)
    state = {key: value for key, value in theirs.state_dict().items() if key != "fc.bias"}
    torch.save(state, tmp_path / "w.pt")
    ours = made("resnext50", seed=2)
    before = ours.get_parameter("fc.weight").detach().clone()
    assert not load_pretrained(ours, tmp_path / "w.pt").head
    assert torch.equal(ours.get_parameter("fc.weight"), before)


@pytest.mark.parametrize("name", ["resnext50", "convnext-tiny", "densenet121", "efficientnet-b3"])
def test_weights_for_colour_score_a_grey_image_as_three_equal_channels(
    name: str, tmp_path: Path
) -> None:
    colour, grey = made(name, seed=1).eval(), made(name, channels=1, seed=2).eval()
    report = load_pretrained(grey, written(colour, lambda key: key, tmp_path / "w.safetensors"))
    assert len(report.summed) == 1
    assert "summed" in str(report)
    picture = pictures(1)
    torch.testing.assert_close(
        grey(picture), colour(picture.expand(-1, 3, -1, -1)), atol=1e-4, rtol=1e-4
    )


@pytest.mark.parametrize("inside", [None, "state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "module.", "module.model.", "_orig_mod."])
def test_wrapped_weights_are_unwrapped(inside: str | None, prefix: str, tmp_path: Path) -> None:
    theirs, ours = made("resnet18", seed=1), made("resnet18", seed=2)
    state = theirs.state_dict()
    named = {prefix + torchvision_resnet(k): v for k, v in state.items() if k[:9] != "normalize"}
    content: Any = named if inside is None else {inside: named, "epoch": 3, "best": 0.5}
    torch.save(content, tmp_path / "w.pth")
    assert load_pretrained(ours, tmp_path / "w.pth").head
    assert torch.equal(ours.state_dict()["stem.weight"], state["stem.weight"])


def test_a_network_is_built_from_weights_and_tells_what_it_took(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    theirs = made("convnext-tiny", outputs=10, seed=1)
    save_weights(theirs, path)
    options = OPTIONS["convnext-tiny"]
    ours = build_network(images(), name="convnext-tiny", options=options, weights=path)
    report = ours.pretrained
    assert report.path == path
    assert report.fresh == ("fc.weight", "fc.bias")
    assert report.parameters == sum(
        value.numel() for key, value in theirs.state_dict().items() if key[:3] != "fc."
    )
    assert "pretrained" not in ours.state_dict()
    torch.testing.assert_close(
        ours.get_parameter("norm.weight"), theirs.get_parameter("norm.weight")
    )


def test_weights_go_into_the_image_network_where_there_is_a_table_too(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    theirs = made("resnext50", seed=1)
    save_weights(theirs, path)
    table = {"kind": "table", "n_numeric": 1, "bins": [[-1.0, 0.0, 1.0]], "cardinalities": []}
    ours = build_network(
        {"kind": "images+table", "images": images(), "table": table},
        name="resnext50",
        options={"image": OPTIONS["resnext50"]},
        weights=path,
    )
    inner = ours.get_submodule("image_network").state_dict()
    assert all(torch.equal(inner[key], value) for key, value in theirs.state_dict().items())


@pytest.mark.parametrize(
    ("theirs", "ours"), [("resnext50", "convnext-tiny"), ("resnet18", "resnext50")]
)
def test_weights_of_another_network_are_refused_and_nothing_is_changed(
    theirs: str, ours: str, tmp_path: Path
) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(made(theirs), path)
    network = made(ours)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    with pytest.raises(ConfigurationError, match=r"weights of another network.*the file has none"):
        load_pretrained(network, path)
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


def test_another_stem_is_told_by_its_shapes(tmp_path: Path) -> None:
    path = written(made("resnet18"), torchvision_resnet, tmp_path / "w.safetensors")
    network = build_network(images(), name="resnet18", options={"widths": (4, 4, 8)})
    with pytest.raises(
        ConfigurationError,
        match=r"stem.weight needs \(4, 3, 3, 3\), the file has \(4, 3, 7, 7\).*options \(stem",
    ):
        load_pretrained(network, path)


class Explosive:
    """Would write a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_nothing_in_a_file_is_executed(tmp_path: Path) -> None:
    mark = tmp_path / "exploded"
    torch.save({"fc.weight": torch.zeros(1), "more": Explosive(mark)}, tmp_path / "w.pth")
    with pytest.raises(DataError, match="more than tensors and plain containers"):
        load_pretrained(made("resnext50"), tmp_path / "w.pth")
    assert not mark.exists()


def test_a_pickled_network_is_refused(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 1), tmp_path / "w.pth")
    with pytest.raises(DataError, match=r"Save its state_dict\(\) alone"):
        load_pretrained(made("resnext50"), tmp_path / "w.pth")


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", [None, b"", b"not weights at all", "cut"])
def test_a_missing_or_damaged_file_is_named(
    ending: str, content: bytes | str | None, tmp_path: Path
) -> None:
    path = tmp_path / f"w{ending}"
    network = made("resnext50")
    if content == "cut":
        written(network, without_body, path)
        path.write_bytes(path.read_bytes()[:-500])
    elif isinstance(content, bytes):
        path.write_bytes(content)
    with pytest.raises(DataError, match=rf"w\{ending}"):
        load_pretrained(network, path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (torch.zeros(3), "holds a Tensor"),
        ({"epoch": 3}, "holds no tensors"),
        ([1, 2], "holds a list"),
    ],
)
def test_a_file_without_named_tensors_is_refused(
    content: object, message: str, tmp_path: Path
) -> None:
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(DataError, match=message):
        load_pretrained(made("resnext50"), tmp_path / "w.pt")
