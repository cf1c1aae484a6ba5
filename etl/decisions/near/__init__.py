"""Near-duplicates: samples and workflows that say almost what an earlier one says.

`signature` makes the few numbers by which samples are compared, one sample at a time. `match` finds
for each sample the first one that it is like. `decision` is the section ``near`` of a recipe.
"""
