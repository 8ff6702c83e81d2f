#!/bin/bash
# kernel-jobs/load.sh SECONDS [JOB…]: runs in a mounted share. Whole files, repositories, trees
# and one file changed at random, or what is named of these, side by side, each compared with what
# it must be. Fails at the first that is not, and at the first error that a program is given.
set -euo pipefail
seconds=$1
shift
[ $# -gt 0 ] || set -- whole_files repositories trees changed_at_random
here=$(mktemp -d "$PWD/load.XXXXXX")
local=$(mktemp -d)
end=$((SECONDS + seconds))
uncached() { sync; echo 3 >/proc/sys/vm/drop_caches 2>/dev/null || true; }

whole_files() {
  local round=0
  head -c 50331648 /dev/urandom >"$local/whole"
  while [ $SECONDS -lt $end ]; do
    dd if="$local/whole" of="$here/whole.$((round % 3))" bs=1M conv=fsync status=none
    uncached
    cmp "$local/whole" "$here/whole.$((round % 3))"
    round=$((round + 1))
  done
  echo "whole files: $round rounds"
}

repositories() {
  local round=0 i
  export HOME=$local GIT_CONFIG_NOSYSTEM=1
  git config --global user.email test@example.org
  git config --global user.name test
  git config --global safe.directory '*'
  while [ $SECONDS -lt $end ]; do
    git init -q "$here/one"
    for i in 1 2 3; do
      seq "$i" "$((i * 2000))" >"$here/one/file$i"
      git -C "$here/one" add . && git -C "$here/one" commit -qm "$i"
    done
    # Not file by file: this client lists files for a moment that it removed while they were open.
    git clone -q --no-local "$here/one" "$here/two" 2>&1
    git -C "$here/two" gc -q
    git -C "$here/two" fsck --strict 2>&1 | { ! grep -E 'error|missing|corrupt'; }
    diff -r -x .git "$here/one" "$here/two"
    rm -r "$here/one" "$here/two"
    round=$((round + 1))
  done
  echo "repositories: $round rounds"
}

trees() {
  local round=0 i j
  while [ $SECONDS -lt $end ]; do
    for i in 1 2 3 4 5; do
      mkdir -p "$here/tree/$i/deep"
      for j in $(seq 20); do echo "$round $i $j" >"$here/tree/$i/deep/$j"; done
      mv "$here/tree/$i/deep" "$here/tree/$i/moved"
    done
    [ "$(cat "$here"/tree/*/moved/* | wc -l)" -eq 100 ]
    [ "$(find "$here/tree" -type f | wc -l)" -eq 100 ]
    rm -r "$here/tree"
    [ ! -e "$here/tree" ]
    round=$((round + 1))
  done
  echo "trees: $round rounds"
}

changed_at_random() {
  python3 - "$here/random" "$((end - SECONDS))" <<'P'
import os, random, sys, time
path, seconds = sys.argv[1], int(sys.argv[2])
random.seed(7)
size_max, model, steps = 4 << 20, bytearray(), 0
fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
end = time.monotonic() + seconds
while time.monotonic() < end:
    kind, at = random.random(), random.randrange(size_max)
    length = random.randrange(1, 65536)
    if kind < 0.4:
        data = random.randbytes(length)
        assert os.pwrite(fd, data, at) == length
        if len(model) < at: model.extend(bytes(at - len(model)))
        model[at:at + length] = data
    elif kind < 0.8:
        got = os.pread(fd, length, at)
        assert got == model[at:at + length], f'step {steps}: read of {length} at {at}'
    elif kind < 0.9:
        os.ftruncate(fd, at)
        if at < len(model): del model[at:]
        else: model.extend(bytes(at - len(model)))
    elif kind < 0.95:
        os.fsync(fd)
        assert os.fstat(fd).st_size == len(model), f'step {steps}: size'
    else:
        os.close(fd)
        fd = os.open(path, os.O_RDWR)
    steps += 1
os.close(fd)
assert open(path, 'rb').read() == model
os.unlink(path)
print(f'changed at random: {steps} steps')
P
}

pids=()
for job; do
  "$job" & pids+=($!)
done
failed=0
for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
if [ -r /proc/fs/cifs/DebugData ]; then
  grep -E 'Dialect|Extra Channels|TCP status' /proc/fs/cifs/DebugData
fi
[ $failed = 0 ] || exit 1
rm -r "$here" "$local" 2>/dev/null || true
