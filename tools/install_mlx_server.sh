#!/usr/bin/env bash
# Prints the path of an mlx_lm.server: $MLX_SERVER, one installed earlier, one on PATH; else
# installs it, with MLX's own CPU backend where there is no Apple silicon, into a virtual
# environment in the cache (about 230 MB). The releases are pinned; another pin is another folder.
#
#   tools/install_mlx_server.sh             install if need be
#   tools/install_mlx_server.sh --cached    never install: fail if there is none
set -euo pipefail

mlx=0.32.4
mlx_lm=0.32.2
cache="${XDG_CACHE_HOME:-$HOME/.cache}/jano/mlx-server/$mlx_lm"
binary="$cache/bin/mlx_lm.server"
log="$cache.log"

find_one() {
  for candidate in "${MLX_SERVER:-}" "$binary" "$(command -v mlx_lm.server || true)"; do
    if [ -n "$candidate" ] && [ -x "$candidate" ]; then
      echo "$candidate"
      return
    fi
  done
  return 1
}

install() {
  rm -rf "$cache"
  "${PYTHON:-python3}" -m venv "$cache"
  wanted=("mlx-lm==$mlx_lm" "mlx==$mlx")
  [ "$(uname -s)" = Darwin ] || wanted+=("mlx[cpu]==$mlx")
  # pip writes the commands last, so a server that is there is one whose packages are there.
  "$cache/bin/python" -m pip install --quiet --disable-pip-version-check "${wanted[@]}"
}

main() {
  if find_one; then
    exit
  elif [ "${1:-}" = "--cached" ]; then
    exit 1
  fi
  mkdir -p "$(dirname "$cache")"
  echo "installing mlx-lm $mlx_lm, once (log: $log)" >&2
  if ! install >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    echo "mlx_lm.server could not be installed; the whole log: $log" >&2
    exit 1
  fi
  echo "$binary"
}

main "$@"
