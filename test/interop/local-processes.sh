#!/bin/bash
# smbclient beside local processes that work in the shared folder: notifications, fresh content.
# What needs a client that caches and locks is in test/conformance (kernel-leases, posix-locks).
# shellcheck source=test/interop/lib.sh
. "$(dirname "$0")/lib.sh"

mkdir "$work/base"
start_server SEMBA_DIR="$work/base"
shared=$(echo "$work"/base/semba-serve-*/share_local)

smb() { smbclient //127.0.0.1/share_local -p "$port" -U "$USER1%$PASSWORD1" -c "$1"; }

# until_says TEXT FILE: waits, at most 20 s, until the file has a line with the text.
until_says() {
  for _ in $(seq 200); do
    if grep -q -- "$1" "$2"; then return; fi
    sleep 0.1
  done
  cat "$2"
  return 1
}

# smbclient's 'notify' goes on until it is ended; it prints an action and a name for each change.
# It says nothing when it begins, so the probe is made again until it is seen.
watch_folder() {
  mkdir "$shared/watched"
  # smbclient sees to its own standard input.
  stdbuf -oL smbclient //127.0.0.1/share_local -p "$port" -U "$USER1%$PASSWORD1" \
    -c 'notify watched' >"$work/notify.out" 2>&1 </dev/null &
  watcher=$!
  for i in $(seq 200); do
    : >"$shared/watched/probe$i"
    if grep -q probe "$work/notify.out"; then return; fi
    sleep 0.1
  done
  cat "$work/notify.out"
  return 1
}

change_locally() {
  echo local >"$shared/watched/one"
  mv "$shared/watched/one" "$shared/watched/two"
  rm "$shared/watched/two"
  mkdir -p "$shared/watched/deep/er"
  until_says '0001 one' "$work/notify.out" &&
    until_says '0004 one' "$work/notify.out" &&
    until_says '0005 two' "$work/notify.out" &&
    until_says '0002 two' "$work/notify.out" &&
    until_says '0001 deep' "$work/notify.out"
}

put_once() {
  echo remote >"$work/remote"
  smb "put $work/remote watched\\remote" >/dev/null
  until_says 'remote' "$work/notify.out"
  : >"$shared/watched/end"
  until_says '0001 end' "$work/notify.out"
  [ "$(grep -c '0001 remote' "$work/notify.out")" = 1 ] || { cat "$work/notify.out"; return 1; }
}

reads_what_was_written() {
  echo first >"$work/text"
  smb "put $work/text text" && echo second >>"$shared/text" && smb "get text $work/back" &&
    same "$shared/text" "$work/back"
}

check 'smbclient notify is told of a local file' watch_folder
check 'local files made, renamed and removed are told' change_locally
check 'a change of a client is told once' put_once
check 'content that a local process appended is read' reads_what_was_written
kill "$watcher" 2>/dev/null || true
summary
