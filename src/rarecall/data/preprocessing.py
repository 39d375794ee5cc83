"""From samples to tensors: fitted on the training part, stored as JSON, applied to all parts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from rarecall.data.dataset import ArrayDataset
from rarecall.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rarecall.data.samples import Samples


class Preprocessor(ABC):
    """Turns samples into the tensors that a network takes.

    Made by :func:`fit_preprocessor` from training samples, or by :meth:`from_json`.
    """

    @abstractmethod
    def transform(self, samples: Samples) -> Any:
        """Encode samples as a pytree of tensors with leading dimension ``n``.

        Raises:
            DataError: The samples do not have the columns or the size seen in training.
        """

    @property
    @abstractmethod
    def spec(self) -> dict[str, Any]:
        """What a network builder must know of the encoded samples, in plain JSON values."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Give all that was fitted, in plain JSON values."""

    @staticmethod
    def from_json(stored: Mapping[str, Any]) -> Preprocessor:
        """Restore what :meth:`to_json` gave; nothing in it can run code.

        Raises:
            DataError: It is no stored preprocessing.
        """
        from rarecall.data.fusion_preprocessor import FusionPreprocessor
        from rarecall.data.image_preprocessor import ImagePreprocessor
        from rarecall.data.table_preprocessor import TablePreprocessor

        try:
            kind = stored["kind"]
            if kind == "table":
                return TablePreprocessor.restore(stored)
            if kind == "images":
                return ImagePreprocessor.restore(stored)
            if kind == "images+table":
                return FusionPreprocessor.restore(stored)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(
                f"The stored preprocessing cannot be read ({type(error).__name__}: {error}). "
                "It is damaged, or of another version of rarecall."
            ) from error
        raise DataError(f"The stored preprocessing is of an unknown kind, {kind!r}.")


def fit_preprocessor(samples: Samples) -> Preprocessor:
    """Fit the encoding on training samples, and on nothing else.

    Args:
        samples: The training part.

    >>> from rarecall.data import load
    >>> samples = load("breast-cancer")
    >>> preprocessor = fit_preprocessor(samples)
    >>> preprocessor.transform(samples)["numeric"].shape
    torch.Size([569, 30])
    """
    from rarecall.data.fusion_preprocessor import FusionPreprocessor
    from rarecall.data.image_preprocessor import ImagePreprocessor
    from rarecall.data.table_preprocessor import TablePreprocessor

    if samples.metadata is not None:
        return FusionPreprocessor.fit(samples)
    if samples.kind == "images":
        return ImagePreprocessor.fit(samples)
    return TablePreprocessor.fit(samples)


def encode(preprocessor: Preprocessor, samples: Samples) -> ArrayDataset:
    """Encode samples as a data set of tensors.

    Args:
        preprocessor: Fitted on the training part.
        samples: Any part.
    """
    import torch

    several = samples.task.kind == "multilabel"
    targets = torch.tensor(samples.targets, dtype=torch.float32 if several else torch.int64)
    return ArrayDataset(preprocessor.transform(samples), targets, samples.ids)
