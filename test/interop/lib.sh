# shellcheck shell=bash
# For the interop scripts: a fresh server, counted checks, one summary line "N passed, N failed".
# SEMBA_INTEROP_PORT=P tests a server that already runs on loopback port P (same shares and users).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/semba-interop.XXXXXX")
passed=0 failed=0 server_pid=
USER1=torture1 PASSWORD1=torture1pw

cleanup() {
  stop_server
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

free_port() {
  node -e 's=require("net").createServer().listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})'
}

# [WORKERS=N] start_server [VAR=VALUE…]: sets $port; the variables are the server's options.
start_server() {
  if [ -n "${SEMBA_INTEROP_PORT:-}" ]; then port=$SEMBA_INTEROP_PORT; return; fi
  stop_server
  port=$(free_port)
  env "$@" "$here/serve" "$port" "${WORKERS:-1}" >"$work/server.out" 2>"$work/server.err" &
  server_pid=$!
  for _ in $(seq 600); do
    if grep -q '^ready' "$work/server.out"; then return; fi
    kill -0 "$server_pid" 2>/dev/null || break
    sleep 0.1
  done
  echo "the server did not come up:" >&2
  cat "$work/server.err" >&2
  exit 1
}

stop_server() {
  [ -n "$server_pid" ] || return 0
  kill "$server_pid" 2>/dev/null || true
  wait "$server_pid" 2>/dev/null || true
  server_pid=
}

# check NAME COMMAND…: counts whether the command succeeds; shows its output when it does not.
check() {
  local name=$1
  shift
  if "$@" >"$work/check.out" 2>&1; then
    passed=$((passed + 1))
    echo "ok   $name"
  else
    failed=$((failed + 1))
    echo "FAIL $name"
    tail -n 20 "$work/check.out" | sed 's/^/     /'
  fi
}

# fails COMMAND…: for what the server has to refuse.
fails() { ! "$@"; }

same() { cmp "$1" "$2"; }

# make_file PATH SIZE: that many bytes that no block repeats; sparse sizes would prove nothing.
make_file() {
  if [ "$2" -eq 0 ]; then : >"$1"; return; fi
  openssl enc -aes-128-ctr -nosalt -K 000102030405060708090a0b0c0d0e0f \
    -iv "$(printf '%032x' "$2")" -in /dev/zero 2>/dev/null | head -c "$2" >"$1" || true
  [ "$(stat -c %s "$1")" -eq "$2" ]
}

# make_tree FOLDER: 3 folders deep, odd names, an empty folder.
make_tree() {
  mkdir -p "$1/a/b/c" "$1/empty" "$1/with space"
  echo one >"$1/one.txt"
  echo two >"$1/a/two.txt"
  echo three >"$1/a/b/three.TXT"
  make_file "$1/a/b/c/data.bin" 100000
  echo umlaut >"$1/with space/grün €.txt"
}

summary() {
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]
}
