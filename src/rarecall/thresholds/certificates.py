"""A certificate: what is promised for a threshold, and on what grounds, as a checked file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rarecall.errors import RunError
from rarecall.files import write_text
from rarecall.thresholds import certificate_fields as fields

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

FORMAT = 1
"""Of the certificate file; a reader refuses a newer one."""

_LARGEST = 4 * 2**20
"""Bytes; a certificate takes about a tenth of a mebibyte."""


@dataclass(frozen=True)
class Promise:
    """One bound that a certificate states.

    Attributes:
        rate: What is bounded: ``"tpr"`` from below, ``"fpr"`` from above.
        bound: In (0, 1).
        confidence: That all promises of the certificate hold, in (0, 1); None where a promise holds
            on average or not at all on that scale.
        n: Calibration units that were counted: critical ones for a TPR, the others for an FPR.
        needed: The fewest with which the promise could be made.
        rank: Of the score next to the threshold that carries the bound, from the outermost.
        unit: What was counted, ``"row"`` or ``"group"``.
        kind: ``"guaranteed"`` with the confidence, on ``"average"``, or ``"none"``: too few units.
    """

    rate: Literal["tpr", "fpr"]
    bound: float
    confidence: float | None
    n: int
    needed: int
    rank: int
    unit: Literal["row", "group"]
    kind: Literal["guaranteed", "average", "none"]


@dataclass(frozen=True)
class Certificate:
    """What is promised for a threshold, by which samples and under which assumptions.

    :func:`~rarecall.thresholds.certify` issues it.

    Attributes:
        promises: One or two bounds.
        threshold: A sample is critical when ``score >= threshold``.
        assumptions: What must be true for the promises to hold, a sentence each.
        statement: The promises in words.
        data_fingerprint: SHA-256 that names the calibration samples.
        model_fingerprint: Any text that names the model, or None: not tied to one.
        score_name: What the score is called in the user's data, or None.
        created: When it was issued, ISO 8601 in UTC.
        rarecall: Version that issued it.
        reference: The calibration scores, for later checks of drift: ``n`` and ``positives``, how
            many there were; ``scores`` and ``positive_scores``, sorted, thinned to 2001 evenly
            spaced quantiles where there were more than 2000.
        prevalence: Share of critical samples in the calibration part.
        format: Version of this form.
    """

    promises: tuple[Promise, ...]
    threshold: float
    assumptions: tuple[str, ...]
    statement: str
    data_fingerprint: str
    model_fingerprint: str | None
    score_name: str | None
    created: str
    rarecall: str
    reference: Mapping[str, Any]
    prevalence: float
    format: int = FORMAT

    @property
    def guaranteed(self) -> bool:
        """Whether every promise holds with its confidence."""
        return all(promise.kind == "guaranteed" for promise in self.promises)

    @property
    def seal(self) -> str:
        """SHA-256 over everything else: an edited file no longer agrees with it.

        It finds edits and damage. It is no signature: who can compute a hash can seal again.
        """
        return fields.seal(self._content())

    def promise(self, rate: Literal["tpr", "fpr"]) -> Promise | None:
        """Find the promise about a rate; None where there is none."""
        return next((one for one in self.promises if one.rate == rate), None)

    def for_model(self, fingerprint: str) -> Self:
        """Give the same certificate, tied to a model.

        Raises:
            RunError: It is tied to another one.
        """
        if self.model_fingerprint is not None:
            self.check_model(fingerprint)
        return replace(self, model_fingerprint=str(fingerprint))

    def check_model(self, fingerprint: str) -> None:
        """Make sure that the certificate was issued for this model.

        Raises:
            RunError: It was issued for another one, or for none that it names.
        """
        if self.model_fingerprint is None:
            raise RunError(
                "The certificate names no model, so it cannot be shown to belong to this one. "
                "Certify again and name it: certify(..., model=fingerprint)."
            )
        if self.model_fingerprint != fingerprint:
            raise RunError(
                f"The certificate was issued for model {self.model_fingerprint!r}, not for "
                f"{fingerprint!r}, and promises nothing for it. Certify a threshold of this model "
                "on calibration data of its own."
            )

    def to_json(self) -> dict[str, Any]:
        """Give plain values that JSON can hold, the seal among them."""
        content = self._content()
        return {**content, "seal": fields.seal(content)}

    @classmethod
    def from_json(cls, mapping: object) -> Self:
        """Read what :meth:`to_json` gave; checks every field and executes nothing.

        Raises:
            RunError: A newer format, a missing, unknown or mistyped field, or a broken seal.
        """
        given = fields.content_of(mapping, FORMAT)
        try:
            found = cls(
                promises=tuple(_promise(one) for one in fields.items(given, "promises", 1, 2)),
                threshold=fields.number(given, "threshold"),
                assumptions=fields.texts(given, "assumptions"),
                statement=fields.text(given, "statement"),
                data_fingerprint=fields.digest(given, "data_fingerprint"),
                model_fingerprint=fields.text_or_none(given, "model_fingerprint"),
                score_name=fields.text_or_none(given, "score_name"),
                created=fields.moment(given, "created"),
                rarecall=fields.text(given, "rarecall"),
                reference=fields.reference(given, "reference"),
                prevalence=fields.share(given, "prevalence"),
                format=FORMAT,
            )
            fields.only(given, {*found._content(), "seal"})
            fields.check_seal(given, found.seal)
        except (fields.FieldError, RecursionError) as error:
            raise RunError(
                f"This is no valid certificate: {error}. Use the file as rarecall wrote it, or "
                "certify again."
            ) from error
        return found

    def save(self, path: str | Path) -> None:
        """Write it as JSON, whole or not at all.

        Raises:
            StorageError: The file system refused.
        """
        write_text(path, json.dumps(self.to_json(), indent=1, allow_nan=False) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a certificate file.

        Raises:
            RunError: No such file, no JSON, or not a valid certificate.
        """
        return cls.from_json(fields.read(Path(path), _LARGEST))

    def _content(self) -> dict[str, Any]:
        content = asdict(self)
        content["promises"] = [asdict(one) for one in self.promises]
        content["assumptions"] = list(self.assumptions)
        return content


def _promise(given: object) -> Promise:
    mapping = fields.mapping(given, "a promise")
    found = Promise(
        rate="tpr" if fields.one_of(mapping, "rate", ("tpr", "fpr")) == "tpr" else "fpr",
        bound=fields.share(mapping, "bound"),
        confidence=fields.share_or_none(mapping, "confidence"),
        n=fields.count(mapping, "n"),
        needed=fields.count(mapping, "needed"),
        rank=fields.count(mapping, "rank"),
        unit="row" if fields.one_of(mapping, "unit", ("row", "group")) == "row" else "group",
        kind=_kind(fields.one_of(mapping, "kind", ("guaranteed", "average", "none"))),
    )
    fields.only(mapping, set(asdict(found)))
    return found


def _kind(word: str) -> Literal["guaranteed", "average", "none"]:
    if word == "guaranteed":
        return "guaranteed"
    return "average" if word == "average" else "none"
