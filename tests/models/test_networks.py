"""Networks: shapes, sizes, numbers in, and what they refuse."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from rarecall.errors import ConfigurationError, RunError
from rarecall.models import (
    BasicBlock,
    CategoryEmbedding,
    Head,
    Normalize,
    PiecewiseLinearEncoding,
    TableMLP,
    build_network,
    load_weights,
    network_names,
    save_weights,
)

TABLE: dict[str, Any] = {
    "kind": "table",
    "n_numeric": 3,
    "bins": [[-2.0, -0.5, 0.5, 2.0], [], [-1.0, 0.0, 1.0]],
    "cardinalities": [4, 3],
}


def images(channels: int, side: int) -> dict[str, Any]:
    return {
        "kind": "images",
        "channels": channels,
        "size": [side, side],
        "mean": [0.5] * channels,
        "std": [0.25] * channels,
    }


def table_rows(count: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "numeric": torch.randn(count, 3, generator=generator),
        "categorical": torch.randint(3, (count, 2), generator=generator),
    }


def size(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_resnet10_has_the_papers_number_of_parameters() -> None:
    assert size(build_network(images(3, 32), name="resnet10", outputs=1)) == 4_898_625


@pytest.mark.parametrize(
    ("name", "options", "outputs", "parameters"),
    [
        ("resnet18", {}, 10, 11_173_962),
        ("resnet18", {"stem": "7x7"}, 1000, 11_689_512),
        ("resnet20", {}, 10, 269_722),
        ("resnet20", {"activation": "elu"}, 10, 269_722),
        ("resnet32", {}, 10, 464_154),
    ],
)
def test_deeper_networks_have_the_published_number_of_parameters(
    name: str, options: dict[str, Any], outputs: int, parameters: int
) -> None:
    assert size(build_network(images(3, 32), name=name, outputs=outputs, options=options)) == (
        parameters
    )


def test_a_padding_shortcut_thins_pixels_and_adds_zero_channels() -> None:
    block = BasicBlock(2, 4, 2, shortcut="padding")
    pictures = torch.arange(2 * 16.0).reshape(1, 2, 4, 4)
    short = block.shortcut(pictures)
    assert short.shape == (1, 4, 2, 2)
    assert torch.equal(short[:, 1:3], pictures[:, :, ::2, ::2])
    assert not short[:, [0, 3]].any()


def test_a_stem_may_be_wider_than_the_first_stage_and_activations_may_be_elu() -> None:
    options = {"stem_width": 64, "activation": "elu"}
    network = build_network(images(3, 16), name="resnet32", options=options).eval()
    assert network.stem.out_channels == 64
    plain = build_network(images(3, 16), name="resnet32", options={"stem_width": 64}).eval()
    plain.load_state_dict(network.state_dict())
    pictures = torch.randint(256, (2, 3, 16, 16), dtype=torch.uint8)
    assert not torch.allclose(network(pictures), plain(pictures))


@pytest.mark.parametrize("blocks", [0, (1, 2), (1, 0, 1), ()])
def test_blocks_must_be_given_for_every_stage(blocks: object) -> None:
    with pytest.raises(ConfigurationError, match="blocks must say how many"):
        build_network(images(3, 16), options={"blocks": blocks})


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("name", network_names("images")[:7])
@pytest.mark.parametrize(("channels", "side"), [(1, 8), (3, 33)])
def test_image_networks_give_one_row_of_logits_an_image(
    name: str, channels: int, side: int, outputs: int
) -> None:
    network = build_network(images(channels, side), name=name, outputs=outputs)
    pictures = torch.randint(256, (2, channels, side, side), dtype=torch.uint8)
    logits = network(pictures)
    assert logits.shape == ((2,) if outputs == 1 else (2, 2))
    assert logits.dtype == torch.float32


def test_the_small_network_is_small_from_8_to_64_pixels() -> None:
    for side in (8, 28, 64):
        network = build_network(images(3, side)).eval()
        assert size(network) < 100_000
        assert network(torch.zeros(1, 3, side, side, dtype=torch.uint8)).shape == (1,)


def test_images_are_normalised_inside_the_network() -> None:
    layer = Normalize([0.4, 0.5], [0.2, 0.25])
    pictures = torch.randint(256, (3, 2, 4, 5), dtype=torch.uint8)
    mean = torch.tensor([0.4, 0.5]).reshape(2, 1, 1)
    std = torch.tensor([0.2, 0.25]).reshape(2, 1, 1)
    expected = (pictures.double() / 255 - mean) / std
    torch.testing.assert_close(layer(pictures), expected.float(), atol=1e-5, rtol=1e-5)
    assert set(layer.state_dict()) == {"scale", "shift"}


def test_a_channel_without_spread_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="above 0"):
        build_network(images(1, 8) | {"std": [0.0]})


def naive_code(value: float, edges: list[float]) -> list[float]:
    code = []
    for t in range(1, len(edges)):
        share = (value - edges[t - 1]) / (edges[t] - edges[t - 1])
        if t > 1:
            share = max(0.0, share)
        if t < len(edges) - 1:
            share = min(1.0, share)
        code.append(share)
    return code


def test_piecewise_linear_codes_equal_the_papers_equation() -> None:
    bins = [[-2.0, -0.5, 0.5, 2.0], [-1.0, 0.0, 1.5]]
    encoding = PiecewiseLinearEncoding(bins, width=4)
    values = torch.linspace(-3, 3, 25)
    codes = encoding.codes(torch.stack([values, values], dim=1))
    for column, edges in enumerate(bins):
        for row, value in enumerate(values.tolist()):
            expected = naive_code(value, edges)
            assert codes[row, column, : len(expected)].tolist() == pytest.approx(expected, abs=1e-5)
            assert codes[row, column, len(expected) :].tolist() == [0.0] * (3 - len(expected))


def test_every_column_is_encoded_by_weights_of_its_own() -> None:
    encoding = PiecewiseLinearEncoding([[-1.0, 0.0, 1.0]] * 2, width=3)
    values = torch.randn(4, 2)
    naive = [
        encoding.codes(values)[:, c] @ encoding.weight[c]
        + values[:, c : c + 1] * encoding.straight[c]
        + encoding.bias[c]
        for c in range(2)
    ]
    torch.testing.assert_close(encoding(values), torch.cat(naive, dim=1).relu())


@pytest.mark.parametrize("edges", [[0.0, 0.0, 1.0], [1.0, 0.0], [0.0, math.nan]])
def test_bin_edges_that_do_not_ascend_are_refused(edges: list[float]) -> None:
    with pytest.raises(ValueError, match="ascend strictly"):
        PiecewiseLinearEncoding([edges], width=2)


def test_columns_do_not_share_embeddings_and_the_unseen_category_is_neutral() -> None:
    embedding = CategoryEmbedding([3, 4], width=2)
    same_code = embedding(torch.tensor([[1, 1], [0, 0]]))
    assert not torch.equal(same_code[0, :2], same_code[0, 2:])
    assert not same_code[1].any()


@pytest.mark.parametrize("outputs", [1, 2])
def test_a_table_with_numbers_and_categories_is_scored(outputs: int) -> None:
    network = build_network(TABLE, outputs=outputs)
    assert network(table_rows(5)).shape == ((5,) if outputs == 1 else (5, 2))


@pytest.mark.parametrize(
    "spec",
    [
        TABLE | {"n_numeric": 0, "bins": []},
        TABLE | {"cardinalities": []},
        TABLE | {"bins": [[], [], []]},
        TABLE | {"bins": [[0.0, 1.0], [-1.0, 1.0], []]},
    ],
    ids=["only categories", "only numbers", "no bins", "one bin a column"],
)
def test_any_part_of_a_table_may_be_missing(spec: dict[str, Any]) -> None:
    rows = table_rows(5)
    rows["numeric"] = rows["numeric"][:, : spec["n_numeric"]]
    rows["categorical"] = rows["categorical"][:, : len(spec["cardinalities"])]
    logits = build_network(spec)(rows)
    assert logits.shape == (5,)
    assert logits.std() > 0


def test_every_column_reaches_the_logit() -> None:
    network = build_network(TABLE).eval()
    rows = table_rows(1)
    before = network(rows)
    for name, width in (("numeric", 3), ("categorical", 2)):
        for column in range(width):
            changed = {key: value.clone() for key, value in rows.items()}
            changed[name][0, column] += 1
            assert not torch.equal(network(changed), before), (name, column)


def test_a_wide_table_of_0_1_columns_gets_no_encoding() -> None:
    network = TableMLP([[]] * 300)
    assert network.encoding is None
    assert size(network) < 120_000


def test_many_columns_with_bins_enter_as_they_are() -> None:
    network = TableMLP([[-1.0, 0.0, 1.0]] * 512)
    assert network.encoding is None
    began = time.process_time()
    for _ in range(10):
        network({"numeric": torch.zeros(256, 512)}).sum().backward()
    assert time.process_time() - began < 2.0


def test_the_same_seed_gives_the_same_weights_and_leaves_the_global_state_alone() -> None:
    before = torch.get_rng_state()
    first, same, other = (build_network(TABLE, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    weights = [network.get_parameter("fc.weight") for network in (first, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_logits_keep_their_resolution_under_autocast() -> None:
    network = build_network(images(1, 8)).eval()
    pictures = torch.randint(256, (256, 1, 8, 8), dtype=torch.uint8)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        logits = network(pictures)
    assert logits.dtype == torch.float32
    # bfloat16 has 8 bits: 256 logits of one magnitude would share a few dozen values.
    assert len(logits.unique()) > 200


def test_a_head_needs_an_output() -> None:
    with pytest.raises(ValueError, match="1 output or more"):
        Head(3, 0)


@pytest.mark.parametrize(
    ("spec", "arguments", "message"),
    [
        (TABLE, {"name": "resnet10"}, "does not fit a table; choose from mlp"),
        (images(1, 8), {"name": "resnet-smal"}, "Did you mean 'resnet-small'"),
        (TABLE, {"options": {"widht": 3}}, "has no option 'widht'.*Did you mean 'width'"),
        (TABLE, {"options": {"width": -3}}, "cannot be made with"),
        (TABLE, {"options": {"dropout": 1.5}}, "cannot be made with"),
        (images(1, 8), {"options": {"widths": []}}, "cannot be made with"),
        (TABLE, {"outputs": 0}, "1 output or more"),
    ],
)
def test_what_cannot_be_built_is_refused_with_advice(
    spec: dict[str, Any], arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        build_network(spec, **arguments)


@pytest.mark.parametrize("spec", [TABLE, images(1, 8)], ids=["table", "images"])
def test_weights_survive_a_file_bit_for_bit(spec: dict[str, Any], tmp_path: Path) -> None:
    network, other = build_network(spec, seed=1), build_network(spec, seed=2)
    path = tmp_path / "deep" / "weights.safetensors"
    save_weights(network, path)
    load_weights(other, path)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name
    assert [entry.name for entry in path.parent.iterdir()] == ["weights.safetensors"]


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_weights(build_network(TABLE), path)
    with pytest.raises(RunError, match="another network"):
        load_weights(build_network(images(1, 8)), path)


@pytest.mark.parametrize("content", [None, b"", b"not weights at all"])
def test_a_missing_or_damaged_weights_file_is_named(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RunError, match=r"Cannot read weights from .*weights\.safetensors"):
        load_weights(build_network(TABLE), path)


def test_a_projection_is_the_strided_convolution():
    block = BasicBlock(4, 8, 2).double()
    (projection, _) = block.shortcut
    images = torch.randn(3, 4, 7, 6, dtype=torch.float64)
    expected = torch.nn.functional.conv2d(images, projection.weight, stride=2)
    torch.testing.assert_close(projection(images), expected, rtol=0, atol=1e-12)


def test_a_narrow_network_trains_on_two_threads_with_batches_of_any_size():
    # Once overwrote memory, which a process survives by luck only: so in one of its own.
    code = (
        "import torch\n"
        "from rarecall.models import ResNet\n"
        "torch.set_num_threads(2)\n"
        "network = ResNet([0.5] * 3, [0.2] * 3, widths=(4, 8, 8, 16))\n"
        "for rows in (33, 64, 51, 44, 50, 63, 35, 47, 58, 39):\n"
        "    images = torch.zeros(rows, 3, 32, 32, dtype=torch.uint8)\n"
        "    network(images).square().mean().backward()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
