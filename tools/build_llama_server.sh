#!/usr/bin/env bash
# Prints the path of a llama-server: $LLAMA_SERVER, one built earlier, one on PATH; else builds it.
#
# No package index carries llama-server, but the source distribution of llama-cpp-python carries
# llama.cpp whole. The release is pinned, so the binary is built once per machine (about five
# minutes on two cores) and found in the cache afterwards. Needs a C++ compiler; cmake and ninja
# are fetched into the build folder when the machine has none.
#
#   tools/build_llama_server.sh             build if need be
#   tools/build_llama_server.sh --cached    never build: fail if there is none
set -euo pipefail

release=0.3.36
cache="${XDG_CACHE_HOME:-$HOME/.cache}/jano/llama-server/$release"
binary="$cache/llama-server"
log="$cache/build.log"

find_one() {
  for candidate in "${LLAMA_SERVER:-}" "$binary" "$(command -v llama-server || true)"; do
    if [ -n "$candidate" ] && [ -x "$candidate" ]; then
      echo "$candidate"
      return
    fi
  done
  return 1
}

fetch() {
  "${PYTHON:-python3}" -m venv "$work/venv"
  "$work/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps \
    --no-binary llama-cpp-python "llama-cpp-python==$release" -d "$work"
  tar xzf "$work"/llama_cpp_python-*.tar.gz -C "$work"
  missing=()
  command -v cmake >/dev/null || missing+=(cmake)
  command -v ninja >/dev/null || missing+=(ninja)
  if [ "${#missing[@]}" -gt 0 ]; then
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check "${missing[@]}"
    PATH="$work/venv/bin:$PATH"
  fi
}

compile() {
  # LLAMA_USE_PREBUILT_UI=OFF: its default fetches the web page's files while building.
  # GGML_NATIVE=OFF: the cache may be shared by machines with different processors.
  cmake -S "$work"/llama_cpp_python-*/vendor/llama.cpp -B "$work/build" -G Ninja \
    -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF -DGGML_NATIVE=OFF \
    -DLLAMA_OPENSSL=OFF -DLLAMA_CURL=OFF -DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF \
    -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_APP=OFF \
    -DLLAMA_BUILD_NUMBER=0
  nice -n 10 cmake --build "$work/build" --target llama-server -j "$(getconf _NPROCESSORS_ONLN)"
  # A rename is atomic: somebody who looks meanwhile finds a whole binary or none.
  mv "$work/build/bin/llama-server" "$binary"
}

finish() {
  rm -rf "$work"
  [ -x "$binary" ] && return
  tail -n 30 "$log" >&4
  echo "llama-server could not be built; the whole log: $log" >&4
}

# One function, so that bash has read everything before the long part begins.
main() {
  if find_one; then
    exit
  elif [ "${1:-}" = "--cached" ]; then
    exit 1
  fi
  if ! command -v c++ >/dev/null; then
    echo "building llama-server needs a C++ compiler: install g++ or clang" >&2
    exit 1
  fi
  mkdir -p "$cache"
  echo "building llama-server from llama-cpp-python $release, once (log: $log)" >&2
  work="$(mktemp -d "$cache/build.XXXXXX")"
  exec 3>&1 4>&2 >"$log" 2>&1
  trap finish EXIT
  fetch
  compile
  echo "$binary" >&3
}

main "$@"
