#!/bin/bash
# A real `systemd --user` where no systemd has booted: in a container, on a continuous integration
# machine. To be run as root; changes nothing outside its own mount namespace.
#
#   user_manager.sh HOME PID-FILE PATH...
#
# Starts a manager for a user `janot` that exists only in here, with HOME as its home, and stays
# until its standard input ends. PATHs are what that user must be able to read (a Python, a
# checkout) although a folder above them may be private. PID-FILE gets the number of a process
# whose namespace the manager lives in, once it is running: commands enter it with nsenter.
set -eu
if [ "${1-}" != inside ]; then
  exec unshare --mount --propagation private "$BASH" "$0" inside "$@"
fi
shift
home=$1 pid_file=$2
shift 2
id=54321
runtime=/run/user/$id

# The user: known to this namespace only.
for database in passwd group; do
  cp /etc/$database "$home.$database"
done
echo "janot:x:$id:$id::$home:/bin/sh" >>"$home.passwd"
echo "janot:x:$id:" >>"$home.group"
mount --bind "$home.passwd" /etc/passwd
mount --bind "$home.group" /etc/group
chown -R $id:$id "$home"

# Make every PATH reachable: the topmost private folder above it is covered by an empty one, in
# which only the PATH itself shows.
stash=/mnt # in here only
mount -t tmpfs none "$stash"
reveal() {
  local target=$1 above=$1 private=""
  while [ "$above" != / ]; do
    above=$(dirname "$above")
    [ "$((0$(stat -c %a "$above") & 1))" = 1 ] || private=$above
  done
  [ -n "$private" ] || return 0
  mkdir -p "$stash$target"
  mount --rbind "$target" "$stash$target"
  mount -t tmpfs -o mode=755 none "$private"
  mkdir -p "$target"
  mount --rbind "$stash$target" "$target"
}
for path in "$home" "$@"; do
  reveal "$path"
done

# systemd wants one control group tree of version 2, and looks at this folder to see whether the
# machine was booted with systemd.
umount -R /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 none /sys/fs/cgroup
group=/sys/fs/cgroup/user.slice/user-$id.slice/user@$id.service
mkdir -p $group/init.scope
chown -R $id:$id $group
mount -t tmpfs none /run/systemd
mkdir -p /run/systemd/system /run/user
mount -t tmpfs -o mode=755 none /run/user
install -d -m 700 -o $id -g $id $runtime

cleanup() {
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    find $group -depth -type d -exec rmdir {} + 2>/dev/null && break
    sleep 0.1
  done
  rmdir /sys/fs/cgroup/user.slice/user-$id.slice /sys/fs/cgroup/user.slice 2>/dev/null || true
}
trap cleanup EXIT

sh -c 'echo $$ > "$0/init.scope/cgroup.procs"; shift 0; exec "$@"' $group \
  setpriv --reuid $id --regid $id --init-groups --inh-caps=-all \
  env -i HOME="$home" USER=janot PATH=/usr/local/bin:/usr/bin:/bin \
  XDG_RUNTIME_DIR=$runtime \
  "$(command -v systemd || echo /lib/systemd/systemd)" --user </dev/null >"$home/manager.log" 2>&1 &
manager=$!

as_janot() {
  setpriv --reuid $id --regid $id --init-groups env XDG_RUNTIME_DIR=$runtime "$@"
}
for _ in $(seq 100); do
  state=$(as_janot systemctl --user is-system-running 2>/dev/null || true)
  case $state in running | degraded) break ;; esac
  kill -0 $manager
  sleep 0.05
done
echo $$ >"$pid_file.new"
mv "$pid_file.new" "$pid_file"
cat >/dev/null # until standard input ends
as_janot systemctl --user exit 2>/dev/null || kill $manager
wait $manager || true
