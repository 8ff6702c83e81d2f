#!/bin/bash
# The Linux kernel's cifs client: mounts with several channels, the POSIX extensions, encryption and
# persistent handles, under load, also while its connections are cut one after the other. Against
# one process and two. Not part of `run` without names: it takes root and a kernel.
#
#   KERNEL_CLIENT   a program that is given PORT SHARE USER PASSWORD OPTIONS SCRIPT ARG…, mounts
#                   the share of 127.0.0.1 somewhere (in a virtual machine) and runs SCRIPT there.
#                   Without it the share is mounted here.
#   LOAD_SECONDS    of each load (default 20)
#   ONLY            a regular expression: only what it finds of the checks' names
# shellcheck source=test/interop/lib.sh
. "$(dirname "$0")/lib.sh"

seconds=${LOAD_SECONDS:-20}
load=$here/kernel-jobs/load.sh
base=vers=3.1.1

# on_mount SHARE OPTIONS SCRIPT ARG…
on_mount() {
  if [ -n "${KERNEL_CLIENT:-}" ]; then
    timeout $((seconds * 5 + 60)) "$KERNEL_CLIENT" "$port" "$1" "$USER1" "$PASSWORD1" "$2" "${@:3}"
    return
  fi
  local folder=$work/mnt code=0
  mkdir -p "$folder"
  PASSWD=$PASSWORD1 mount.cifs "//127.0.0.1/$1" "$folder" -o "port=$port,username=$USER1,$2"
  (cd "$folder" && "${@:3}") || code=$?
  umount "$folder"
  return $code
}

# with_cuts CHANNELS COMMAND…: meanwhile one connection after the other is cut, while all stand, and
# have for a while: a client that has none left is another matter (docs/internals/workers.md).
with_cuts() {
  local channels=$1 cuts=0 code=0 all before=
  shift
  "$@" &
  local command=$!
  while sleep 2; kill -0 "$command" 2>/dev/null; do
    all=$(ss -tnH "sport = :$port" | awk '{sub(/.*:/, "", $5); print $5}' | sort)
    if [ "$(wc -w <<<"$all")" -lt "$channels" ] || [ "$all" != "$before" ]; then
      before=$all
      continue
    fi
    ss -K -tnH "sport = :$port and dport = :$(shuf -n 1 <<<"$all")" >>"$work/cut"
    cuts=$((cuts + 1))
    before=
  done
  wait "$command" || code=$?
  echo "$cuts connections cut"
  [ "$code" -eq 0 ] && [ "$cuts" -ge $((seconds / 10)) ]
}

# try NAME COMMAND…, unless it is not asked for
try() {
  [[ $1 =~ ${ONLY:-.} ]] || return 0
  check "$@"
  grep -hE 'rounds|steps|channels|Channels|cut|TCP status' "$work/check.out" | sed 's/^/     /' || true
}

if [ -z "${KERNEL_CLIENT:-}" ] && ! { [ "$(id -u)" = 0 ] && modprobe cifs 2>/dev/null; }; then
  echo 'skipped: no kernel client here, and KERNEL_CLIENT names none'
  echo '0 passed, 0 failed'
  exit 0
fi
# What a cut leaves undone is done again: reads and writes. Names that were made or removed are not
# looked for again by this client: it tells its programs, with any server.
data=(whole_files changed_at_random)
for workers in 1 2; do
  # RSS: without it a client opens one further channel to an address, however many it may.
  WORKERS=$workers start_server 'SEMBA_INTERFACES=lo;capability=RSS'
  of="with $workers"
  try "$of: one channel" on_mount share "$base" "$load" "$seconds"
  try "$of: POSIX" on_mount share "$base,posix" "$load" "$seconds"
  for channels in 2 4; do
    many=$base,multichannel,max_channels=$channels
    try "$of: $channels channels" on_mount share "$many" "$load" "$seconds"
    try "$of: $channels channels, POSIX" on_mount share "$many,posix" "$load" "$seconds"
    for more in hard hard,seal; do
      try "$of: $channels channels, $more, cut" with_cuts "$channels" \
        on_mount share "$many,$more" "$load" "$seconds" "${data[@]}"
    done
  done
  many=$base,multichannel,max_channels=4,persistenthandles
  try "$of: persistent" on_mount share_ca "$many" "$load" "$seconds"
  try "$of: persistent, cut" with_cuts 4 \
    on_mount share_ca "$many,hard" "$load" "$seconds" "${data[@]}"
done
summary
