// Fixed scripts for sh: whatever varies comes in through "$1" and so on, never into the text.

/** What every file made during a bake is dated, in seconds since 1970: 2020-01-01. */
export const EPOCH = 1577836800;

/**
 * Mounts a root file system. $1 folder of unpacked layers, $2 lowerdir (relative to $1), $3 folder for changes, which gets
 * `upper`, `overlay` and the mount point `root` (relative to $1). Names are relative so that any path will do and the
 * kernel's limit on options is far.
 */
export const MOUNT_ROOT = `set -eu
cd "$1"
mkdir -p "$3/upper" "$3/overlay" "$3/root"
chmod 0755 "$3/upper"
export LIBMOUNT_FORCE_MOUNT2=always
options="userxattr,lowerdir=$2,upperdir=$3/upper,workdir=$3/overlay"
# Nothing is lost by not waiting for the disk: after a crash of the machine the folder is thrown away.
mount -t overlay overlay -o "volatile,$options" "$3/root" 2>/dev/null || mount -t overlay overlay -o "$options" "$3/root"`;

/**
 * Mounts what programs expect inside the root file system $1. The kernel's settings stay out of reach: they are the host's.
 */
export const MOUNT_SYSTEM = `set -eu
cd "$1"
mkdir -p proc sys dev run tmp
mount -t proc proc proc
for path in sys sysrq-trigger irq bus; do
  if [ -e "proc/$path" ]; then
    mount --bind "proc/$path" "proc/$path"
    mount -o remount,bind,ro,nosuid,nodev,noexec "proc/$path" 2>/dev/null || mount -o remount,bind,ro "proc/$path"
  fi
done
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys 2>/dev/null || mount --rbind /sys sys
mount -t tmpfs -o mode=0755 tmpfs dev
for node in null zero full random urandom tty; do
  : >"dev/$node"
  mount --bind "/dev/$node" "dev/$node"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
mount -t tmpfs -o mode=0755 tmpfs run
mkdir -m 1777 run/lock
mount -t tmpfs -o mode=1777 tmpfs tmp`;

/**
 * Starts the init system of the root file system $1 as process 1 of a PID namespace of its own, in the control group $2.
 * $3 work folder, $4 INIT. Only version 2 of control groups is used: one tree, of which it sees its own branch alone.
 */
export const BOOT = `set -eu
mkdir -p "$3/cgroup"
mount -t cgroup2 cgroup2 "$3/cgroup"
mkdir "$3/cgroup/$2"
(
  echo 0 >"$3/cgroup/$2/cgroup.procs"
  exec setsid unshare --pid --cgroup --fork --kill-child sh -c "$4" init "$1"
) </dev/null >"$3/boot.log" 2>&1 &`;

/** Whether control groups can be made for booted machines. */
export const TRY_CGROUP = `set -eu
mount -t cgroup2 cgroup2 /mnt
mkdir "/mnt/goldenthread-try-$$"
rmdir "/mnt/goldenthread-try-$$"`;

// What a machine must not do to the host's kernel, though its root may do everything else.
const BOUNDS = '-sys_time,-sys_module,-sys_rawio,-sys_boot,-mknod';

/** Becomes the init system of the root file system $1. */
export const INIT = `${MOUNT_SYSTEM}
mount -t cgroup2 cgroup2 sys/fs/cgroup
exec env -i container=goldenthread PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \\
  setpriv --bounding-set=${BOUNDS} chroot "$PWD" /sbin/init`;

/** Ends what runs in the control group $2 and removes it. $1 an empty folder to mount the tree on. */
export const END_CGROUP = `cd "$1"
mount -t cgroup2 cgroup2 . && cd "$PWD/$2" || exit 0
echo 1 >cgroup.kill 2>/dev/null || find . -name cgroup.procs -exec cat {} + | xargs -r kill -9
cd ..
for turn in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  find "$2" -depth -type d -exec rmdir {} \\; 2>/dev/null
  if [ ! -d "$2" ]; then exit 0; fi
  sleep 0.05
done`;

/**
 * Makes the layer that is only there while a step runs: name service, a policy that starts no daemons, and mount points.
 * $1 folder of unpacked layers, $2 folder to make (relative to $1), $3 … the layers, the topmost first. A folder in
 * it looks exactly like the one it covers, because a step that writes there takes its looks over.
 */
export const SCAFFOLD = `set -eu
cd "$1"
new="$2"
shift 2
mkdir -m 0755 "$new"
like() {
  at="$1"
  shift
  for layer in "$@"; do
    if [ -L "$layer/$at" ]; then return 1; fi
    if [ -d "$layer/$at" ]; then
      mkdir -p "$new/$at"
      chown --reference="$layer/$at" "$new/$at"
      chmod --reference="$layer/$at" "$new/$at"
      return 0
    fi
  done
  return 1
}
dated() {
  at="$1"
  shift
  for layer in "$@"; do
    if [ -d "$layer/$at" ]; then touch -r "$layer/$at" "$new/$at"; return 0; fi
  done
  touch -d "@${EPOCH}" "$new/$at"
}
like . "$@"
for at in proc sys dev run tmp; do
  like "$at" "$@" || { mkdir -m 0755 "$new/$at"; dated "$at" "$@"; }
done
if like etc "$@"; then
  cat /etc/resolv.conf >"$new/etc/resolv.conf" 2>/dev/null || :
fi
if like usr "$@" && like usr/sbin "$@"; then
  printf '#!/bin/sh\\nexit 101\\n' >"$new/usr/sbin/policy-rc.d"
  chmod 0755 "$new/usr/sbin/policy-rc.d"
fi
for at in proc sys dev run tmp etc usr/sbin usr .; do
  if [ -d "$new/$at" ]; then dated "$at" "$@"; fi
done`;

/**
 * Lends the package manager of the root file system $1 a cache $2 that outlives the bake. Package lists are fetched
 * where they are older than half a day, once: a step then finds them whether or not an earlier step has just run.
 */
export const MOUNT_APT = `set -eu
cd "$1"
mkdir -p run/goldenthread
printf 'APT::Sandbox::User "root";\\nAcquire::Languages "none";\\n' >run/goldenthread/apt.conf
if [ ! -x usr/bin/apt-get ] || [ ! -d var/cache/apt ] || [ ! -d var/lib/apt/lists ]; then exit 0; fi
mkdir -p "$2/cache" "$2/lists"
mount --bind "$2/cache" var/cache/apt
mount --bind "$2/lists" var/lib/apt/lists
if [ -n "$(find "$2" -maxdepth 1 -name tried -mmin -720)" ]; then exit 0; fi
: >"$2/tried"
APT_CONFIG=/run/goldenthread/apt.conf timeout 120 chroot . apt-get update -q && exit 0
echo 'package lists could not be fetched'
# Where there is no network, steps must not wait for it one after another; soon it is tried again.
touch -d '-715 minutes' "$2/tried"`;

/** Forgets packages of the cache $1 that nobody has fetched for a month. */
export const TIDY_APT = `find "$1" -name '*.deb' -ctime +30 -delete 2>/dev/null || :`;

/**
 * Takes out of the changes $1 what must not be in a layer, and dates what was made since $2 (seconds since 1970) alike.
 * Older dates stay: compiled Python names the date of its source. $3 is `base` where this is a whole root file system.
 */
export const NORMALISE = `set -eu
cd "$1"
for at in var/log var/cache; do
  if [ -d "$at" ] && [ ! -L "$at" ]; then find "$at" -mindepth 1 -depth ! -type d -delete; fi
done
# Whether apt makes folders for its unprivileged user depends on who runs it.
rm -rf var/cache/apt/archives/partial
for at in var/lib/apt/lists run tmp dev proc sys; do
  if [ -d "$at" ] && [ ! -L "$at" ]; then find "$at" -mindepth 1 -depth -delete; fi
done
# apt gives its folder for downloads to a user of its own, unless that user cannot get to where the image is being made.
rm -rf root/.ansible var/lib/dbus/machine-id var/cache/apt/archives/partial
if [ "$3" = base ]; then rm -f etc/hostname etc/resolv.conf; fi
if [ -f etc/machine-id ] && [ ! -L etc/machine-id ]; then : >etc/machine-id; fi
find . -newermt "@$2" -exec touch -h -d "@${EPOCH}" {} +`;

/**
 * Takes the mark "replaces what is below" from folders of the changes $2 that have nothing below them. Some kernels set it
 * on every new folder, others only where it is needed, and the layer must not tell which. $1 folder of unpacked
 * layers, $2 folder with `upper` and `root` (relative to $1), $3 lowerdir, $4 python3, $5 UNMARK.
 */
export const SETTLE = `set -eu
cd "$1"
case "$3" in
  *:*) LIBMOUNT_FORCE_MOUNT2=always mount -t overlay overlay -o "userxattr,lowerdir=$3" "$2/root" ;;
  *) mount --bind "$3" "$2/root" ;;
esac
"$4" -I -c "$5" "$2/upper" "$2/root"
umount "$2/root"`;

/** For python3: argv[1] changes, argv[2] what is below them. */
export const UNMARK = `
import os, sys
upper, below = sys.argv[1:]
for at, folders, files in os.walk(upper):
    for folder in folders:
        path = os.path.join(at, folder)
        under = os.path.join(below, os.path.relpath(path, upper))
        if os.path.islink(path) or os.path.isdir(under) and not os.path.islink(under): continue
        for name in ('user.overlay.opaque', 'trusted.overlay.opaque'):
            if name in os.listxattr(path): os.removexattr(path, name)
`;

/** Writes the folder $1 as a tar, whose bytes depend on nothing but its content. */
export const PACK = `exec tar -C "$1" --format=pax --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime \\
  --xattrs '--xattrs-include=*' --numeric-owner --sort=name -cf - .`;

/** A chroot for Ansible: the environment inside is the same for everybody, proxies aside. */
export const CHROOT = `#!/bin/sh
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root USER=root LOGNAME=root \\
  SHELL=/bin/sh LC_ALL=C.UTF-8 SOURCE_DATE_EPOCH=${EPOCH} APT_CONFIG=/run/goldenthread/apt.conf \\
  \${http_proxy:+http_proxy="$http_proxy"} \${https_proxy:+https_proxy="$https_proxy"} \\
  \${no_proxy:+no_proxy="$no_proxy"} chroot "$@"
`;
