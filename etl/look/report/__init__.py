"""``stepmill report``: a build or a published dataset as one HTML file that loads nothing else.

``figures``, ``context`` and ``steps`` gather plain values; ``page`` renders them, with the plots of
``charts`` and the recorded pages of ``frames``. Template, style and script are in ``assets``. A new
section is a function that returns plain values and a place in the template; it may import what
views may.
"""
