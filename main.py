#!/usr/bin/env python3
"""Opens the Generative Playground; on a fresh machine it sets itself up first.

This file has to be *read* by Pythons that are too old to run the rest, so that
they can say so: no syntax here that Python 3.6 does not know.
"""

import contextlib
import logging
import os
import sys

OLDEST = (3, 11)


def too_old(version: "tuple[int, ...]") -> str:
    """What to say to a Python that cannot run the program; empty where it can."""
    if version >= OLDEST:
        return ""
    return (
        "The Generative Playground needs Python {}.{} or newer; this is Python {}.{}. "
        "Newer ones are at https://www.python.org/downloads/".format(*OLDEST, *version[:2])
    )


def main(arguments: "list[str]") -> int:
    """Run what the command line asks for. Returns the exit status."""
    complaint = too_old(sys.version_info[:3])
    if complaint:
        print(complaint, file=sys.stderr)
        return 1

    from scripts import bootstrap

    options, rest = bootstrap.parse(arguments)
    try:
        python = bootstrap.prepare(options)
        if python is not None:
            return bootstrap.hand_over(python, options, rest)
        if options.setup_only:
            return 0
        if options.self_test:
            return bootstrap.self_test(rest)
        bootstrap.check_screen()
    except bootstrap.SetUpError as error:
        bootstrap.complain(str(error), options)
        return error.status

    try:
        from app import window
    except ImportError as error:
        bootstrap.complain(bootstrap.explain_import(error), options)
        return 1
    return window.main([sys.argv[0], *rest])


def end(status: int) -> None:
    """End the process now. All is saved, and to take torch apart piece by piece takes seconds."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
                stream.flush()
    os._exit(status)


if __name__ == "__main__":
    end(main(sys.argv[1:]))
