# shellcheck shell=bash
# Cached base images, one of each Debian suite.

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

require_bases() {
  local spec suite
  for spec; do
    suite=$(suite_name "${spec#*=}")
    [[ -d $(base_folder "$suite") ]] || die "there is no $suite base yet; run: $0 base $suite"
  done
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
