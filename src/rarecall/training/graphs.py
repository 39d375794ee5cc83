"""A network's passes recorded once and played back: small batches on a graphics processor.

At batch 64 a small network leaves a graphics processor waiting for the program that launches its
kernels. A CUDA graph launches all of a pass at once. It is asked for by the environment's
``RARECALL_CUDA_GRAPHS=1``, and then tried at the first steps: a recording that fails, computes
something else or is no faster is thrown away, and training goes on as without it.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from rarecall.training.technique import Technique

VARIABLE = "RARECALL_CUDA_GRAPHS"
SEEN_BEFORE = 20
"""Calls with inputs of some shape before that shape is recorded: those of a buffer that fills up,
which soon do not come again, are not worth it."""

MOST = 8
"""Shapes recorded at most; each holds a pass's activations."""

AGREE = 0.02
"""Largest difference of the gradients, relative to their norm: bfloat16 rounds to 0.4%."""

_CALLS = 5

Record = Callable[[nn.Module, tuple[Tensor, ...]], Callable[..., Tensor]]


def graphed(network: nn.Module, technique: Technique) -> nn.Module:
    """Give what a training calls in the place of ``network``: itself, unless graphs are asked for.

    Sharpness-aware steps hold batch statistics still in their second pass, which a recording would
    not know of: they never use graphs.
    """
    asked = os.environ.get(VARIABLE, "").lower() in ("1", "true", "on")
    return Graphed(network) if asked and technique.radius is None else network


class Graphed(nn.Module):
    """Calls a network, by a recording where there is one.

    Args:
        network: It is called as it is in evaluation, without gradients, and on other devices.
        record: Makes a recording of a forward and a backward pass; for tests.
        device: Kind of device on which recordings are made.
        timed: Whether a recording must be faster; for tests.

    >>> layer = nn.Linear(2, 1)
    >>> rows = torch.ones(3, 2)
    >>> torch.equal(Graphed(layer)(rows), layer(rows))  # on a processor: the network itself
    True
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        record: Record | None = None,
        device: str = "cuda",
        timed: bool = True,
    ) -> None:
        super().__init__()
        self.network = network
        self.why_not = ""
        """Why no recording is used, once one was thrown away."""
        self._record = record_cuda if record is None else record
        self._device, self._timed = device, timed
        self._recordings: dict[Any, Callable[..., Tensor]] = {}
        self._seen: Counter[Any] = Counter()
        self._places: tuple[int, ...] = ()

    def forward(self, *arguments: Any) -> Any:
        """Call the network."""
        if not self._may(arguments):
            return self.network(*arguments)
        places = tuple(tensor.data_ptr() for tensor in self.network.parameters())
        if places != self._places:
            # A recording reads weights where they were.
            self._recordings, self._places = {}, places
        kind = tuple((part.shape, part.dtype) for part in arguments)
        if kind not in self._recordings:
            self._seen[kind] += 1
            if self._seen[kind] <= SEEN_BEFORE or len(self._recordings) >= MOST:
                return self.network(*arguments)
            recording = self._tried(arguments)
            if recording is None:
                return self.network(*arguments)
            self._recordings[kind] = recording
        # A copy: the next pass writes where the recording's result lies.
        return self._recordings[kind](*arguments).clone()

    def _may(self, arguments: tuple[Any, ...]) -> bool:
        return (
            not self.why_not
            and self.network.training
            and torch.is_grad_enabled()
            and all(
                isinstance(part, Tensor) and part.device.type == self._device for part in arguments
            )
        )

    def _tried(self, arguments: tuple[Tensor, ...]) -> Callable[..., Tensor] | None:
        """Record a pass, and hold it to the network itself; leave no trace in its statistics."""
        buffers = [(buffer, buffer.detach().clone()) for buffer in self.network.buffers()]
        devices = [arguments[0].device] if self._device == "cuda" else []
        try:
            with torch.random.fork_rng(devices=devices):
                recording = self._record(self.network, arguments)
                self.why_not = self._fault(recording, arguments)
        except Exception as error:
            # Whatever an unknown driver or version says: training does not depend on it.
            self.why_not = f"{type(error).__name__}: {error}"
        finally:
            with torch.no_grad():
                for buffer, before in buffers:
                    buffer.copy_(before)
        return None if self.why_not else recording

    def _fault(self, recording: Callable[..., Tensor], arguments: tuple[Tensor, ...]) -> str:
        drawn = [arguments[0].device] if self._device == "cuda" else []
        with torch.random.fork_rng(devices=drawn):
            plain = self._gradients(self.network, arguments)
        # From the same random state: both drop out the same units.
        played = self._gradients(recording, arguments)
        apart = sum(
            float((a - b).double().square().sum()) for a, b in zip(plain, played, strict=True)
        )
        size = sum(float(a.double().square().sum()) for a in plain)
        if not apart <= AGREE**2 * size:
            return "the recording's gradients are not those of the network."
        if self._timed and self._seconds(recording, arguments) >= self._seconds(
            self.network, arguments
        ):
            return "the recording is no faster than the network."
        return ""

    def _gradients(
        self, call: Callable[..., Tensor], arguments: tuple[Tensor, ...]
    ) -> list[Tensor]:
        weights = [weight for weight in self.network.parameters() if weight.requires_grad]
        found = torch.autograd.grad(call(*arguments).float().sum(), weights)
        return [gradient.detach().clone() for gradient in found]

    def _seconds(self, call: Callable[..., Tensor], arguments: tuple[Tensor, ...]) -> float:
        self._gradients(call, arguments)
        began = time.perf_counter()
        for _ in range(_CALLS):
            gradients = self._gradients(call, arguments)
        float(gradients[0].flatten()[0])  # waits for the device
        return time.perf_counter() - began


class _Shell(nn.Module):
    """Stands for a network where something replaces the forward of what it is given."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *arguments: Tensor) -> Tensor:
        found: Tensor = self.network(*arguments)
        return found


def record_cuda(network: nn.Module, arguments: tuple[Tensor, ...]) -> Callable[..., Tensor]:
    """Record a forward and a backward pass as CUDA graphs.

    Args:
        network: In training mode.
        arguments: Of the shapes that the recording is for.
    """
    cached = torch.is_autocast_cache_enabled()
    # A recording must cast the weights anew at every pass.
    torch.set_autocast_cache_enabled(False)
    try:
        samples = tuple(part.detach().clone() for part in arguments)
        shell: Callable[..., Tensor] = torch.cuda.make_graphed_callables(  # type: ignore[assignment]
            _Shell(network).train(), samples
        )
    finally:
        torch.set_autocast_cache_enabled(cached)
    return shell
