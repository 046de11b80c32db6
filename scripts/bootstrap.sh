#!/bin/sh
# Bring .tools/bin/uv and .venv up to date. Says one line when it has work to do, and more only when that fails.
set -eu
cd "$(dirname "$0")/.."

uv_version=0.13.9
uv=.tools/bin/uv
stamp=.venv/made-with

fail() {
    echo "error: $1" >&2
    exit 1
}

# Without UV_PYTHON an environment keeps the interpreter it was made with.
if [ -x .venv/bin/python ] && [ -f $stamp ]; then
    made_with=$(cut -d ' ' -f 4- $stamp)
    : "${UV_PYTHON:=$made_with}"
fi
sources=$(cat pyproject.toml packages/*/pyproject.toml sut/pyproject.toml | cksum)
wanted="$uv_version $sources ${UV_PYTHON:-}"
[ -x .venv/bin/python ] && [ "$(cat $stamp 2>/dev/null)" = "$wanted" ] && exit 0

command -v python3 >/dev/null || fail "python3 is missing; ATDM needs Python 3.11 or newer"
case "${UV_PYTHON:-}" in
"")
    UV_PYTHON=$(python3 -c 'import sys; print(sys.executable if sys.version_info >= (3, 11) else "")')
    [ -n "$UV_PYTHON" ] ||
        fail "$(python3 --version) is too old; ATDM needs 3.11 or newer (UV_PYTHON=/path/to/python chooses another)"
    wanted="$wanted$UV_PYTHON"
    ;;
[0-9]*) # uv trips over the shims of pyenv versions that are installed but not active
    UV_PYTHON=$(pyenv prefix "$UV_PYTHON" 2>/dev/null || echo "$UV_PYTHON")
    ;;
esac
export UV_PYTHON
# Another project's environment, active in the caller's shell, must not receive our packages.
unset VIRTUAL_ENV UV_PROJECT_ENVIRONMENT

echo "setting up .venv for $UV_PYTHON" >&2
if [ "$($uv --version 2>/dev/null | cut -d ' ' -f 2)" != "$uv_version" ]; then
    python3 -m pip install -qq --disable-pip-version-check --upgrade --target .tools "uv==$uv_version" ||
        fail "pip could not install uv $uv_version"
fi
$uv sync --quiet --all-packages || fail "uv could not install the workspace into .venv"
echo "$wanted" >$stamp
