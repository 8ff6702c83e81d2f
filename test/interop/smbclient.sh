#!/bin/bash
# Debian's smbclient at work: every dialect, plain, signed and encrypted, trees, attributes, tar.
# shellcheck source=test/interop/lib.sh
. "$(dirname "$0")/lib.sh"

# smb SHARE COMMANDS [OPTION…]: one smbclient session; an NT_STATUS in its output is a failure.
smb() {
  local share=$1 commands=$2 out=
  shift 2
  out=$(smbclient "//127.0.0.1/$share" -p "$port" -U "$USER1%$PASSWORD1" "$@" -c "$commands" 2>&1) || {
    echo "$out"
    return 1
  }
  echo "$out"
  ! grep -q 'NT_STATUS_' <<<"$out"
}

# smb_says TEXT SHARE COMMANDS [OPTION…]: the output must have TEXT.
smb_says() {
  local text=$1
  shift
  smb "$@" >"$work/says.out" || { cat "$work/says.out"; return 1; }
  grep -q -- "$text" "$work/says.out" || { cat "$work/says.out"; return 1; }
}

# round_trip SHARE NAME [OPTION…]: put, get, compare, delete.
round_trip() {
  local share=$1 name=$2
  shift 2
  rm -f "$work/back"
  smb "$share" "lcd $work/files; put $name; get $name $work/back; del $name" "$@" &&
    same "$work/files/$name" "$work/back"
}

mkdir "$work/files"
for size in 0 1 65535 65536 65537 5000000; do make_file "$work/files/f$size" "$size"; done
make_tree "$work/tree"

start_server

for dialect in SMB2_02 SMB2_10 SMB3_00 SMB3_02 SMB3_11; do
  for size in 0 1 65535 65536 65537 5000000; do
    check "$dialect: $size bytes" round_trip share "f$size" -m "$dialect"
  done
  check "$dialect signed" round_trip share f65537 -m "$dialect" --client-protection=sign
done
for dialect in SMB3_00 SMB3_02 SMB3_11; do
  check "$dialect encrypted" round_trip share f5000000 -m "$dialect" --client-protection=encrypt
  check "$dialect: share that requires encryption" round_trip share_enc f65537 -m "$dialect"
done
check 'SMB2_10 is refused where encryption is required' fails smb share_enc ls -m SMB2_10
for algorithm in aes-128-gcm aes-128-ccm aes-256-gcm aes-256-ccm; do
  check "cipher $algorithm" round_trip share f5000000 --client-protection=encrypt \
    --option="client smb3 encryption algorithms=$algorithm"
done
for algorithm in aes-128-gmac aes-128-cmac hmac-sha256; do
  check "signing $algorithm" round_trip share f65537 --client-protection=sign \
    --option="client smb3 signing algorithms=$algorithm"
done

check 'wrong password is refused' fails smbclient "//127.0.0.1/share" -p "$port" \
  -U "$USER1%wrong" -c ls
check 'unknown user is refused' fails smbclient "//127.0.0.1/share" -p "$port" \
  -U nobody-here%wrong -c ls
check 'unknown share is refused' fails smb no-such-share ls
check 'smbclient -L lists the shares' bash -c \
  "smbclient -L 127.0.0.1 -p $port -U $USER1%$PASSWORD1 -m SMB3 | tee /dev/stderr | grep -q share_enc"

check 'mkdir, cd, ls, rmdir' smb share 'mkdir d1; mkdir d1/d2; cd d1; ls; rmdir d2; cd ..; rmdir d1'
check 'mput of a tree' smb share "mkdir tree; cd tree; lcd $work/tree; prompt off; recurse on; mput *"
mkdir "$work/tree-back"
check 'mget of a tree' smb share "cd tree; lcd $work/tree-back; prompt off; recurse on; mget *"
check 'the tree came back the same' diff -r "$work/tree" "$work/tree-back"
check 'ls with a pattern' smb_says 'one.txt' share 'cd tree; ls *.txt'
check 'names are found in any case' smb_says 'three.TXT' share 'ls TREE/A/B/THREE.txt'
check 'rename' smb share 'cd tree; rename one.txt uno.txt; ls uno.txt; rename uno.txt one.txt'
check 'rename of a folder with files' smb share 'rename tree/a tree/z; ls tree/z/*; rename tree/z tree/a'
check 'rename over a file is refused' fails smb share 'rename tree/one.txt tree/a/two.txt'
check 'allinfo' smb_says 'create_time' share 'allinfo tree/one.txt'
check 'setmode +r' smb_says 'R' share 'setmode tree/one.txt +r; ls tree/one.txt'
check 'a read-only file cannot be deleted' bash -c "! smbclient //127.0.0.1/share -p $port \
  -U $USER1%$PASSWORD1 -c 'del tree/one.txt' | grep -vq NT_STATUS"
check 'setmode -r' smb share 'setmode tree/one.txt -r'
check 'setmode +h' smb_says 'H' share 'setmode tree/one.txt +h; ls tree/one.txt; setmode tree/one.txt -h'
check 'du' smb_says 'Total' share 'du'
check 'volume' smb share 'volume'
check 'tar out and in' bash -c "cd $work && smbclient //127.0.0.1/share -p $port \
  -U $USER1%$PASSWORD1 -Tc tree.tar tree && tar -tf tree.tar | grep -q data.bin &&
  smbclient //127.0.0.1/share -p $port -U $USER1%$PASSWORD1 -c 'mkdir untar' &&
  smbclient //127.0.0.1/share -p $port -U $USER1%$PASSWORD1 -D untar -Tx $work/tree.tar"
check 'what tar restored is the same' smb_says '100000' share 'ls untar/tree/a/b/c/data.bin'
check 'deltree' smb share 'deltree tree; deltree untar'
check 'nothing is left' fails smb share 'ls tree'

check 'share_ro can be read' smb share_ro ls
check 'share_ro cannot be written' fails smb share_ro "lcd $work/files; put f1"
check 'share_ro makes no folder' fails smb share_ro 'mkdir d'

then=@GMT-2024.01.02-03.04.05
check 'allinfo lists the snapshots' smb_says "$then" share_snap 'allinfo file.txt'
check 'a file of a snapshot' smb share_snap "get $then\\file.txt $work/back"
check 'is as it was then' grep -qx then "$work/back"
check 'a folder of a snapshot' smb_says then.txt share_snap "ls folder\\$then\\*"
check 'a file that came later is not there' fails smb share_snap "ls $then\\folder\\now.txt"
check 'a snapshot cannot be written' fails smb share_snap "lcd $work/files; put f1 $then\\f1"

if [ "${SEMBA_INTEROP_BIG:-1}" = 1 ]; then
  make_file "$work/files/big" 1073741824
  check '1 GiB' round_trip share big
  check '1 GiB, encrypted' round_trip share_enc big
  rm -f "$work/files/big" "$work/back"
fi
summary
