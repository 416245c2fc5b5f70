#!/usr/bin/env bash
# Throw-away systemd hosts with real SSH on this machine: systemd-nspawn on overlayfs. What it is for: docs/lab.md.
set -euo pipefail
shopt -s inherit_errexit nullglob
umask 022
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
export SYSTEMD_LOG_LEVEL=warning

SELF=$(readlink -f -- "${BASH_SOURCE[0]}")
CHECKOUT=${SELF%/molecule/shared/*}
STATE=$(realpath -m -- "${GLANCEOPS_LAB_STATE:-/var/lib/glanceops-lab}")
CACHE=$(realpath -m -- "${GLANCEOPS_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/glanceops}")
MIRROR=${GLANCEOPS_LAB_MIRROR:-}
readonly SELF CHECKOUT STATE CACHE MIRROR

readonly RESERVED=/run/glanceops-lab # one symlink for each network in use on this machine, whatever its state folder
readonly MACHINE_LOCK=/run/lock/glanceops-lab.lock
readonly NET=10.199               # the labs' networks are $NET.NUMBER.0/24
readonly LAST_RESORT=4000000000   # a route metric that loses against every other route
readonly FREE_GB=3
readonly DEBIAN_KEYS=/usr/share/keyrings/debian-archive-keyring.gpg
readonly OWN_HOSTS="deploy to hosts of your own with: make deploy INVENTORY=path"

# What a host has before anything is deployed to it.
readonly BASE_PACKAGES=(
  systemd systemd-sysv # the init under test
  dbus libpam-systemd  # what systemctl, hostnamectl and login sessions talk to on every Debian host
  openssh-server       # the way in
  python3 python3-apt  # Ansible's modules; without python3-apt the apt module installs it by itself, even in check mode
  sudo                 # become_user, and host.sudo() of testinfra
  ca-certificates      # https, with the authorities this machine trusts
  iproute2 procps      # facts, ss, ps and sysctl
)

# What nspawn leaves out when the network namespace comes from outside, and what services on a real host may use.
readonly CAPABILITIES=CAP_NET_ADMIN,CAP_NET_RAW,CAP_SYS_NICE,CAP_IPC_LOCK,CAP_SYS_PTRACE,CAP_SYSLOG

usage() {
  cat <<USAGE
usage: $0 COMMAND

  check                 say whether this machine can host a lab
  install               check, then install the Debian packages that are missing
  base SUITE...         build the cached base of each Debian suite (bullseye, bookworm, trixie; or 11, 12, 13)
  up LAB HOST=SUITE...  make the hosts of a lab and wait until they run
  down LAB              remove the hosts of a lab
  list                  show all labs and their hosts
  leftovers [--orphans] print everything on this machine that belongs to a lab (or to no standing lab); fail if there is any
  clean                 take all labs down and remove the cached bases

Progress goes to stderr. The last line on stdout of install, base, up, down and clean is "changed" or "unchanged".
USAGE
}

# ---------------------------------------------------------------------------------------------------------------- words

say() { printf 'lab: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

seconds_since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'; }

# ------------------------------------------------------------------------------------------------------------- plumbing

# each_in_parallel FUNCTION ARGUMENT...: a job for each argument; fails when one of them has failed.
each_in_parallel() {
  local call=$1 argument job jobs=() failed=0
  shift
  for argument; do
    "$call" "$argument" &
    jobs+=("$!")
  done
  for job in "${jobs[@]}"; do wait "$job" || failed=1; done
  return "$failed"
}

# lock FD FILE WHAT: the file may have been removed by the run that held it, so look whether the locked one is still in place.
lock() {
  local fd=$1 file=$2 what=$3
  until [[ /proc/self/fd/$fd -ef $file ]]; do
    mkdir -p "${file%/*}"
    eval "exec $fd>>\"\$file\""
    if ! flock --wait 3 "$fd"; then
      say "waiting for another run ($what)"
      flock --wait 1800 "$fd" || die "another run ($what) has held $file for 30 minutes: end it and try again."
    fi
  done
}

unlock() {
  local fd=$1 file=$2
  rm -f "$file"
  eval "exec $fd>&-"
}

existing_parent() {
  local path=$1
  until [[ -d $path ]]; do path=$(dirname "$path"); done
  echo "$path"
}

pid1_is_systemd() { [[ -d /run/systemd/system ]]; }

# -------------------------------------------------------------------------------------------------------------- machine

check_machine() {
  [[ $(uname -s) == Linux ]] || die "a lab needs Linux, and this is $(uname -s): use a Linux machine, or $OWN_HOSTS"
  [[ $EUID == 0 ]] || die "a lab makes hosts, which needs root: run it as root, or $OWN_HOSTS"
  check_distribution
  check_tools
  check_kernel
  check_folder "$STATE" GLANCEOPS_LAB_STATE
  check_folder "$CACHE" GLANCEOPS_CACHE
  case $(stat -f -c %T "$(existing_parent "$STATE")") in
    overlayfs | nfs | fuseblk) die "the kernel cannot put an overlay over $STATE: set GLANCEOPS_LAB_STATE to a folder on ext4, xfs or tmpfs." ;;
  esac
}

check_distribution() {
  local family=
  # shellcheck source=/dev/null
  [[ ! -r /etc/os-release ]] || family=$(. /etc/os-release && echo "${ID:-} ${ID_LIKE:-}")
  [[ " $family " == *" debian "* ]] ||
    die "a lab is made with Debian's tools, and /etc/os-release names another system: use Debian or a derivative, or $OWN_HOSTS"
}

check_tools() {
  local missing
  missing=$(missing_packages)
  [[ -z $missing ]] || command -v apt-get >/dev/null ||
    die "these packages are missing and there is no apt-get to install them: $missing"
}

check_kernel() {
  [[ $(printf '5.10\n%s\n' "$(uname -r)" | sort -V | head -n 1) == 5.10 ]] ||
    die "this kernel is older than 5.10, the first whose overlayfs can do without syncing: use a newer one, or $OWN_HOSTS"
  grep -qw overlay /proc/filesystems || modprobe --quiet --dry-run overlay 2>/dev/null ||
    die "this kernel has no overlayfs, on which the hosts' disks are made: use another kernel, or $OWN_HOSTS"
  unshare --mount --net --pid --fork true 2>/dev/null ||
    die "this root user may not make namespaces (an unprivileged container?): use a full machine, or $OWN_HOSTS"
}

# check_folder PATH VARIABLE
check_folder() {
  local free
  # these characters separate the options of an overlay mount
  [[ $1 != *[:,\\\"[:space:]]* ]] || die "the path $1 has a blank, comma, colon, quote or backslash in it: set $2 to a plain path."
  free=$(df --output=avail --block-size=1G "$(existing_parent "$1")" | tail -n 1)
  ((free >= FREE_GB)) || die "$1 has ${free##* } GB of free disk, and a lab needs $FREE_GB: free some, or set $2 to a folder elsewhere."
}

missing_packages() {
  local missing=()
  command -v systemd-nspawn >/dev/null || missing+=(systemd-container)
  command -v mmdebstrap >/dev/null || missing+=(mmdebstrap)
  command -v nft >/dev/null || missing+=(nftables)
  command -v ip >/dev/null || missing+=(iproute2)
  command -v ssh >/dev/null || missing+=(openssh-client)
  [[ -e $DEBIAN_KEYS ]] || missing+=(debian-archive-keyring)
  echo "${missing[*]}"
}

require_tools() {
  local missing
  missing=$(missing_packages)
  [[ -z $missing ]] || die "these packages are missing: $missing; run: $0 install"
}

# why LOG: the one thing to do about a failed download, in the order of how often it is the cause.
why() {
  local package
  if grep -qE 'failure resolving|ould not resolve|ould not connect|annot initiate|timed out|is unreachable' "$1"; then
    echo "the Debian mirror does not answer: look at the network, and set http_proxy or GLANCEOPS_LAB_MIRROR if you need to; details are in $1"
  elif package=$(grep -m1 -oP 'Unable to locate package \K\S+' "$1"); then
    echo "apt does not know the package $package: look at the apt sources; details are in $1"
  elif grep -q 'No space left' "$1"; then
    echo "the disk is full; details are in $1"
  else
    echo "details are in $1, which ends with: $(tail -n 1 "$1")"
  fi
}

cmd_install() {
  local packages log=$CACHE/bases/install.log started=$EPOCHREALTIME
  check_machine
  read -ra packages <<<"$(missing_packages)"
  ((${#packages[@]})) || { echo unchanged; return; }
  say "installing with apt-get: ${packages[*]}"
  mkdir -p "$CACHE/bases"
  if ! { apt_get update && apt_get install --no-install-recommends "${packages[@]}"; } >"$log" 2>&1; then
    die "cannot install ${packages[*]}: $(why "$log")"
  fi
  require_tools
  say "installed in $(seconds_since "$started") s"
  echo changed
}

# another apt run on the machine (unattended-upgrades) holds the lock for a while
apt_get() { DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes --option DPkg::Lock::Timeout=300 "$@" </dev/null; }

# ---------------------------------------------------------------------------------------------------------------- bases

suite_name() {
  case ${1#debian} in
    11 | bullseye) echo bullseye ;;
    12 | bookworm) echo bookworm ;;
    13 | trixie) echo trixie ;;
    *) die "there is no base for '$1': choose bullseye (11), bookworm (12) or trixie (13)." ;;
  esac
}

machine_authorities() { find /usr/local/share/ca-certificates -name '*.crt' 2>/dev/null | sort; }

# A base is keyed by all that goes into it: the next run with other packages, authorities or code builds its own.
base_folder() {
  local key authorities
  readarray -t authorities < <(machine_authorities)
  key=$({
    echo "$1 $MIRROR ${BASE_PACKAGES[*]}"
    declare -f build_root prepare_root
    cat /dev/null "${authorities[@]}"
  } | sha256sum)
  echo "$CACHE/bases/$1-${key:0:12}"
}

cmd_base() {
  local suite name missing=()
  (($#)) || die "name at least one suite, for example: $0 base bookworm"
  check_machine
  require_tools
  for suite; do
    name=$(suite_name "$suite")
    [[ -d $(base_folder "$name") || " ${missing[*]} " == *" $name "* ]] || missing+=("$name")
  done
  ((${#missing[@]})) || { echo unchanged; return; }
  each_in_parallel build_base "${missing[@]}"
  echo changed
}

build_base() {
  local suite=$1 base log=$CACHE/bases/$1.log lock=$CACHE/bases/$1.lock started=$EPOCHREALTIME
  base=$(base_folder "$suite")
  lock 7 "$lock" "it builds the $suite base"
  if [[ ! -d $base ]]; then
    say "building the Debian $suite base from packages, once (about 100 MB to download; usually half a minute to a minute)"
    rm -rf --one-file-system "$CACHE/bases/$suite"-*.tmp
    # in namespaces of its own, so that a killed build takes its processes and mounts with it
    unshare --mount --propagation slave --pid --fork --kill-child --mount-proc \
      "$SELF" build-root "$suite" "$base.tmp" >"$log" 2>&1 </dev/null || {
      rm -rf --one-file-system "$base.tmp"
      die "cannot build the $suite base: $(why "$log")"
    }
    mv -T "$base.tmp" "$base"
    say "the $suite base is ready after $(seconds_since "$started") s"
  fi
  unlock 7 "$lock"
}

# build_root SUITE FOLDER
build_root() {
  local include
  include=$(IFS=, && echo "${BASE_PACKAGES[*]}")
  # - the package lists stay, because a check-mode run on a fresh host does not fetch them
  # - unsafe-io stays for dpkg in the hosts: nothing in a lab has to survive a power cut
  # - apt's own user may not look into a home folder, where the cache is
  mmdebstrap --variant=minbase --include="$include" --skip=cleanup/apt/lists \
    --aptopt='Acquire::Languages "none"' --aptopt='APT::Sandbox::User "root"' --dpkgopt=force-unsafe-io \
    "$1" "$2" ${MIRROR:+"$MIRROR"}
  prepare_root "$2"
}

prepare_root() {
  local root=$1 unit authority
  while read -r authority; do
    install -D -m 0644 -t "$root/usr/local/share/ca-certificates" "$authority"
  done < <(machine_authorities)
  chroot "$root" update-ca-certificates
  # pip brings authorities of its own otherwise
  printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n' >"$root/etc/pip.conf"
  # timers that take apt's lock or the disk in the middle of a test, and logins on a console that is not there
  for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
    fstrim.timer console-getty.service getty.target; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
  done
  # each host gets its own, see make_host
  rm -f "$root"/etc/ssh/ssh_host_*_key* "$root/etc/resolv.conf" "$root/etc/hostname"
  : >"$root/etc/machine-id"
}

# ----------------------------------------------------------------------------------------------------------------- labs

# A lab is known by its name and its checkout, a network by its number, and everything the kernel keeps by these names:
# glab7 (bridge and nft table of network 7), glab7-11 (namespace, veth, cgroup, unit and machine of its host .11).
lab_folder() {
  [[ $1 =~ ^[a-z0-9][a-z0-9_-]{0,40}$ ]] || die "'$1' is no name for a lab: use lower-case letters, digits, - and _."
  local checkout_hash
  checkout_hash=$(sha256sum <<<"$CHECKOUT")
  echo "$STATE/$1-${checkout_hash:0:8}"
}

# Only what this script has made: the state folder may be one that holds other things as well.
all_lab_folders() {
  local folder
  for folder in "$STATE"/*-????????; do
    [[ ! -e $folder/checkout && -n $(ls -A "$folder") ]] || echo "$folder"
  done
}

lab_number() {
  local link
  for link in "$RESERVED"/[0-9]*; do
    [[ $(readlink "$link") != "$1" ]] || echo "${link##*/}"
  done
}

lab_lock() { echo "/run/lock/glanceops-lab-${1##*/}.lock"; }

# A network is taken when the machine has a route into it, or one around it that is not much wider (a VPN's 10.0.0.0/8 is).
network_is_taken() {
  local net=$NET.$1.0/24
  [[ -L $RESERVED/$1 || -n $(ip route show root "$net") ]] ||
    ip route show match "$net" | awk '!/^([a-z]+ )?(default|[0-9.]+\/([0-9]|1[0-5])) / { taken = 1 } END { exit !taken }'
}

# reserve_network LAB_FOLDER
reserve_network() {
  local number
  mkdir -p "$RESERVED"
  for number in {1..254}; do
    network_is_taken "$number" || { ln -s "$1" "$RESERVED/$number" && return; }
  done
  die "all networks in $NET.0.0/16 are taken: take labs down (see: $0 list)."
}

network_up() {
  local bridge=glab$1 net=$NET.$1.0/24
  # while the bridge is not there, packets for the lab's hosts must not leave the machine by its default route
  ip route replace unreachable "$net" metric $LAST_RESORT
  # the first namespace of a machine shares /run/netns, which fails when two jobs do it at once
  mountpoint --quiet /run/netns || { ip netns add "$bridge"; ip netns delete "$bridge"; }
  ip link add "$bridge" type bridge
  ip address add "$NET.$1.1/24" dev "$bridge"
  ip link set "$bridge" up
  nft -f - <<NFT
table ip $bridge {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr $net ip daddr != $net masquerade
  }
}
NFT
  raise_sysctl net.ipv4.ip_forward 1
  # a host takes about 9 of these, and all hosts share root's 128
  raise_sysctl fs.inotify.max_user_instances 1024
}

# raise_sysctl NAME VALUE: the old value is kept first (in a link, which is made in one step), so that no killed run forgets it.
raise_sysctl() {
  local file=/proc/sys/${1//./\/}
  (($(<"$file") < $2)) || return 0
  [[ -w $file ]] || { say "the sysctl $1 cannot be changed here: the lab has to do with $(<"$file")"; return 0; }
  [[ -L $RESERVED/was.$1 ]] || ln -s "$(<"$file")" "$RESERVED/was.$1"
  echo "$2" >"$file"
}

restore_sysctls() {
  local link name
  for link in "$RESERVED"/was.*; do
    name=${link#*/was.}
    readlink "$link" >"/proc/sys/${name//./\/}"
    rm "$link"
  done
}

network_down() {
  local bridge=glab$1
  nft delete table ip "$bridge" 2>/dev/null || true
  ip link delete "$bridge" 2>/dev/null || true
  ip netns delete "$bridge" 2>/dev/null || true
  ip route delete unreachable "$NET.$1.0/24" metric $LAST_RESORT 2>/dev/null || true
}

# Frees the network of a lab; the last lab to go leaves the machine as the first one found it.
release_network() {
  local number=$1 others
  network_down "$number"
  rm -f "$RESERVED/$number"
  others=("$RESERVED"/[0-9]*)
  ((${#others[@]} == 0)) || return 0
  restore_sysctls
  rmdir "$RESERVED"
}

# ---------------------------------------------------------------------------------------------------------------- hosts

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

# The cgroups of a host, whoever supervises it, the innermost first.
host_cgroups() {
  find /sys/fs/cgroup -depth -type d -regextype egrep -regex ".*/$1(\.service)?(/.*)?" 2>/dev/null || true
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

# ------------------------------------------------------------------------------------------------------------------- up

cmd_up() {
  (($# >= 2)) || die "name a lab and its hosts, for example: $0 up deploy glance1=bookworm"
  local name=$1 files=$CHECKOUT/.lab/$1 folder number host_folder started=$EPOCHREALTIME
  shift
  folder=$(lab_folder "$name")
  check_specs "$@"
  check_machine
  require_tools
  require_bases "$@"
  lock 8 "$(lab_lock "$folder")" "it works on the lab $name"
  if lab_stands "$folder" "$name" "$@"; then
    say "the lab $name stands already: $(hosts_in_words "$folder")"
    unlock 8 "$(lab_lock "$folder")"
    echo unchanged
    return
  fi
  take_down "$folder"

  mkdir -p "$folder"
  echo "$CHECKOUT" >"$folder/checkout"
  echo "$name" >"$folder/name"
  lock 9 "$MACHINE_LOCK" "it gives a network to a lab"
  reserve_network "$folder"
  number=$(lab_number "$folder")
  network_up "$number"
  unlock 9 "$MACHINE_LOCK"

  lay_out_hosts "$folder" "$number" "$@"
  rm -rf "$files"
  mkdir -p "$files"
  ssh-keygen -q -t ed25519 -N '' -C "lab $name" -f "$files/id_ed25519"
  cp "$files/id_ed25519.pub" "$folder/authorized_keys"
  each_in_parallel make_host "$folder"/glab*
  write_controller_files "$folder" "$files"
  for host_folder in "$folder"/glab*; do start_host "$host_folder"; done
  each_in_parallel wait_for_host "$folder"/glab*
  canonical_specs "$@" >"$folder/ready"
  unlock 8 "$(lab_lock "$folder")"
  say "the lab $name is up after $(seconds_since "$started") s: $(hosts_in_words "$folder")"
  say "log in with: ssh -F .lab/$name/ssh_config $(<"$folder/glab$number-11/host")"
  echo changed
}

# check_specs HOST=SUITE...
check_specs() {
  local spec seen=' '
  (($# <= 200)) || die "a lab has at most 200 hosts."
  for spec; do
    [[ $spec =~ ^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)=(.+)$ ]] || die "'$spec' is not HOST=SUITE with a plain lower-case host name."
    [[ $seen != *" ${BASH_REMATCH[1]} "* ]] || die "the host ${BASH_REMATCH[1]} is named twice."
    seen+="${BASH_REMATCH[1]} "
    suite_name "${spec#*=}" >/dev/null
  done
}

# The order of the hosts does not matter to who asks whether a lab stands, nor does 12 for bookworm.
canonical_specs() {
  local spec
  for spec; do echo "${spec%%=*}=$(suite_name "${spec#*=}")"; done | sort
}

require_bases() {
  local spec suite
  for spec; do
    suite=$(suite_name "${spec#*=}")
    [[ -d $(base_folder "$suite") ]] || die "there is no $suite base yet; run: $0 base $suite"
  done
}

# A lab that was finished, has just these hosts, and whose hosts answer, is kept.
lab_stands() {
  local folder=$1 name=$2
  shift 2
  [[ -e $folder/ready && $(<"$folder/ready") == "$(canonical_specs "$@")" ]] || return 1
  [[ -e $CHECKOUT/.lab/$name/inventory.yml && -n $(lab_number "$folder") ]] || return 1
  each_in_parallel answers_ssh "$folder"/glab*
}

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

# What the controller needs: for Ansible and testinfra the overlay inventory, for a person the ssh_config.
write_controller_files() {
  local folder=$1 files=$2 host_folder host address
  {
    echo "all:"
    echo "  hosts:"
  } >"$files/inventory.yml"
  : >"$files/known_hosts"
  : >"$files/ssh_config"
  for host_folder in "$folder"/glab*; do
    host=$(<"$host_folder/host")
    address=$(<"$host_folder/address")
    echo "$host,$address $(cut -d ' ' -f 1,2 "$host_folder/root/etc/ssh/ssh_host_ed25519_key.pub")" >>"$files/known_hosts"
    cat >>"$files/inventory.yml" <<INVENTORY
    $host:
      ansible_host: $address
      ansible_user: root
      ansible_python_interpreter: /usr/bin/python3
      ansible_ssh_private_key_file: "$files/id_ed25519"
      ansible_ssh_common_args: >-
        -o 'UserKnownHostsFile="$files/known_hosts"' -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes
INVENTORY
    cat >>"$files/ssh_config" <<CONFIG
Host $host
  HostName $address
  User root
  IdentityFile "$files/id_ed25519"
  IdentitiesOnly yes
  UserKnownHostsFile "$files/known_hosts"
  StrictHostKeyChecking yes
CONFIG
  done
}

# on_host HOST_FOLDER COMMAND
on_host() {
  local config
  config=$CHECKOUT/.lab/$(<"${1%/*}/name")/ssh_config
  timeout 90 ssh -F "$config" -o BatchMode=yes -o ConnectTimeout=5 "$(<"$1/host")" "$2" </dev/null
}

answers_ssh() { on_host "$1" true 2>/dev/null; }

wait_for_host() {
  local folder=$1 host state failed
  host=$(<"$folder/host")
  wait_for_port "$folder"
  state=$(on_host "$folder" 'systemctl is-system-running --wait' 2>"$folder/ssh.log") || true
  case $state in
    running) return ;;
    degraded)
      failed=$(on_host "$folder" 'systemctl list-units --failed --plain --no-legend' | awk '{ print $1 }')
      die "$host has booted, but these units have failed: ${failed//$'\n'/ }"
      ;;
    *) die "$host has not finished its boot (state: ${state:-unknown}); $(last_words "$folder")" ;;
  esac
}

wait_for_port() {
  local folder=$1 address start=$SECONDS
  address=$(<"$folder/address")
  until timeout 1 bash -c ": </dev/tcp/$address/22" 2>/dev/null; do
    ((SECONDS - start < 120)) || die "$(<"$folder/host") does not answer on port 22 after 120 s; $(last_words "$folder")"
    ((SECONDS - start < 5)) || [[ -n $(host_processes "${folder##*/}") ]] || die "$(<"$folder/host") has ended; $(last_words "$folder")"
    sleep 0.1
  done
}

last_words() {
  if pid1_is_systemd; then
    echo "see: journalctl -u ${1##*/}"
  else
    echo "see $1/console.log"
  fi
}

hosts_in_words() {
  local host_folder words=
  for host_folder in "$1"/glab*; do
    words+=", $(<"$host_folder/host") $(<"$host_folder/address") ($(<"$host_folder/suite"))"
  done
  echo "${words#, }"
}

# ----------------------------------------------------------------------------------------------------------------- down

# take_down LAB_FOLDER: fine with whatever a killed run has left.
take_down() {
  local folder=$1 number files hosts
  [[ -d $folder ]] || return 0
  rm -f "$folder/ready"
  hosts=("$folder"/glab*)
  each_in_parallel remove_host "${hosts[@]}"
  number=$(lab_number "$folder")
  if [[ -n $number ]]; then
    lock 9 "$MACHINE_LOCK" "it gives a network to a lab"
    release_network "$number"
    unlock 9 "$MACHINE_LOCK"
  fi
  if [[ -s $folder/name && -s $folder/checkout ]]; then
    files=$(<"$folder/checkout")/.lab/$(<"$folder/name")
    rm -rf "$files"
    rmdir --ignore-fail-on-non-empty "${files%/*}" 2>/dev/null || true
  fi
  rm -rf --one-file-system "$folder"
  rmdir --ignore-fail-on-non-empty "$STATE"
}

cmd_down() {
  local name=${1:-} folder started=$EPOCHREALTIME
  [[ -n $name ]] || die "name the lab to take down; see: $0 list"
  folder=$(lab_folder "$name")
  [[ $EUID == 0 ]] || die "taking a lab down needs root."
  lock 8 "$(lab_lock "$folder")" "it works on the lab $name"
  if [[ -d $folder ]]; then
    take_down "$folder"
    say "the lab $name is down after $(seconds_since "$started") s"
    echo changed
  else
    echo unchanged
  fi
  unlock 8 "$(lab_lock "$folder")"
}

# -------------------------------------------------------------------------------------------- list, leftovers and clean

host_state() {
  if [[ -z $(host_processes "${1##*/}") ]]; then echo stopped
  elif [[ -e ${1%/*}/ready ]]; then echo running
  else echo unfinished
  fi
}

cmd_list() {
  local folder host_folder
  for folder in $(all_lab_folders); do
    for host_folder in "$folder"/glab*; do
      [[ -s $host_folder/address ]] || continue
      printf '%-12s %-20s %-15s %-10s %-10s %s\n' "$(<"$folder/name")" "$(<"$host_folder/host")" \
        "$(<"$host_folder/address")" "$(<"$host_folder/suite")" "$(host_state "$host_folder")" "$(<"$folder/checkout")"
    done
  done
}

all_lab_things() {
  local pid unit
  for pid in $(host_processes 'glab[0-9]+-[0-9]+'); do
    # it may have ended meanwhile
    if unit=$(grep -som1 -E 'glab[0-9]+-[0-9]+' "/proc/$pid/cgroup"); then echo "process $pid of $unit"; fi
  done
  find /sys/fs/cgroup -maxdepth 3 -type d -name 'glab[0-9]*-*' -printf 'cgroup %p\n' 2>/dev/null || true
  awk '$5 ~ /\/glab[0-9]+-[0-9]+(\/|$)/ { print "mount " $5 }' /proc/self/mountinfo
  if command -v ip >/dev/null; then
    ip netns list | awk '/^glab[0-9]/ { print "network namespace " $1 }'
    ip -oneline link show | awk -F '[ @:]+' '$2 ~ /^glab[0-9]/ { print "link " $2 }'
    ip route show root $NET.0.0/16 | awk -v last=$LAST_RESORT '/ dev glab[0-9]/ || $0 ~ last { print "route " $0 }'
  fi
  if command -v nft >/dev/null; then
    nft list tables | awk '$3 ~ /^glab[0-9]/ { print "nft table " $3 }'
  fi
  find "$RESERVED" -mindepth 1 -printf 'file %p %l\n' 2>/dev/null || true
  find /run/systemd/nspawn -mindepth 1 -name 'glab[0-9]*' -printf 'folder %p\n' 2>/dev/null || true
  find "$STATE" -mindepth 1 -maxdepth 1 -name '*-????????' -printf 'folder %p\n' 2>/dev/null || true
  find "$CACHE/bases" -mindepth 1 -maxdepth 1 -name '*.tmp' -printf 'folder %p\n' 2>/dev/null || true
  find "$CHECKOUT/.lab" -mindepth 1 -maxdepth 1 -printf 'folder %p\n' 2>/dev/null || true
}

# An extended regular expression for the lines of all_lab_things that belong to finished labs, or to what other runs are
# making right now.
rightful_things() {
  local link number folder lock words=()
  for link in "$RESERVED"/[0-9]*; do
    number=${link##*/}
    folder=$(readlink "$link")
    if [[ -e $folder/ready ]] || is_locked "$(lab_lock "$folder")"; then
      words+=("\\bglab$number\\b" "\\b$NET\\.$number\\." "^file $link " "^file $RESERVED/was\\.")
      words+=("^folder $folder$" "^folder $(<"$folder/checkout")/.lab/$(<"$folder/name")$")
    fi
  done
  for lock in "$CACHE"/bases/*.lock; do
    ! is_locked "$lock" || words+=("^folder ${lock%.lock}-[0-9a-f]+\\.tmp$")
  done
  local IFS='|'
  echo "${words[*]:-^$}"
}

is_locked() { [[ -e $1 ]] && ! flock --nonblock "$1" true; }

cmd_leftovers() {
  local things
  [[ $EUID == 0 ]] || die "looking for leftovers needs root."
  case ${1:-} in
    '') things=$(all_lab_things) ;;
    --orphans) things=$(all_lab_things | grep -vE "$(rightful_things)") || true ;;
    *) die "leftovers takes no argument but --orphans." ;;
  esac
  [[ -z $things ]] || { sort -u <<<"$things"; return 1; }
}

cmd_clean() {
  local folder found=unchanged
  [[ $EUID == 0 ]] || die "taking labs down needs root."
  for folder in $(all_lab_folders); do
    lock 8 "$(lab_lock "$folder")" "it works on a lab"
    take_down "$folder"
    unlock 8 "$(lab_lock "$folder")"
    found=changed
  done
  ! grep -q "lowerdir=$CACHE/bases/" /proc/self/mountinfo ||
    die "a lab of another state folder stands on the bases in $CACHE: take it down first."
  if [[ -e $CACHE/bases ]]; then
    say "removing the bases in $CACHE"
    rm -rf --one-file-system "$CACHE/bases"
    rmdir --ignore-fail-on-non-empty "$CACHE"
    found=changed
  fi
  echo "$found"
}

main() {
  local command=${1:-}
  (($# == 0)) || shift
  case $command in
    check) check_machine ;;
    install | base | up | down | list | leftovers | clean) "cmd_$command" "$@" ;;
    build-root) build_root "$@" ;; # for build_base, inside its namespaces
    -h | --help | help) usage ;;
    *) usage >&2; exit 2 ;;
  esac
}

main "$@"
