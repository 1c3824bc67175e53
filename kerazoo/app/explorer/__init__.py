"""The explorer: every model with published accuracy as a point of a plot, in one HTML file."""
