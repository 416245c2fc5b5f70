# shellcheck shell=bash
# Networks: one bridge, one /24 and one NAT rule for each lab.

readonly RESERVED=/run/glanceops-lab # one symlink for each network in use on this machine, whatever its state folder
readonly MACHINE_LOCK=/run/lock/glanceops-lab.lock
readonly NETWORK_RUN="it gives a network to a lab"
readonly NET=10.199               # the labs' networks are $NET.NUMBER.0/24
readonly LAST_RESORT=4000000000   # a route metric that loses against every other route

# allocate_network LAB_FOLDER: reserves the first free network and sets it up.
allocate_network() {
  local number
  lock 9 "$MACHINE_LOCK" "$NETWORK_RUN"
  reserve_network "$1"
  number=$(lab_number "$1")
  network_up "$number"
  unlock 9 "$MACHINE_LOCK"
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

# A network is taken when the machine has a route into it, or one around it that is not much wider (a VPN's 10.0.0.0/8 is).
network_is_taken() {
  local net=$NET.$1.0/24
  [[ -L $RESERVED/$1 || -n $(ip route show root "$net") ]] ||
    ip route show match "$net" | awk '!/^([a-z]+ )?(default|[0-9.]+\/([0-9]|1[0-5])) / { taken = 1 } END { exit !taken }'
}

lab_number() {
  local link
  for link in "$RESERVED"/[0-9]*; do
    [[ $(readlink "$link") != "$1" ]] || echo "${link##*/}"
  done
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

# Frees the network of a lab; the last lab to go leaves the machine as the first one found it.
release_network() {
  local number=$1 others
  lock 9 "$MACHINE_LOCK" "$NETWORK_RUN"
  network_down "$number"
  rm -f "$RESERVED/$number"
  others=("$RESERVED"/[0-9]*)
  if ((${#others[@]} == 0)); then
    restore_sysctls
    rmdir "$RESERVED"
  fi
  unlock 9 "$MACHINE_LOCK"
}

network_down() {
  local bridge=glab$1
  nft delete table ip "$bridge" 2>/dev/null || true
  ip link delete "$bridge" 2>/dev/null || true
  ip netns delete "$bridge" 2>/dev/null || true
  ip route delete unreachable "$NET.$1.0/24" metric $LAST_RESORT 2>/dev/null || true
}

restore_sysctls() {
  local link name
  for link in "$RESERVED"/was.*; do
    name=${link#*/was.}
    readlink "$link" >"/proc/sys/${name//./\/}"
    rm "$link"
  done
}
