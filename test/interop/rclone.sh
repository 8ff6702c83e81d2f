#!/bin/bash
# rclone's own SMB client (go-smb2): copy, check by download, move, list, purge.
# shellcheck source=test/interop/lib.sh
. "$(dirname "$0")/lib.sh"

if ! grep -q '^ *smb ' <<<"$(rclone help backends 2>/dev/null)"; then
  echo 'skipped: this rclone has no smb backend'
  summary
  exit
fi
make_tree "$work/tree"
for size in 0 1 65535 65536 65537 20000000; do make_file "$work/tree/f$size" "$size"; done
start_server

export RCLONE_CONFIG=$work/rclone.conf
cat >"$RCLONE_CONFIG" <<CONF
[semba]
type = smb
host = 127.0.0.1
port = $port
user = $USER1
pass = $(rclone obscure "$PASSWORD1")
CONF
rc() { timeout 120 rclone --retries 1 --low-level-retries 1 "$@"; }

check 'lsd lists the shares' bash -c "timeout 60 rclone lsd semba: | tee /dev/stderr | grep -q share"
check 'copy of a tree' rc copy "$work/tree" semba:share/rclone --create-empty-src-dirs
check 'what was written is the same' rc check --download "$work/tree" semba:share/rclone
check 'copy back' rc copy semba:share/rclone "$work/back" --create-empty-src-dirs
check 'what came back is the same' diff -r "$work/tree" "$work/back"
check 'modification times are kept' bash -c \
  "[ -z \"\$(rclone copy -v --dry-run $work/tree semba:share/rclone 2>&1 | grep -i 'Skipped copy')\" ]"
check 'moveto' rc moveto semba:share/rclone/one.txt semba:share/rclone/uno.txt
check 'cat' bash -c '[ "$(rclone cat semba:share/rclone/uno.txt)" = one ]'
check 'lsf' bash -c 'rclone lsf -R semba:share/rclone | grep -q "a/b/c/data.bin"'
check 'deletefile' rc deletefile semba:share/rclone/uno.txt
check 'purge' rc purge semba:share/rclone
check 'about or a clear refusal' bash -c 'rclone about semba:share 2>&1 | grep -qiE "total|not support|doesn.t support"'
check 'share_ro refuses a copy' fails rc copy "$work/tree/one.txt" semba:share_ro
summary
