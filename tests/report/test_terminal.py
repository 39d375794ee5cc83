import copy
import io

import pytest
from rich.console import Console

from rarecall.errors import RunError
from rarecall.report import terminal_table


@pytest.fixture
def results(stored_run):
    return copy.deepcopy(stored_run[1])


def printed(results, width=80):
    out = io.StringIO()
    Console(file=out, width=width, color_system=None).print(terminal_table(results))
    return out.getvalue()


def rates_and_intervals(results, digits):
    for method in results["methods"]:
        found = method["test"]["fpr"]["0.95"]
        ends = f"[{100 * found['low']:.{digits}f}, {100 * found['high']:.{digits}f}]"
        yield f"{100 * found['value']:.{digits}f}%", ends


def test_at_80_columns_no_number_is_cut(results):
    text = printed(results)
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "…" not in text
    for rate, interval in rates_and_intervals(results, 1):
        assert rate in text
        assert interval in text
    for method in results["methods"]:
        assert method["name"] in text
        difference = method["difference"]
        if difference:
            assert f"[{100 * difference['low']:+.1f}, {100 * difference['high']:+.1f}]" in text


def test_two_decimals_and_long_names_fit_80_columns_too(results):
    for method in results["methods"]:
        method["test"]["fpr"]["0.90"] |= {"value": 0.0012}
        method["test"]["auc"] |= {"value": 0.9991, "low": 0.9985, "high": 0.9996}
    results["methods"][1]["name"] = "bce+alm+balanced+swa"
    text = printed(results)
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "…" not in text
    assert "bce+alm+" in text
    assert "balanced+swa" in text
    for rate, interval in rates_and_intervals(results, 2):
        assert rate in text
        assert interval in text


def test_after_the_table_come_answer_threshold_and_guarantee(results):
    text = " ".join(printed(results).split())
    assert (
        text.index("At TPR >= 95%, bce+alm flags")
        < text.index("Threshold: flag a case")
        < text.index("Guarantee: TPR >= 95%")
    )


def test_without_a_guarantee_the_words_say_so(results):
    results["threshold"] |= {"guaranteed": False, "n_positives": 20}
    assert "carries no guarantee" in " ".join(printed(results).split())


def test_no_difference_is_called_not_shown(results):
    for method in results["methods"]:
        if method["difference"]:
            method["difference"]["verdict"] = "no difference shown"
    assert printed(results).count("not shown") == len(results["methods"]) - 1


def test_a_message_about_the_selection_is_passed_on(results):
    results["selection"]["message"] = "Validation has 12 positives: AUC is used."
    assert "Validation has 12 positives" in printed(results)


def test_text_is_never_read_as_markup(results):
    results["selection"]["message"] = "column [red]x[/red] and [/bold]"
    assert "column [red]x[/red] and [/bold]" in printed(results)


def test_missing_pieces_leave_dashes(results):
    results["threshold"] = None
    results["question"]["seeds"] = 1
    for method in results["methods"]:
        method |= {"test": None, "seed_spread": None, "difference": None, "cost": None}
    text = printed(results)
    assert "None" not in text
    assert "has no stored false positive rate" in text
    assert "–" in text


def test_results_of_another_format_are_refused(results):
    with pytest.raises(RunError, match="format 7"):
        terminal_table(results | {"format": 7})
