"""`ivos app` with networks that need no weights: the real server, started by the tests in a process of its own."""

from __future__ import annotations

import argparse
import secrets
import socket
import sys
from pathlib import Path

import uvicorn

sys.path.insert(0, str(Path(__file__).parent))
from fake_networks import ColourNetworks

from ivos.server.app import create_app
from ivos.server.settings import Settings


def main() -> None:
    """Say the address and serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--study", type=Path)
    parser.add_argument("--user", default="")
    options = parser.parse_args()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_urlsafe(16)
    settings = Settings(options.home, token, port=port, study_root=options.study, user=options.user)
    app = create_app(settings, ColourNetworks())
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning")
    print(f"http://127.0.0.1:{port}/?token={token}", flush=True)
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main()
