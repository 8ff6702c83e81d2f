#!/bin/bash
# Debian's smbcacls at work: lists, entries added, changed and removed, owners, inheritance, and
# the share of permission bits alone. It knows no port but 445: a network of its own has that free.
if [ -z "${SEMBA_OWN_NETWORK:-}" ]; then
  SEMBA_OWN_NETWORK=1 exec unshare -n "$0" "$@"
fi
ip link set lo up
# shellcheck source=test/interop/lib.sh
. "$(dirname "$0")/lib.sh"
free_port() { echo 445; }

# acl SHARE FILE [OPTION…]: one smbcacls call.
acl() {
  local share=$1 file=$2
  shift 2
  smbcacls "//127.0.0.1/$share" "$file" -U "$USER1%$PASSWORD1" "$@"
}

# shows TEXT SHARE FILE: the list has a line that says exactly this.
shows() {
  local text=$1
  shift
  acl "$@" >"$work/acl.out" && grep -qxF -- "$text" "$work/acl.out" || { cat "$work/acl.out"; return 1; }
}

# mode OCTAL NAME: permission bits on disk, in the share of those.
mode() {
  [ "$(stat -c %a "$dir/posix/$2")" = "$1" ] || { stat "$dir/posix/$2"; return 1; }
}

put() {
  smbclient "//127.0.0.1/$1" -U "$USER1%$PASSWORD1" -c "$2" >/dev/null 2>&1
}

mkdir "$work/shares"
start_server SEMBA_DIR="$work/shares"
dir=$(echo "$work"/shares/semba-serve-*)
echo text >"$work/text"
put share "put $work/text f; mkdir d; mkdir d\\e; put $work/text d\\e\\g"
put posix "put $work/text f"

check 'the owner has a name' shows 'OWNER:Unix User\root' share f
check 'an entry is added' acl share f -a 'ACL:torture2:ALLOWED/0x0/READ'
check '… and shown' shows 'ACL:SEMBA\torture2:ALLOWED/0x0/READ' share f
check 'it is changed' acl share f -M 'ACL:torture2:ALLOWED/0x0/CHANGE'
check '… and shown' shows 'ACL:SEMBA\torture2:ALLOWED/0x0/CHANGE' share f
check 'it is removed' acl share f -D 'ACL:torture2:ALLOWED/0x0/CHANGE'
check '… and gone' fails shows 'ACL:SEMBA\torture2:ALLOWED/0x0/CHANGE' share f
check 'a list is set' acl share f -S 'ACL:torture2:DENIED/0x0/W,ACL:Everyone:ALLOWED/0x0/FULL'
check '… and shown' shows 'ACL:SEMBA\torture2:DENIED/0x0/W' share f
check 'a file is not given away' fails acl share f -C torture2
check 'it is given to a group of its owner' acl share f -G 'Unix Group\root'
check 'an entry goes down a tree' \
  acl share d -a 'ACL:torture2:ALLOWED/OI|CI/READ' --propagate-inheritance
check '… to folders' shows 'ACL:SEMBA\torture2:ALLOWED/OI|CI|I/READ' share d/e
check '… and to files' shows 'ACL:SEMBA\torture2:ALLOWED/I/READ' share d/e/g
put share "put $work/text d\\h"
check 'new files have it' shows 'ACL:SEMBA\torture2:ALLOWED/0x0/READ' share d/h
check 'inheritance is cut' acl share d/e -I remove
check '… and that is shown' fails shows 'ACL:SEMBA\torture2:ALLOWED/OI|CI|I/READ' share d/e

check 'a list becomes permission bits' \
  acl posix f -S 'ACL:Unix User\root:ALLOWED/0x0/FULL,ACL:Everyone:ALLOWED/0x0/READ'
check '… on disk' mode 755 f
chmod 640 "$dir/posix/f"
check 'a local chmod is shown' shows 'ACL:Unix Group\root:ALLOWED/0x0/R' posix f
check 'somebody else has no bits' fails acl posix f -a 'ACL:torture2:ALLOWED/0x0/READ'
check '… and nothing changed' mode 640 f

summary
