#!/bin/bash
# `semba upgrade` under load, UPGRADES times (default 2) with one process and with two workers. See
# upgrade.ts.
# shellcheck source=test/interop/lib.sh
. "$(dirname "$0")/lib.sh"
node "$root/dist/test/interop/upgrade.js" "${UPGRADES:-2}" "$(free_port)"
