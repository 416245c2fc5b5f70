# shellcheck shell=bash
# Installs the Debian packages that the lab's tools come from.

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
