# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  api_url:
    description:
      - Address of the Image service, as the host that runs the module reaches it.
      - A trailing slash and a trailing C(/v2) make no difference. A path before that is kept.
      - A user name or password in it is refused.
    type: str
    default: http://127.0.0.1:9292
  token:
    description:
      - Token of the Identity service, sent as C(X-Auth-Token), and never to another address after a redirect.
      - Leave it out for a service without authentication.
    type: str
  username:
    description:
      - User of a service that asks for HTTP basic authentication, such as one deployed with C(glance_auth) V(basic).
        Needs O(password), and is not used together with O(token).
    type: str
    version_added: "0.3.0"
  password:
    description: Password of O(username), sent with every request, and never to another address after a redirect.
    type: str
    version_added: "0.3.0"
  request_timeout:
    description:
      - Seconds that the service may be silent during one request, and that the body of its answer may take.
    type: int
    default: 30
  validate_certs:
    description:
      - Whether the certificate of an C(https) service must be valid.
    type: bool
    default: true
  ca_path:
    description:
      - File with the certificates of the authorities to trust, in PEM format, on the host that runs the module.
      - Without it, those that the host trusts.
    type: path
  client_cert:
    description:
      - Certificate to show to the service, in PEM format. It may hold the key as well.
    type: path
  client_key:
    description:
      - Key of O(client_cert), in PEM format, when it is in a file of its own.
    type: path
"""
