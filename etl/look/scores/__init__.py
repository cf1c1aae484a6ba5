"""``stepmill score``: what scores look like, as text, as a row a step, and as a page to look at."""
