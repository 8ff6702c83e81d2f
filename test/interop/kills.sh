#!/bin/bash
# The server killed under our own client: KILLS times (default 10), with seed SEED. See kills.ts.
# shellcheck source=test/interop/lib.sh
. "$(dirname "$0")/lib.sh"
node "$root/dist/test/interop/kills.js" "${KILLS:-10}" "${SEED:-$RANDOM}" "$(free_port)"
