#!/bin/bash
# A large file copied to a server that is killed and started again meanwhile.
#
# By our own client (restart-copy.ts), and by the Linux kernel's where there is one to use:
#   SEMBA_KERNEL_CLIENT=local     this machine's; takes root, mount.cifs, and a kernel of 6.12 or later
#   SEMBA_KERNEL_CLIENT=COMMAND   of a virtual machine: COMMAND PORT SHARE USER PASSWORD OPTIONS SCRIPT
#                                 mounts the share and runs SCRIPT there, with $MNT and $OUT folders
# smbclient (4.17 and 4.25 were tried) gives a copy up when its connection breaks.
# shellcheck source=test/interop/lib.sh
. "$(dirname "$0")/lib.sh"

if [ -n "${SEMBA_INTEROP_PORT:-}" ]; then
  echo 'skip: a server that runs already cannot be restarted here'
  summary
  exit
fi
MIB=${MIB:-64}
port=$(free_port)
check "our client, $MIB MiB to the server and back" \
  node "$root/dist/test/interop/restart-copy.js" "$MIB" "$port"

KERNEL_MIB=400
OPTIONS=vers=3.1.1,persistenthandles,hard

# launch: the server of $work/state on $port.
launch() {
  SEMBA_STATE=$work/state "$here/serve" "$port" >"$work/server.out" 2>>"$work/server.err" &
  server_pid=$!
  until grep -q '^ready' "$work/server.out"; do
    kill -0 "$server_pid" || return 1
    sleep 0.1
  done
}

size_of() { stat -c %s "$1" 2>/dev/null || echo 0; }

# kill_at MIB: ends the server by SIGKILL once so much of the copy has come, and starts it again.
kill_at() {
  until [ "$(size_of "$work/state/share_ca/copy")" -ge $(($1 * 1048576)) ]; do
    kill -0 "$copier_pid" || return 1
    sleep 0.05
  done
  kill -9 "$server_pid"
  wait "$server_pid" || true
  sleep 1
  launch
}

# with_kernel SCRIPT: runs it where the share is mounted.
with_kernel() {
  if [ "$SEMBA_KERNEL_CLIENT" != local ]; then
    "$SEMBA_KERNEL_CLIENT" "$port" share_ca "$USER1" "$PASSWORD1" "$OPTIONS" "$1"
    return
  fi
  mkdir -p "$work/mnt" "$work/out"
  PASSWD=$PASSWORD1 mount -t cifs //127.0.0.1/share_ca "$work/mnt" \
    -o "port=$port,username=$USER1,$OPTIONS" || return
  local code=0
  MNT=$work/mnt OUT=$work/out bash "$1" || code=$?
  umount "$work/mnt"
  return "$code"
}

# What the server has in the end is compared here, past every cache of the client.
copy_by_kernel() {
  mkdir -p "$work/state"
  cat >"$work/copy-job" <<EOF
set -e
source=\$(mktemp)
trap 'rm -f "\$source"' EXIT
head -c $((KERNEL_MIB * 1048576)) /dev/urandom >"\$source"
sha256sum <"\$source"
dd if="\$source" of="\$MNT/copy" bs=1M conv=fsync
EOF
  launch
  with_kernel "$work/copy-job" >"$work/copy.out" 2>&1 &
  copier_pid=$!
  kill_at $((KERNEL_MIB / 8)) && kill_at $((KERNEL_MIB / 2))
  wait "$copier_pid" || { cat "$work/copy.out"; return 1; }
  [ "$(size_of "$work/state/share_ca/copy")" -eq $((KERNEL_MIB * 1048576)) ] || return
  grep -q "^$(sha256sum <"$work/state/share_ca/copy" | cut -c -64)" "$work/copy.out"
}

if [ -n "${SEMBA_KERNEL_CLIENT:-}" ]; then
  check "the kernel's client, $KERNEL_MIB MiB over two kills" copy_by_kernel
else
  echo "skip: the kernel's client, which SEMBA_KERNEL_CLIENT names"
fi
summary
