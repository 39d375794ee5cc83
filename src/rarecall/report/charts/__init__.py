"""The drawings of the report: inline SVG, themed by the page, each with its content in words."""

from rarecall.report.charts.decision import decision_chart
from rarecall.report.charts.icons import icon_chart
from rarecall.report.charts.rates import rates_chart
from rarecall.report.charts.reliability import reliability_chart
from rarecall.report.charts.roc import roc_chart
from rarecall.report.charts.scores import score_chart
from rarecall.report.charts.strip import interval_strip

__all__ = [
    "decision_chart",
    "icon_chart",
    "interval_strip",
    "rates_chart",
    "reliability_chart",
    "roc_chart",
    "score_chart",
]
