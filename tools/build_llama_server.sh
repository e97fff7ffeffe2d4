#!/usr/bin/env bash
# Builds llama-server once and prints the path of the binary on standard output.
#
# No package index carries llama-server, but the source distribution of llama-cpp-python carries
# llama.cpp whole. The release is pinned, so the binary is built once per machine (about five
# minutes on two cores) and found in the cache afterwards. Needs a C++ compiler; cmake and ninja
# are fetched into the build folder when the machine has none.
#
#   tools/build_llama_server.sh             build if need be
#   tools/build_llama_server.sh --cached    never build: fail if the cache has none
set -euo pipefail

release=0.3.36
cache="${XDG_CACHE_HOME:-$HOME/.cache}/jano/llama-server/$release"
binary="$cache/llama-server"

if [ -x "$binary" ]; then
  echo "$binary"
  exit 0
fi
if [ "${1:-}" = "--cached" ]; then
  exit 1
fi

python="${PYTHON:-python3}"
if ! command -v c++ >/dev/null; then
  echo "llama-server needs a C++ compiler to be built: install g++ or clang" >&2
  exit 1
fi

mkdir -p "$cache"
work="$(mktemp -d "$cache/build.XXXXXX")"
trap 'rm -rf "$work"' EXIT

exec 3>&1 1>&2 # only the path goes to standard output
echo "building llama-server from llama-cpp-python $release (log: $cache/build.log)"
{
  "$python" -m venv "$work/venv"
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

  # LLAMA_USE_PREBUILT_UI=OFF: its default fetches the web page's files while building.
  # GGML_NATIVE=OFF: the cache may be shared by machines with different processors.
  cmake -S "$work"/llama_cpp_python-*/vendor/llama.cpp -B "$work/build" -G Ninja \
    -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF -DGGML_NATIVE=OFF \
    -DLLAMA_OPENSSL=OFF -DLLAMA_CURL=OFF -DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF \
    -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_APP=OFF \
    -DLLAMA_BUILD_NUMBER=0
  nice -n 10 cmake --build "$work/build" --target llama-server -j "$(getconf _NPROCESSORS_ONLN)"
} >"$cache/build.log" 2>&1 || {
  tail -n 30 "$cache/build.log"
  echo "the build of llama-server failed; the whole log: $cache/build.log"
  exit 1
}
# A rename is atomic: somebody who looks meanwhile finds a whole binary or none.
mv "$work/build/bin/llama-server" "$binary"
echo "$binary" >&3
