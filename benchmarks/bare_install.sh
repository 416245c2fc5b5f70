#!/usr/bin/env bash
# What site.yml does to a fresh host of inventories/single, as a bare script without users, guards or any look at what is there: the
# yardstick for a first run.
# Run as root on the host; the list of wheels comes on standard input.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
exec >/tmp/bare_install.log 2>&1

apt-get update
apt-get install --yes --no-install-recommends qemu-utils python3-venv mariadb-server haproxy
password=$(openssl rand -hex 16)
mariadb <<SQL
CREATE DATABASE glance CHARACTER SET utf8mb3;
CREATE USER glance@127.0.0.1 IDENTIFIED BY '$password';
GRANT ALL ON glance.* TO glance@127.0.0.1;
SQL
useradd --system --shell /usr/sbin/nologin --home-dir /var/lib/glance --no-create-home glance
mkdir -p /opt/glance
sed 's/#.*//' >/opt/glance/wheels.txt
python3 -m venv /opt/glance/current
/opt/glance/current/bin/pip install --no-deps --requirement /opt/glance/wheels.txt

install -d -o root -g glance -m 0750 /etc/glance
install -d -o glance -g glance -m 0750 /var/lib/glance/{,images,staging,tasks,locks}
cat >/etc/glance/glance-api.conf <<CONF
[DEFAULT]
enabled_backends = file:file
delayed_delete = true
[database]
connection = mysql+pymysql://glance:$password@127.0.0.1/glance?charset=utf8mb3
[glance_store]
default_backend = file
[file]
filesystem_store_datadir = /var/lib/glance/images
[os_glance_staging_store]
filesystem_store_datadir = /var/lib/glance/staging
[os_glance_tasks_store]
filesystem_store_datadir = /var/lib/glance/tasks
[oslo_concurrency]
lock_path = /var/lib/glance/locks
[oslo_policy]
policy_file = policy.yaml
[paste_deploy]
config_file = /opt/glance/current/etc/glance/glance-api-paste.ini
CONF
echo 'context_is_admin: "@"' >/etc/glance/policy.yaml
cat >/etc/systemd/system/glance-api.service <<'UNIT'
[Service]
Type=notify
User=glance
ExecStart=/opt/glance/current/bin/uwsgi --strict --need-app --master --lazy-apps --enable-threads --processes 2 --threads 4 --http-socket 127.0.0.1:9293 --virtualenv /opt/glance/current --module glance.wsgi.api:application
[Install]
WantedBy=multi-user.target
UNIT
chown root:glance /etc/glance/glance-api.conf
chmod 0640 /etc/glance/glance-api.conf
cp --preserve=mode,ownership /etc/glance/glance-api.conf /etc/glance/glance-scrubber.conf
cat >/etc/systemd/system/glance-scrubber.service <<'UNIT'
[Service]
Type=oneshot
User=glance
ExecStart=/opt/glance/current/bin/glance-scrubber --config-file /etc/glance/glance-scrubber.conf
UNIT
cat >/etc/systemd/system/glance-scrubber.timer <<'UNIT'
[Timer]
OnActiveSec=0
OnUnitActiveSec=300
[Install]
WantedBy=timers.target
UNIT
cat >/etc/haproxy/haproxy.cfg <<'PROXY'
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen glance
  bind 127.0.0.1:9292
  server glance 127.0.0.1:9293
PROXY
manage() {
  setpriv --reuid glance --regid glance --clear-groups \
    /opt/glance/current/bin/glance-manage --config-file /etc/glance/glance-api.conf db "$@"
}
manage sync
manage load_metadefs --path /opt/glance/current/etc/glance/metadefs
systemctl daemon-reload
systemctl enable --now glance-api glance-scrubber.timer
systemctl restart haproxy
until python3 -c 'import urllib.request; urllib.request.urlopen("http://127.0.0.1:9292/healthcheck")'; do sleep 0.2; done
