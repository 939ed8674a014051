"""The handle a notebook works with: what it may read, save, register, stage and report."""

from almanac.steps.context import STEPS
from almanac.steps.reports import Candidate
from almanac.steps.step import Step

__all__ = ["STEPS", "Candidate", "Step"]
