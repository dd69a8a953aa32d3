"""Report on a result store: a folder of results in, one self-contained page out."""

from quake.report.page import write_page
from quake.report.survey import ReportOptions, Survey, survey_store

__all__ = ["ReportOptions", "Survey", "survey_store", "write_page"]
