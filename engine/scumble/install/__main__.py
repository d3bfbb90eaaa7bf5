# SPDX-License-Identifier: Apache-2.0
"""Makes the release archives: `python -m scumble.install FOLDER` (make plugins).

Invariant: the same sources give the same bytes. An archive records no command that starts an engine; the plug-in then
looks for one as docs/protocol.md, section 2, says.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

from scumble import __version__
from scumble.install.hosts import HOSTS

_EPOCH = (1980, 1, 1, 0, 0, 0)


def archive(host: str, folder: Path) -> Path:
    """Write the release archive of a plug-in into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"scumble-{host}-{__version__}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data, executable in HOSTS[host].files():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3  # Unix, so that the run bit is kept
            kind = 0o040000 if name.endswith("/") else 0o100000
            entry.external_attr = (kind | (0o755 if executable else 0o644)) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            out.writestr(entry, data)
    return path


def main(arguments: list[str]) -> None:
    for host in HOSTS:
        print(archive(host, Path(arguments[0] if arguments else "dist")))


if __name__ == "__main__":
    main(sys.argv[1:])
