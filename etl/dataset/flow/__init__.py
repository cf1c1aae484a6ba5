"""The waterfall: from the characters of recorded pages to packed tokens, by domain and by drop.

``waterfall`` makes the table of ledgers and of what packing noted, and checks its sums; ``levels``
makes lines of it for views, card and report. ``budget`` counts what observations that were made
for a budget of tokens still hold.
"""
