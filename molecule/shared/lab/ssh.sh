# shellcheck shell=bash
# SSH to the hosts: files for Ansible and people, and the wait until a host has booted.

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
