#!/bin/bash
# A Node SMB client from npm.
# shellcheck source=test/interop/lib.sh
. "$(dirname "$0")/lib.sh"
start_server
node --no-deprecation --openssl-legacy-provider "$here/node-client.mjs" "$port"
