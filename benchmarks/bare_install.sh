#!/usr/bin/env bash
# What site.yml does to a fresh host, as a bare script without any look at what is there: the yardstick for a first run.
# Run as root on the host; the list of wheels comes on standard input.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
exec >/tmp/bare_install.log 2>&1

apt-get update
apt-get install --yes --no-install-recommends qemu-utils python3-venv
useradd --system --shell /usr/sbin/nologin --home-dir /var/lib/glance --no-create-home glance
mkdir -p /opt/glance
sed 's/#.*//' >/opt/glance/wheels.txt
python3 -m venv /opt/glance/current
/opt/glance/current/bin/pip install --no-deps --requirement /opt/glance/wheels.txt

install -d -o root -g glance -m 0750 /etc/glance
install -d -o glance -g glance -m 0750 /var/lib/glance/{,database,images,staging,tasks,locks}
cat >/etc/glance/glance-api.conf <<'CONF'
[DEFAULT]
enabled_backends = file:file
[database]
connection = sqlite:////var/lib/glance/database/glance.sqlite
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
ExecStart=/opt/glance/current/bin/uwsgi --strict --need-app --master --lazy-apps --enable-threads --processes 2 --threads 4 --http-socket 127.0.0.1:9292 --virtualenv /opt/glance/current --module glance.wsgi.api:application
[Install]
WantedBy=multi-user.target
UNIT
setpriv --reuid glance --regid glance --clear-groups \
  /opt/glance/current/bin/glance-manage --config-file /etc/glance/glance-api.conf db sync
systemctl daemon-reload
systemctl enable --now glance-api
until python3 -c 'import urllib.request; urllib.request.urlopen("http://127.0.0.1:9292/healthcheck")'; do sleep 0.2; done
