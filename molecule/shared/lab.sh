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

source "${SELF%/*}/lab/common.sh"
source "${SELF%/*}/lab/checks.sh"
source "${SELF%/*}/lab/install.sh"
source "${SELF%/*}/lab/bases.sh"
source "${SELF%/*}/lab/labs.sh"
source "${SELF%/*}/lab/network.sh"
source "${SELF%/*}/lab/hosts.sh"
source "${SELF%/*}/lab/removal.sh"
source "${SELF%/*}/lab/ssh.sh"
source "${SELF%/*}/lab/up.sh"
source "${SELF%/*}/lab/down.sh"
source "${SELF%/*}/lab/leftovers.sh"

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
