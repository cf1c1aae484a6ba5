"""``stepmill report``: a build or a published dataset as one HTML file that needs nothing else to
be looked at.

``figures`` (with ``context``) and ``steps`` gather what is shown, as plain values; ``page`` makes
the file of it, with the plots of ``charts`` and the recorded pages of ``frames``. Its template,
style and script are in ``assets``.
"""
