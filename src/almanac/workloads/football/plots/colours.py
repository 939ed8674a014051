"""The colours of football's figures beyond those that all workloads share."""

OUTCOME_COLOURS = {"home": "#2f5d8a", "draw": "#a9b0bb", "away": "#c9773b"}
LINE_COLOURS = ["#2f5d8a", "#5f93b8", "#7a6a9b", "#4f8f6b", "#c9773b"]
EMPHASIS = OUTCOME_COLOURS["home"]
