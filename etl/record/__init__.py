"""Record: what a user does in a browser becomes a workflow in our own format.

`recorder` drives the browser, `tab` follows it from page to page, `steps` makes steps of what pages
tell, `browsers` finds the browser, `append` writes the workflow to a file. What runs in a page is
``snapshot.js`` (the page as text), ``locators.js`` (ways to find an element in it) and ``page.js``
(what the user does).
"""
