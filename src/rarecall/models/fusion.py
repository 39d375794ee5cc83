"""An image with a row of patient data: two networks whose logits are mixed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from rarecall.errors import ConfigurationError, did_you_mean
from rarecall.models.dropout import Dropout
from rarecall.models.head import Head
from rarecall.models.table import TableMLP

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Self

PAPER_WIDTHS = (256, 128)
_PARTS = ("image", "table")


class MetadataNetwork(TableMLP):
    """The network for patient data: dense layers of 256 and 128 units on encoded columns.

    Args:
        bins: As for :class:`~rarecall.models.TableMLP`, and so are the others not named here.
        cardinalities: Number of codes of every categorical column, code 0 (unseen) included.
        outputs: 1 for logits of shape ``(B,)``, more for ``(B, outputs)``.
        widths: Units of each hidden layer.
        dropout: Share of hidden units dropped in training, in [0, 1).
        encoded_width: Numbers that one encoded column becomes.
        embedded_width: Numbers that one categorical column becomes.

    Reference:
        Yuan et al., *Large-scale Robust Deep AUC Maximization*, ICCV 2021, appendix K.

    >>> network = MetadataNetwork([[-1.0, 0.0, 1.0]], outputs=2).eval()
    >>> network({"numeric": torch.zeros(5, 1)}).shape
    torch.Size([5, 2])
    """

    def __init__(
        self,
        bins: Sequence[Sequence[float]],
        cardinalities: Sequence[int] = (),
        *,
        outputs: int = 1,
        widths: Sequence[int] = PAPER_WIDTHS,
        dropout: float = 0.2,
        encoded_width: int = 8,
        embedded_width: int = 8,
    ) -> None:
        if not widths:
            raise ValueError("A metadata network needs one hidden layer or more; widths is empty.")
        super().__init__(
            bins,
            cardinalities,
            outputs=outputs,
            width=widths[0],
            depth=1,
            dropout=dropout,
            encoded_width=encoded_width,
            embedded_width=embedded_width,
        )
        entering = widths[0]
        for width in widths[1:]:
            self.body.extend([nn.Linear(entering, width), nn.ReLU(), Dropout(dropout)])
            entering = width
        self.fc = Head(entering, outputs)


class MetadataFusion(nn.Module):
    r"""Mixes the logits of a network on images and of one on rows of patient data.

    .. math:: z = w \, z_{\text{image}} + (1 - w) \, z_{\text{table}}

    The two are trained together, or each alone and then fused. What replaces "the head" of a
    network finds the image network's; what changes how logits are read (a cosine head) must
    change both, :meth:`adapt_each`.

    Args:
        image_network: Takes ``inputs["image"]``, gives logits of any number of outputs.
        table_network: Takes ``inputs["table"]``, gives logits of the same shape.
        mix: :math:`w`, share of the image, in [0, 1]. It is stored with the weights.

    Raises:
        ValueError: The mix is outside [0, 1].

    Reference:
        Yuan et al., *Large-scale Robust Deep AUC Maximization*, ICCV 2021, section 5.4:
        0.5 : 0.5.

    >>> image, table = nn.Flatten(0), nn.Flatten(0)
    >>> fusion = MetadataFusion(image, table, mix=0.25)
    >>> fusion({"image": torch.tensor([4.0, 8.0]), "table": torch.tensor([0.0, 4.0])})
    tensor([1., 5.])
    """

    mix: Tensor

    def __init__(
        self, image_network: nn.Module, table_network: nn.Module, mix: float = 0.5
    ) -> None:
        super().__init__()
        if not 0 <= mix <= 1:
            raise ValueError(f"MetadataFusion needs mix, the image's share, in [0, 1], not {mix}.")
        # The image network last: a network's head is its linear layer that was registered last.
        self.table_network = table_network
        self.image_network = image_network
        self.register_buffer("mix", torch.tensor(float(mix)))

    def forward(self, inputs: Mapping[str, Any]) -> Tensor:
        """Score the samples.

        Args:
            inputs: ``image`` and ``table``, each as its network takes it, the same ``B`` rows.

        Returns:
            Logits, shape ``(B,)`` or ``(B, outputs)``, as the two networks give them.

        Raises:
            ValueError: A part is missing, or the two networks' logits differ in shape.
        """
        missing = [part for part in _PARTS if part not in inputs]
        if missing:
            raise ValueError(
                f"MetadataFusion needs inputs {{'image': ..., 'table': ...}}; {missing} is missing "
                f"from {list(inputs)}."
            )
        image: Tensor = self.image_network(inputs["image"])
        table: Tensor = self.table_network(inputs["table"])
        if image.shape != table.shape:
            raise ValueError(
                "The two networks of a MetadataFusion must give logits of one shape; got "
                f"{tuple(image.shape)} for the images and {tuple(table.shape)} for the table."
            )
        return self.mix * image + (1 - self.mix) * table

    def adapt_each(self, adapt: Callable[[nn.Module], nn.Module]) -> Self:
        """Adapt both networks, as a loss with a head of its own needs it.

        Args:
            adapt: Gives the network to use instead, such as ``objective.adapt``.
        """
        self.table_network = adapt(self.table_network)
        self.image_network = adapt(self.image_network)
        return self


def build_fusion(
    spec: Mapping[str, Any],
    *,
    name: str = "auto",
    outputs: int = 1,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
) -> MetadataFusion:
    """Make a fusion from a description of both kinds of data.

    Args:
        spec: ``{"kind": "images+table", "images": ..., "table": ...}``, each of the two as for
            :func:`~rarecall.models.build_network`.
        name: Name of the image network.
        outputs: Logits a sample.
        seed: Fixes the first weights; the global random state is left alone.
        options: ``image``: options of the image network; ``table``: arguments of
            :class:`MetadataNetwork`; ``mix``.

    Raises:
        ConfigurationError: An option is unknown or impossible.
    """
    from rarecall.models.build import build_network

    options = dict(options or {})
    known = (*_PARTS, "mix")
    unknown = [option for option in options if option not in known]
    if unknown:
        raise ConfigurationError(
            f"The network for images with a table has no option {', '.join(map(repr, unknown))}; "
            f"it has {', '.join(known)}.{did_you_mean(unknown[0], known)}"
        )
    for part in _PARTS:
        if not isinstance(options.get(part, {}), dict):
            raise ConfigurationError(
                f"The option {part!r} of a network for images with a table holds options itself, "
                f"such as {{'dropout': 0.1}}; got {options[part]!r}."
            )
    image = build_network(
        spec["images"], name=name, outputs=outputs, seed=seed, options=options.get("image")
    )
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        try:
            table = MetadataNetwork(
                spec["table"]["bins"],
                spec["table"]["cardinalities"],
                outputs=outputs,
                **options.get("table", {}),
            )
            return MetadataFusion(image, table, options.get("mix", 0.5))
        except (TypeError, ValueError, RuntimeError) as error:
            raise ConfigurationError(
                f"The network for images with a table cannot be made with {options}: {error}"
            ) from error
