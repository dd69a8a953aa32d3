"""Report on a result store with one self-contained page."""

from quake.report.page import write_page
from quake.report.survey import ReportOptions, Survey, survey_store

__all__ = ["ReportOptions", "Survey", "survey_store", "write_page"]
