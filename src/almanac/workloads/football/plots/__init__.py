"""The figures of the football notebooks: frame in, figure out."""

from almanac.workloads.football.plots.history import coverage, ratings
from almanac.workloads.football.plots.predictions import coming
from almanac.workloads.football.plots.scores import candidates, leagues, reliability

__all__ = ["candidates", "coming", "coverage", "leagues", "ratings", "reliability"]
