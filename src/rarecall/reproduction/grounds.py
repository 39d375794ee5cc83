"""The data of one training: read once a process, drawn by a manifest, encoded as tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rarecall.data.collections import find_source
from rarecall.data.collections.places import data_root
from rarecall.errors import ConfigurationError, DataError
from rarecall.files import read_json, write_json
from rarecall.reproduction.drawing import draw
from rarecall.reproduction.encoding import Ground, make_ground
from rarecall.reproduction.pools import Pools, read_pools
from rarecall.reproduction.units import slug

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from rarecall.data.imbalance import Manifest
    from rarecall.reproduction.plan import Plan


class Grounds:
    """Gives units their data; keeps what the next unit will need again.

    Args:
        plan: Of the run.
        root: Folder of all data sets, or None; see :func:`rarecall.data.collections.data_root`.
        run: The run folder, which gets manifests, and made-up data at the smoke scale.
        helper: Gives the scores of a setting's training pool, for protocols that add easy samples.
    """

    def __init__(
        self,
        plan: Plan,
        root: Path | None,
        run: Path,
        helper: Callable[[str, int, Pools], NDArray[np.float64]] | None = None,
    ) -> None:
        self.plan, self.root, self.run, self.helper = plan, root, run, helper
        self._pools: dict[str, Pools] = {}
        self._drawn: dict[tuple[str, int], list[Manifest]] = {}
        self._last: tuple[tuple[str, int, int], Ground] | None = None

    def pools(self, setting: str) -> Pools:
        """Read the data set of a setting.

        Raises:
            DataError: It is not there or not whole.
        """
        told = self.plan["settings"][setting]
        name, size = told["collection"], told.get("size") or self.plan.get("size")
        key = f"{name} {size}"
        if key not in self._pools:
            self._pools = {key: read_pools(name, self._root_of(name), size=size)}
        return self._pools[key]

    def manifests(self, setting: str, split: int) -> list[Manifest]:
        """Draw the manifests of a split, one a member, and store them.

        Raises:
            ConfigurationError: The setting cannot be drawn from this data.
        """
        key = (setting, split)
        if key not in self._drawn:
            told, pools = self.plan["settings"][setting], self.pools(setting)
            redrawn = split if self.plan.get("vary", "split") == "split" else 0
            made = draw(
                told,
                pools.labels,
                pools.test_labels,
                groups=pools.groups,
                test_groups=pools.test_groups,
                members=max(self.plan.members_of(row) for row in self.plan["rows"]),
                mode=self.plan.mode,
                split=redrawn,
                scores=self._scores(setting, redrawn, pools),
            )
            for number, manifest in enumerate(made):
                if number and manifest.digest == made[0].digest:
                    continue
                name = f"split-{split}" + (f"-member-{number:02d}" if number else "")
                path = self.run / "manifests" / slug(setting) / f"{name}.json"
                if not path.exists():
                    manifest.save(path)
            self._drawn[key] = made
        return self._drawn[key]

    def ground(self, setting: str, split: int, member: int) -> Ground:
        """Give the data of one training."""
        made = self.manifests(setting, split)
        # In strict mode all members share one training set.
        number = member % len(made) if made[0].digest != made[-1].digest else 0
        key = (setting, split, number)
        if self._last is None or self._last[0] != key:
            self._last = None
            told = self.plan["settings"][setting]
            self._last = (key, make_ground(told, self.pools(setting), made[number]))
        return self._last[1]

    def remember(self, setting: str) -> None:
        """Store which data a setting was drawn from; refuse other data than the run began with.

        Raises:
            DataError: The data differs from that of the run.
        """
        pools = self.pools(setting)
        path = self.run / "data" / f"{pools.name}.json"
        told = {
            "fingerprint": pools.fingerprint,
            "made_up": pools.made_up,
            "counts": pools.counts,
        }
        if not path.exists():
            write_json(path, told)
            return
        before = read_json(path)["fingerprint"]
        if before != told["fingerprint"]:
            raise DataError(
                f"The run in {self.run} was started with other data: {pools.name} was "
                f"{before[:12]}, here it is {pools.fingerprint[:12]}. Use the same data, or "
                "another --out."
            )

    def _scores(self, setting: str, split: int, pools: Pools) -> NDArray[np.float64] | None:
        if not (self.plan["settings"][setting].get("imbalance") or {}).get("easy"):
            return None
        if self.helper is None:
            raise ConfigurationError(f"The setting {setting!r} adds easy samples: give a helper.")
        return self.helper(setting, split, pools)

    def _root_of(self, name: str) -> Path:
        root = data_root(self.root)
        if (root / name).is_dir() or self.plan.get("scale") != "smoke":
            return root
        own = self.run / "made-up"
        if not (own / name).is_dir():
            find_source(name).tiny(own / name)
        return own
