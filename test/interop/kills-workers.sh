#!/bin/bash
# As kills, of a server of WORKERS processes (default 2), of which mostly one is killed. See kills.ts.
# shellcheck source=test/interop/lib.sh
. "$(dirname "$0")/lib.sh"
node "$root/dist/test/interop/kills.js" "${KILLS:-10}" "${SEED:-$RANDOM}" "$(free_port)" "${WORKERS:-2}"
