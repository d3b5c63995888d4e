#!/usr/bin/env bash
# Chromium and Node.js for the browser tests, from the system's packages where they are missing. Of Chromium it is the build without windows,
# which the tests run through in less time.
set -euo pipefail
packages=()
[ -x "${CHROMIUM:-/usr/bin/chromium-headless-shell}" ] || packages+=(chromium-headless-shell)
command -v node >/dev/null || packages+=(nodejs)
[ ${#packages[@]} -gt 0 ] || exit 0
if ! command -v apt-get >/dev/null; then
  echo "The browser tests need ${packages[*]}, and this system has no apt-get: install them yourself" \
    "(CHROMIUM names a browser in another place than /usr/bin/chromium-headless-shell)." >&2
  exit 1
fi
as_root=(env)
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
echo "Installing ${packages[*]} for the browser tests."
"${as_root[@]}" apt-get -qq update
"${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends "${packages[@]}" >/dev/null
