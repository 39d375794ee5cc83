"""The drawings of the report: inline SVG, themed by the page, each with its content in words."""

from rarecall.report.charts.rates import rates_chart
from rarecall.report.charts.roc import roc_chart
from rarecall.report.charts.scores import score_chart

__all__ = ["rates_chart", "roc_chart", "score_chart"]
