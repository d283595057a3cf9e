"""The system libraries that Qt needs on Linux, and the packages that hold them.

pip brings Qt but not what Qt itself stands on. Where one is missing, Python
says "libEGL.so.1: cannot open shared object file" or, for the screen plugin,
Qt ends the whole process. So they are looked for before Qt is.
"""

import ctypes
import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple


class Packages(NamedTuple):
    """Where each family of systems keeps one library."""

    apt: str
    dnf: str
    pacman: str
    zypper: str


ALWAYS = {
    "libEGL.so.1": Packages("libegl1", "libglvnd-egl", "libglvnd", "libEGL1"),
    "libGL.so.1": Packages("libgl1", "libglvnd-glx", "libglvnd", "libGL1"),
    "libxkbcommon.so.0": Packages("libxkbcommon0", "libxkbcommon", "libxkbcommon", "libxkbcommon0"),
    "libdbus-1.so.3": Packages("libdbus-1-3", "dbus-libs", "dbus", "libdbus-1-3"),
    "libfontconfig.so.1": Packages("libfontconfig1", "fontconfig", "fontconfig", "libfontconfig1"),
    "libglib-2.0.so.0": Packages("libglib2.0-0", "glib2", "glib2", "libglib-2_0-0"),
}
X11 = {
    "libX11-xcb.so.1": Packages("libx11-xcb1", "libX11-xcb", "libx11", "libX11-xcb1"),
    "libxkbcommon-x11.so.0": Packages(
        "libxkbcommon-x11-0", "libxkbcommon-x11", "libxkbcommon-x11", "libxkbcommon-x11-0"
    ),
    "libxcb-cursor.so.0": Packages(
        "libxcb-cursor0", "xcb-util-cursor", "xcb-util-cursor", "libxcb-cursor0"
    ),
    "libxcb-icccm.so.4": Packages("libxcb-icccm4", "xcb-util-wm", "xcb-util-wm", "libxcb-icccm4"),
    "libxcb-image.so.0": Packages(
        "libxcb-image0", "xcb-util-image", "xcb-util-image", "libxcb-image0"
    ),
    "libxcb-keysyms.so.1": Packages(
        "libxcb-keysyms1", "xcb-util-keysyms", "xcb-util-keysyms", "libxcb-keysyms1"
    ),
    "libxcb-randr.so.0": Packages("libxcb-randr0", "libxcb", "libxcb", "libxcb-randr0"),
    "libxcb-render-util.so.0": Packages(
        "libxcb-render-util0", "xcb-util-renderutil", "xcb-util-renderutil", "libxcb-render-util0"
    ),
    "libxcb-shape.so.0": Packages("libxcb-shape0", "libxcb", "libxcb", "libxcb-shape0"),
    "libxcb-sync.so.1": Packages("libxcb-sync1", "libxcb", "libxcb", "libxcb-sync1"),
    "libxcb-xfixes.so.0": Packages("libxcb-xfixes0", "libxcb", "libxcb", "libxcb-xfixes0"),
    "libxcb-xkb.so.1": Packages("libxcb-xkb1", "libxcb", "libxcb", "libxcb-xkb1"),
}
WAYLAND = {
    "libwayland-client.so.0": Packages(
        "libwayland-client0", "libwayland-client", "wayland", "libwayland-client0"
    ),
    "libwayland-cursor.so.0": Packages(
        "libwayland-cursor0", "libwayland-cursor", "wayland", "libwayland-cursor0"
    ),
}
KNOWN = ALWAYS | X11 | WAYLAND

# /etc/os-release names: of the system itself, or of one that it is like
SYSTEMS = {
    "apt": ("debian", "ubuntu", "linuxmint", "raspbian", "pop"),
    "dnf": ("fedora", "rhel", "centos", "rocky", "almalinux"),
    "pacman": ("arch", "manjaro", "endeavouros"),
    "zypper": ("suse", "opensuse", "opensuse-leap", "opensuse-tumbleweed", "sles"),
}
COMMANDS = {
    "apt": "sudo apt install",
    "dnf": "sudo dnf install",
    "pacman": "sudo pacman -S",
    "zypper": "sudo zypper install",
}


def installer(os_release: str) -> str | None:
    """The installing command of the system that `os_release` describes, if it is known."""
    named: dict[str, str] = {}
    for line in os_release.splitlines():
        name, _, value = line.partition("=")
        named[name.strip()] = value.strip().strip("\"'").lower()
    words = [named.get("ID", ""), *named.get("ID_LIKE", "").split()]
    for word in words:
        for command, systems in SYSTEMS.items():
            if word in systems:
                return command
    return None


def loads(library: str) -> bool:
    """Whether the system's loader finds `library`."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def missing(environment: Mapping[str, str] = os.environ) -> list[str]:
    """The libraries that a window on this screen needs and that are not there."""
    if not sys.platform.startswith("linux"):
        return []
    wanting = [name for name in ALWAYS if not loads(name)]
    platform = environment.get("QT_QPA_PLATFORM", "")
    ways = []
    if platform.startswith("wayland") or (not platform and environment.get("WAYLAND_DISPLAY")):
        ways.append(WAYLAND)
    if platform.startswith("xcb") or (not platform and environment.get("DISPLAY")):
        ways.append(X11)
    # One complete way to the screen is enough; otherwise X11's, which every system has.
    lacks = [[name for name in way if not loads(name)] for way in ways]
    if lacks and all(lacks):
        wanting += lacks[-1]
    return wanting


def advice(names: Iterable[str], os_release: str | None = None) -> str:
    """One line that says which packages bring the libraries `names`."""
    names = list(names)
    if os_release is None:
        os_release = next(
            (
                path.read_text("utf-8", errors="replace")
                for path in (Path("/etc/os-release"), Path("/usr/lib/os-release"))
                if path.is_file()
            ),
            "",
        )
    said = f"The window needs what this system does not have: {', '.join(names)}."
    command = installer(os_release)
    if command is None or any(name not in KNOWN for name in names):
        return said + " Install what brings it with your system's package manager."
    packages = dict.fromkeys(getattr(KNOWN[name], command) for name in names)
    return f"{said} To install: {COMMANDS[command]} {' '.join(packages)}"


def named_in(error: ImportError) -> str | None:
    """The library that `error` says could not be opened, if that is what it says."""
    found = re.search(r"(lib[\w.+-]+\.so[.\d]*): cannot open shared object", str(error))
    return found.group(1) if found else None
