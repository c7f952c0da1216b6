#!/bin/sh
# Pins what pyproject.toml asks for, with hashes and without any registry's host. Run by `make lock`.
set -eu
cd "$(dirname "$0")/.."
uv="${UV:-uv}"
compile() { "$uv" pip compile -q --python-version 3.11 --universal --generate-hashes --no-header --no-emit-index-url "$@"; }
compile --group build pyproject.toml -o requirements/runtime.txt
compile --group dev pyproject.toml -o requirements/dev.txt
compile --extra traces --constraints requirements/runtime.txt pyproject.toml -o requirements/image.txt
