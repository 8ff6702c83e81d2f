#!/bin/bash
# Worker processes killed (SIGKILL) and stopped (SIGSTOP) under load. See worker-kills.ts.
# shellcheck source=test/interop/lib.sh
. "$(dirname "$0")/lib.sh"
node "$root/dist/test/interop/worker-kills.js" "${SECONDS_OF_KILLS:-20}" "${WORKERS:-2}" "$(free_port)"
