"""Too little memory, whoever says so: Python, numpy, torch on the processor or a graphics card.

Linux promises more than there is, and then ends the program that takes it; so what is known to be
large is asked for before.
"""

import traceback

import psutil

from engine.phrases import N_, PlaygroundError

# What torch says of the processor's memory, of which it has no error class, and of a card's. It is
# not imported here, since the window is painted before it.
OF_TORCH = ("DefaultCPUAllocator", "not enough memory", "out of memory")


def is_scarce(error: BaseException) -> bool:
    """Whether `error` says that there is not enough memory."""
    of_torch = isinstance(error, RuntimeError) and any(each in str(error) for each in OF_TORCH)
    return of_torch or isinstance(error, MemoryError)


def plainly(error: Exception) -> Exception:
    """`error` in words that help where it is of memory, and as it is where it is not.

    What was computed on the way to it is let go of, so that there is memory to go on with.
    """
    if not is_scarce(error):
        return error
    traceback.clear_frames(error.__traceback__)
    return PlaygroundError(
        N_(
            "there is not enough memory for this: try less at a time (a smaller batch, fewer or "
            "shorter samples) or a smaller net, or close other programs"
        )
    )


def check_room(wanted: int) -> None:
    """Raise `PlaygroundError` where a net that takes so many bytes to learn would find no room."""
    free = psutil.virtual_memory().available
    if wanted > free:
        raise PlaygroundError(
            N_(
                "this net would take {wanted:.1f} GB of memory to learn, and {free:.1f} GB are "
                "free: choose fewer or narrower layers, or close other programs",
                wanted=wanted / 1e9,
                free=free / 1e9,
            )
        )
