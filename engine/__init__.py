"""The engine: trains and samples small generative models. It never imports Qt.

Usable from a script, a notebook or the command line (``python -m engine``);
the window in ``app/`` is only one of its callers.
"""
