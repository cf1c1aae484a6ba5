"""The stage `observe`: an observation within a budget, in the place of a pruned page."""
