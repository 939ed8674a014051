"""Pure rules over numbers: scores of forecasts, and whether a challenger becomes champion."""
