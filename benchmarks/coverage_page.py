"""The page of docs/coverage.md: tables from stored numbers, and how to read them."""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]


def page(result: Row) -> str:
    """Lay out the whole page from the numbers that ``coverage.py`` stores."""
    repeats = result["repeats"]
    parts = [
        INTRODUCTION.format(
            repeats=repeats,
            quarter=max(repeats // 4, 5),
            error=_percent((0.95 * 0.05 / repeats) ** 0.5),
            wide=_percent((0.95 * 0.05 / max(repeats // 4, 5)) ** 0.5),
            negatives=result["negatives"],
            resamples=result["resamples"],
        ),
        "## False positive rate at a required TPR\n",
        _reading_of_intervals(result),
        "**TPR .90**, normal scores:\n",
        _intervals(result["fpr_90"]),
        "**TPR .95**, normal scores:\n",
        _intervals(result["fpr_95"]),
        HARD,
        _intervals(result["fpr_90_hard"]),
        "## Thresholds for TPR .95\n",
        _reading_of_thresholds(result["thresholds"]),
        _thresholds(result["thresholds"]),
        AREAS,
        _areas(result["areas"]),
        PAIRS,
        _pairs(result["pairs"]),
        CLUSTERS,
        _clusters(result["clusters"]),
        TRAININGS,
        _trainings(result["trainings"]),
    ]
    return "\n".join(parts)


INTRODUCTION = """# Coverage: nominal against achieved

Do intervals and thresholds keep what they say? Each cell below comes from {repeats} simulated data
sets whose true rates are known in closed form ({quarter} for the columns and sections that are
marked with a star), with {negatives} negatives unless said otherwise. Every promise is **95%**. The
standard error of a cell is {error} near 95%, {wide} where there is a star. Bootstraps draw
{resamples} resamples.

The page is written by

```sh
python benchmarks/coverage.py    # some minutes; --quick prints a rough version and writes nothing
```

and quick versions of the same simulations, with wide bounds, run among the tests
(`tests/statistical`).
"""

HARD = """**TPR .90, a tenth of the positives as low as the negatives**, the others far above: the
threshold lies where there are hardly any positives, and the curve climbs steeply there.
"""

AREAS = """## Area under the ROC curve

AUC .921 on normal scores, .935 where a tenth of the positives is hard. `auc_interval` works on the
logit scale with Student's quantile and a variance that few samples do not estimate alone; the usual
interval takes DeLong's variance with a normal quantile on the plain scale. `auc_difference`
compares two models that share 70% of their variance, equal ones or AUC .921 against .856;
*rejected* is how often its test finds a difference between the equal ones, at the 5% level.
"""

PAIRS = """## Two models' FPR at TPR .95 \\*

500 negatives, models that share 70% of their variance. *Rejected* is how often the permutation test
finds a difference at the 5% level: an error where the models are equal, power where they are not
(FPR 12% against 36%). With 13 and 30 positives the interval is honest and nearly empty: nobody
knows where the threshold belongs.
"""

CLUSTERS = """## Groups (patients, accounts) \\*

Six rows a group that share 70% of their variance, groups of one class each, two and a half to four
times as many negative ones. *By group* is given `groups`, *by row* is not. The width tells how much
is known: where the TPR allows fewer than three groups to be missed, next to nothing.
"""

TRAININGS = """## Trainings that differ by their seed \\*

100 positives, 500 negatives, TPR .9. The truth is the mean FPR over all trainings. *Spread* is how
much the models' quality varies by the seed: 0 not at all, .2 a little (6 points of FPR), .5 much
(15 points). `fpr_over_seeds` takes both levels; the other two columns take one for the whole.
"""


def _intervals(rows: list[Row]) -> str:
    header = [
        "positives",
        "`auto`",
        "product",
        "mixture",
        "bootstrap, shortcut",
        "percentile bootstrap \\*",
        "binomial at the empirical threshold",
    ]
    keys = ("product", "mixture", "bootstrap", "percentile", "binomial")
    return _table(
        header,
        [
            [
                str(row["n"]),
                f"{_cell(row['methods']['auto'])}, {row['auto']}",
                *(_cell(row["methods"][key]) for key in keys),
            ]
            for row in rows
        ],
    )


def _reading_of_intervals(result: Row) -> str:
    rows = result["fpr_90"] + result["fpr_95"]

    def spread(key: str, chosen: list[Row] = rows) -> str:
        values = [row["methods"][key]["coverage"] for row in chosen]
        return f"{_percent(min(values), 0)} to {_percent(max(values), 0)}"

    few = [row for row in rows if row["auto"] == "product"]
    many = [row for row in rows if row["auto"] == "mixture"]
    return f"""A cell is the coverage and, in brackets, the median width in points. On normal scores
`auto` keeps {spread("auto")}. The percentile bootstrap keeps {spread("percentile", few)} with few
positives (where `auto` takes the product) and {spread("percentile", many)} with more. The shortcut
(`method="bootstrap"`) is the same distribution by two draws instead of thousands: the two columns
differ by chance alone. A binomial interval at the empirical threshold keeps
{spread("binomial")}: it takes the threshold for known.

`auto` prefers the exact mixture to the bootstrap because both take the same two steps, and the
bootstrap centres the threshold one positive too high. Where so few positives may be missed that the
product is taken, the interval is right and wide. At 13 positives its upper end is 1, and no bound
that holds whatever the scores lies lower.
"""


def _thresholds(rows: list[Row]) -> str:
    names = ("guaranteed", "on average", "empirical")
    header = ["positives"]
    for name in names:
        header += [f"{name}: broken", "mean TPR", "mean FPR"]
    body = []
    for row in rows:
        cells = [str(row["n"])]
        for name in names:
            choice = row["choices"][name]
            if choice["promised"]:
                cells += [_percent(choice[key]) for key in ("broken", "mean_tpr", "mean_fpr")]
            else:
                cells += ["none given", "", ""]
        body.append(cells)
    return _table(header, body)


def _reading_of_thresholds(rows: list[Row]) -> str:
    def spread(name: str) -> str:
        values = [r["choices"][name]["broken"] for r in rows if r["choices"][name]["promised"]]
        return f"{_percent(min(values), 0)} to {_percent(max(values), 0)}"

    return f"""*Broken* is the share of thresholds whose true TPR lies below .95. The guaranteed
one may be broken in 5% of calibrations and is in {spread("guaranteed")}; it is given from 59
positives on. The one that holds *on average* (conformal risk control) keeps the mean TPR at .95 or
above and is below it in {spread("on average")} of calibrations, which is what an average means.
The empirical one, which most tools give, is broken in {spread("empirical")}, and its mean lies
below .95 as well. What a promise costs is the mean FPR beside it.
"""


AREA_KEYS = ("interval", "wald", "hard interval", "hard wald", "unequal", "difference")


def _areas(rows: list[Row]) -> str:
    header = [
        "positives",
        "`auc_interval`",
        "usual DeLong",
        "`auc_interval`, a tenth hard",
        "usual DeLong, a tenth hard",
        "`auc_difference`, unequal",
        "equal",
        "rejected",
    ]
    return _table(
        header,
        [
            [
                str(row["n"]),
                *(_cell(row[key]) for key in AREA_KEYS),
                _percent(row["level"]),
            ]
            for row in rows
        ],
    )


def _pairs(rows: list[Row]) -> str:
    header = [
        "positives",
        "equal: coverage",
        "rejected, an error",
        "unequal: coverage",
        "rejected, power",
    ]
    body = []
    for row in rows:
        cells = [str(row["n"])]
        for key in ("equal", "unequal"):
            cells += [_cell(row[key]), _percent(row[key]["rejected"])]
        body.append(cells)
    return _table(header, body)


def _clusters(rows: list[Row]) -> str:
    header = [
        "groups with positives",
        "TPR",
        "FPR, by group",
        "FPR, by row",
        "AUC, by group",
        "AUC, by row",
    ]
    keys = ("fpr groups", "fpr rows", "auc groups", "auc rows")
    return _table(
        header,
        [
            [str(row["groups"]), f"{row['tpr']:.2f}", *(_cell(row["methods"][key]) for key in keys)]
            for row in rows
        ],
    )


def _trainings(rows: list[Row]) -> str:
    header = ["spread", "seeds", "`fpr_over_seeds`", "seeds alone", "samples alone"]
    keys = ("both", "seeds", "samples")
    return _table(
        header,
        [
            [f"{row['spread']:g}", str(row["seeds"]), *(_cell(row["methods"][key]) for key in keys)]
            for row in rows
        ],
    )


def _cell(judged: Row) -> str:
    return f"{_percent(judged['coverage'])} ({100 * judged['width']:.1f})"


def _percent(share: float, decimals: int = 1) -> str:
    return f"{100 * share:.{decimals}f}%"


def _table(header: list[str], rows: list[list[str]]) -> str:
    ruler = ["---", *(["---:"] * (len(header) - 1))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, ruler, *rows)) + "\n"
