# shellcheck shell=bash
# What a machine needs to host a lab.

readonly FREE_GB=3
readonly DEBIAN_KEYS=/usr/share/keyrings/debian-archive-keyring.gpg
readonly OWN_HOSTS="deploy to hosts of your own with: make deploy INVENTORY=path"

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
