"""The web app: a local server that keeps projects, runs the networks and serves one page."""
