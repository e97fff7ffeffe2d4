#!/bin/bash
# A machine whose process 1 is a real systemd, for system units: this machine's files with whatever
# is written to them thrown away at the end. To be run as root.
#
#   machine.sh FOLDER CHECKOUT PYTHON-PREFIX PYTHON-NAME
#
# FOLDER/story.sh is run by root in the machine, in FOLDER; when it ends, so does the machine. The
# system units of CHECKOUT are installed, and `jano` is run from the checkout by the Python below
# PYTHON-PREFIX. Both are put into /opt, because the units may not look into /root and /home.
set -eu
case ${1-} in
inside) ;;
outside)
  # A control group of its own, so that nothing of the machine's is left when it is gone.
  shift
  umount -R /sys/fs/cgroup 2>/dev/null || true
  mount -t cgroup2 none /sys/fs/cgroup
  group=/sys/fs/cgroup/jano-test-$$
  mkdir $group
  trap 'find $group -depth -type d -exec rmdir {} +' EXIT
  sh -c 'echo $$ >"$0/cgroup.procs"; exec "$@"' $group \
    unshare --mount --pid --fork --kill-child --uts --ipc --cgroup --propagation private \
    "$BASH" "$0" inside "$@"
  exit
  ;;
*) exec unshare --mount --propagation private "$BASH" "$0" outside "$@" ;;
esac
folder=$2 checkout=$3 prefix=$4 python=$5

disk=/mnt # in here only
mount -t tmpfs none "$disk"
mkdir "$disk"/{written,work,root}
root=$disk/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$disk/written,workdir=$disk/work" "$root"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
umount -R "$root/sys/fs/cgroup"
mount -t cgroup2 none "$root/sys/fs/cgroup"
mount --rbind /dev "$root/dev"
mount -t tmpfs none "$root/run"
mount -t tmpfs none "$root/tmp"
mkdir -p "$root/opt/jano" "$root/opt/python" "$root$folder"
mount --bind "$checkout" "$root/opt/jano"
mount --bind "$prefix" "$root/opt/python"
mount --bind "$folder" "$root$folder"

cp "$checkout"/systemd/system/* "$root/etc/systemd/system/"
cp "$checkout/systemd/sysusers.d/jano.conf" "$root/usr/lib/sysusers.d/"
systemd-sysusers --root="$root" jano.conf
mkdir -p "$root/etc/polkit-1/rules.d" "$root/etc/jano"
install -m 644 "$checkout/systemd/polkit/50-jano.rules" "$root/etc/polkit-1/rules.d/"
cp -r "$folder/etc/." "$root/etc/"
for command in jano jano-test-server; do
  module=jano_core
  [ "$command" = jano ] || module=jano_core.testing.model_server
  cat >"$root/usr/local/bin/$command" <<END
#!/bin/sh
export PYTHONPATH=/opt/jano:/opt/jano/.venv/lib/$python/site-packages:/opt/jano/plugins/jano-systemd
export LD_LIBRARY_PATH=/opt/python/lib
exec /opt/python/bin/$python -m $module "\$@"
END
  chmod 755 "$root/usr/local/bin/$command"
done

cat >"$root/etc/systemd/system/story.target" <<END
[Unit]
Requires=story.service dbus.service
AllowIsolate=yes
END
cat >"$root/etc/systemd/system/story.service" <<END
[Unit]
DefaultDependencies=no
After=dbus.service
[Service]
Type=oneshot
WorkingDirectory=$folder
ExecStart=/bin/bash -eu $folder/story.sh
StandardOutput=file:$folder/said
StandardError=file:$folder/complained
ExecStopPost=/bin/systemctl --force --force poweroff
END
exec chroot "$root" env -i container=unshare /lib/systemd/systemd --unit=story.target
