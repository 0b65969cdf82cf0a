"""The face: pages for those who look rather than type.

`pages.py` has the table of pages. Each one has a file in `views/`, which asks services as the caller and hands plain values to a
template in `templates/`. `static/` has the style, the script and the icons. `docs/design.md` says how a page is added.
"""
