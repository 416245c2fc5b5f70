# shellcheck shell=bash
# Kills hosts and removes everything that the kernel keeps of them.

remove_host() {
  local folder=$1 unit=${1##*/} number
  number=${unit%-*}
  # after a reboot of the machine, the number may belong to a lab of another state folder
  if [[ $(readlink "$RESERVED/${number#glab}") == "${folder%/*}" ]]; then
    kill_host "$unit"
    ip link delete "$unit" 2>/dev/null || true
    ip netns delete "$unit" 2>/dev/null || true
    remove_cgroups "$unit"
    forget_machine "$unit" "$folder/root"
  fi
  if mountpoint --quiet "$folder/root"; then umount "$folder/root" || umount --lazy "$folder/root"; fi
  rm -rf --one-file-system "$folder"
}

# Kill everything at once: a host that loses only its init takes seconds to go, and a closed connection tells ssh
# (ControlPersist) about it while the network is still there.
kill_host() {
  local unit=$1 processes deadline=$((SECONDS + 20))
  if pid1_is_systemd; then
    systemctl kill --signal=KILL "$unit" 2>/dev/null || true
    timeout 30 systemctl stop "$unit" 2>/dev/null || true
    systemctl reset-failed "$unit" 2>/dev/null || true
  fi
  while readarray -t processes < <(host_processes "$unit") && ((${#processes[@]})); do
    ((SECONDS < deadline)) || die "processes of $unit do not end: ${processes[*]}"
    kill -KILL "${processes[@]}" 2>/dev/null || true
    sleep 0.02
  done
}

# Every process of a host is in one of its cgroups or in its network namespace. (The lists of cgroups leave zombies out:
# they hold nothing any more, and some first processes take seconds to reap them.)
host_processes() {
  local cgroup
  {
    for cgroup in $(host_cgroups "$1"); do cat "$cgroup/cgroup.procs" 2>/dev/null || true; done
    ip netns pids "$1" 2>/dev/null || true
  } | sort -un
}

# The cgroups of a host, whoever supervises it, the innermost first.
host_cgroups() {
  find /sys/fs/cgroup -depth -type d -regextype egrep -regex ".*/$1(\.service)?(/.*)?" 2>/dev/null || true
}

# A cgroup stays busy for a moment after its last process has ended.
remove_cgroups() {
  local cgroups deadline=$((SECONDS + 20))
  while readarray -t cgroups < <(host_cgroups "$1") && ((${#cgroups[@]})); do
    ((SECONDS < deadline)) || die "cannot remove ${cgroups[*]}"
    rmdir "${cgroups[@]}" 2>/dev/null || sleep 0.02
  done
}

# What nspawn leaves behind when it is killed: its lock on the folder, by device and inode, and its mount points.
forget_machine() {
  local folder
  [[ ! -d $2 ]] || rm -f "/run/systemd/nspawn/locks/inode-$(stat -c %d:%i "$2")"
  for folder in /run/systemd/nspawn/{propagate,unix-export}/"$1"; do
    [[ ! -e $folder ]] || { umount --lazy "$folder" 2>/dev/null || true; rmdir "$folder"; }
  done
}
