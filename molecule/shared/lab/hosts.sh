# shellcheck shell=bash
# Makes and starts hosts: disk, keys, network namespace, systemd-nspawn.

# What nspawn leaves out when the network namespace comes from outside, and what services on a real host may use.
readonly CAPABILITIES=CAP_NET_ADMIN,CAP_NET_RAW,CAP_SYS_NICE,CAP_IPC_LOCK,CAP_SYS_PTRACE,CAP_SYSLOG

lay_out_hosts() {
  local folder=$1 number=$2 spec unit address=11
  shift 2
  printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n' >"$folder/hosts"
  for spec; do
    unit=$folder/glab$number-$address
    mkdir "$unit"
    echo "${spec%%=*}" >"$unit/host"
    suite_name "${spec#*=}" >"$unit/suite"
    echo "$NET.$number.$address" >"$unit/address"
    echo "$NET.$number.$address ${spec%%=*}" >>"$folder/hosts"
    address=$((address + 1))
  done
}

# Folder of a host: LAB_FOLDER/glab7-11, with the files host, address and suite.
make_host() {
  local folder=$1 unit=${1##*/} base root=$1/root
  base=$(base_folder "$(<"$folder/suite")")
  mkdir "$folder/upper" "$folder/work" "$root"
  # volatile: otherwise each unmount writes out the whole disk below it
  mount -t overlay overlay -o "lowerdir=$base,upperdir=$folder/upper,workdir=$folder/work,volatile" "$root" ||
    die "cannot mount an overlay at $root: see the kernel's log (dmesg)."
  cp "$folder/host" "$root/etc/hostname"
  cp "${folder%/*}/hosts" "$root/etc/hosts"
  cp "$(resolver_file)" "$root/etc/resolv.conf"
  # only this kind: the others take longer to make than the host takes to boot
  ssh-keygen -q -t ed25519 -N '' -C "$(<"$folder/host")" -f "$root/etc/ssh/ssh_host_ed25519_key"
  install -d -m 0700 "$root/root/.ssh"
  install -m 0600 "${folder%/*}/authorized_keys" "$root/root/.ssh/authorized_keys"
  make_host_network "$unit" "$(<"$folder/address")"
}

# systemd-resolved's stub answers on a loopback address, which in a host is the host itself.
resolver_file() {
  local upstream=/run/systemd/resolve/resolv.conf
  if grep -qE '^nameserver\s+127\.' /etc/resolv.conf && [[ -e $upstream ]]; then echo "$upstream"; else echo /etc/resolv.conf; fi
}

# The namespace is made and addressed from outside: nothing to configure in the host, and it outlives a reboot.
make_host_network() {
  local unit=$1 address=$2 bridge=${1%-*}
  ip netns add "$unit"
  ip link add "$unit" type veth peer name eth0 netns "$unit"
  ip link set "$unit" master "$bridge" up
  ip -n "$unit" link set lo up
  ip -n "$unit" link set eth0 up
  ip -n "$unit" address add "$address/24" dev eth0
  ip -n "$unit" route add default via "${address%.*}.1"
}

start_host() {
  local folder=$1 unit=${1##*/} nspawn
  nspawn=(
    systemd-nspawn --quiet --boot --directory="$folder/root" --machine="$unit" --register=no --keep-unit
    --network-namespace-path="/run/netns/$unit" --capability="$CAPABILITIES"
    --resolv-conf=off --timezone=off --link-journal=no --console=pipe
  )
  # fsync is most of the time an apt run takes; nspawn knows the option since systemd 250
  [[ $(systemd-nspawn --help) != *--suppress-sync* ]] || nspawn+=(--suppress-sync=yes)
  # network file systems in user space need it
  [[ ! -e /dev/fuse ]] || nspawn+=(--bind=/dev/fuse)
  # /proc/sys/net belongs to the host's own namespace: let it be written there
  export SYSTEMD_NSPAWN_API_VFS_WRITABLE=network
  if pid1_is_systemd; then
    # a reboot ends nspawn with 133 under --keep-unit
    systemd-run --quiet --unit="$unit" --property=Slice=machine.slice --property=Delegate=yes --property=KillMode=mixed \
      --property=RestartForceExitStatus=133 --property=SuccessExitStatus=133 \
      --setenv=SYSTEMD_NSPAWN_API_VFS_WRITABLE=network "${nspawn[@]}"
  else
    supervise_host "$unit" "${nspawn[@]}" </dev/null >"$folder/console.log" 2>&1 7>&- 8>&- 9>&- &
  fi
}

# --keep-unit puts a host into its caller's cgroup, and two hosts in one would mix their services: so each has its own.
supervise_host() {
  local unit=$1 hierarchy
  while read -r hierarchy; do
    mkdir "$hierarchy/$unit"
    echo "$BASHPID" >"$hierarchy/$unit/cgroup.procs"
  done < <(cgroup_hierarchies)
  # shellcheck disable=SC2016 # the inner shell expands it
  exec setsid bash -c 'shift; until "$@"; [ $? != 133 ]; do :; done' supervisor "$@"
}

cgroup_hierarchies() {
  if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
    echo /sys/fs/cgroup
  else
    find /sys/fs/cgroup/systemd /sys/fs/cgroup/unified -maxdepth 0 2>/dev/null
  fi
}
