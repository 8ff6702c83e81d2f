#!/bin/bash
# impacket's SMB client, with Debian's own python3.
# shellcheck source=test/interop/lib.sh
. "$(dirname "$0")/lib.sh"
start_server
/usr/bin/python3 "$here/impacket_client.py" "$port"
