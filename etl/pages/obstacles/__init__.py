"""Pages that stand in the way: blank ones, error pages, sign-in pages, captchas.

A page is judged by its structure and by what it says in its title, its headings and on its buttons,
in several languages; never by its address or site.
"""
