"""`ivos app` with networks that need no weights: the real server, started by the tests in a process of its own."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from fake_networks import ColourNetworks

from ivos.server import library, routes_app
from ivos.server.run import listen, serve
from ivos.server.security import new_token
from ivos.server.settings import Settings


def main() -> None:
    """Say the address and serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--study", type=Path)
    parser.add_argument("--user", default="")
    parser.add_argument("--demo", type=Path, help="a clip in the place of the bundled one")
    parser.add_argument("--pace", type=Path, help="a file with T-Net's seconds a frame, read anew each time")
    options = parser.parse_args()
    if options.demo:
        library.DEMO_CLIP = routes_app.DEMO_CLIP = options.demo
    token = new_token()
    opened = listen("127.0.0.1", 0, 0)
    port = opened.getsockname()[1]
    settings = Settings(options.home, token, port=port, study_root=options.study, user=options.user)
    networks = ColourNetworks(options.pace)
    with suppress(KeyboardInterrupt):
        serve(settings, opened, lambda: print(f"http://127.0.0.1:{port}/?token={token}", flush=True), networks)


if __name__ == "__main__":
    main()
