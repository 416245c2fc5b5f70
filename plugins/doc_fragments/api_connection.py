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
      - Without it, the C(image_endpoint_override) of C(clouds.yaml) or E(OS_IMAGE_ENDPOINT_OVERRIDE); else the address
        in the catalogue, where Keystone is asked for a token; else C(endpoint) or E(OS_ENDPOINT); else
        C(http://127.0.0.1:9292).
    type: str
    aliases: [endpoint_override]
  token:
    description:
      - Token of the Identity service, sent as C(X-Auth-Token) as it is, and never to another address after a redirect.
        Keystone is not asked for anything. To have Keystone asked for a new one, give it in O(auth).
      - Leave it out for a service without authentication.
    type: str
  username:
    description:
      - User of a service that asks for HTTP basic authentication, such as one deployed with C(glance_auth) V(basic).
        Needs O(password), and is not used together with O(token).
      - A user of Keystone is given in O(auth).
    type: str
    version_added: "0.3.0"
  password:
    description: Password of O(username), sent with every request, and never to another address after a redirect.
    type: str
    version_added: "0.3.0"
  auth:
    description:
      - Login to Keystone, with the names that other modules and OpenStack's clients use. Keystone is asked for a token
        once in each run of the module, and again when it ends meanwhile.
      - Beside O(cloud), what is given here goes before what C(clouds.yaml) says.
      - A user or project that is given by name needs the name or id of its domain. One that is given by id does not,
        and goes before a name.
      - The token is for the project, domain, trust or system that is given, of which there may be one; with none,
        for what Keystone takes by default. An application credential has its project already, and is given without.
    type: dict
    version_added: "0.3.0"
    suboptions:
      auth_url:
        description:
          - Address of Keystone such as V(https://keystone.example.com:5000/v3), with or without C(/v3). Tokens are
            asked for there and nowhere else. A user name or password in it is refused.
        type: str
      username:
        description: Name of the user.
        type: str
      user_id:
        description: Id of the user.
        type: str
      password:
        description: Password of the user.
        type: str
      user_domain_name:
        description: Name of the user's domain.
        type: str
      user_domain_id:
        description: Id of the user's domain.
        type: str
      project_name:
        description: Name of the project.
        type: str
      project_id:
        description: Id of the project.
        type: str
      project_domain_name:
        description: Name of the project's domain.
        type: str
      project_domain_id:
        description: Id of the project's domain.
        type: str
      default_domain_name:
        description: Name of the domain of user and project, for the one that has none of its own here.
        type: str
      default_domain_id:
        description: Id of the domain of user and project, for the one that has none of its own here.
        type: str
      domain_name:
        description:
          - Name of the domain that the token is for. Beside a project, the same as O(auth.default_domain_name).
        type: str
      domain_id:
        description:
          - Id of the domain that the token is for. Beside a project, the same as O(auth.default_domain_id).
        type: str
      system_scope:
        description: V(all) for a token that is for the whole system.
        type: str
      trust_id:
        description: Id of the trust that the token is for.
        type: str
      application_credential_id:
        description: Id of an application credential.
        type: str
      application_credential_name:
        description: Name of an application credential, which needs its user as well.
        type: str
      application_credential_secret:
        description: Secret of the application credential.
        type: str
      token:
        description: Token that Keystone takes for a new one, such as one that has no project yet.
        type: str
      endpoint:
        description:
          - Address of the Image service for the O(auth_type) V(none), V(http_basic) and V(admin_token), the same as
            O(api_url).
        type: str
  auth_type:
    description:
      - Kind of login.
      - V(none) is a service without authentication. It also keeps the module from reading variables C(OS_*).
      - V(http_basic) sends user name and password, and V(admin_token) the token, to the Image service as they are.
      - All others ask Keystone for a token. The names with and without C(v3) mean the same.
      - Without it, that of C(clouds.yaml) or E(OS_AUTH_TYPE); else what is given tells it, a password before an
        application credential before a token.
    type: str
    choices: [none, http_basic, admin_token, password, v3password, token, v3token, v3applicationcredential]
    version_added: "0.3.0"
  cloud:
    description:
      - Cloud of C(clouds.yaml) on the host that runs the module, which says where and how to log in.
      - The file is the first of E(OS_CLIENT_CONFIG_FILE) and C(clouds.yaml), C(clouds.yml) or C(clouds.json) in the
        current directory, C(~/.config/openstack), C(/etc/xdg/openstack) and C(/etc/openstack) that can be read. What
        C(secure.yaml) beside any of these (or E(OS_CLIENT_SECURE_FILE)) says of the cloud goes before it, and what
        C(clouds-public.yaml) says of its C(profile) after it.
      - Read are C(auth) with the names of O(auth), C(auth_type), C(region_name), C(regions), C(interface), C(verify),
        C(insecure), C(cacert), C(cert), C(key), C(profile), C(image_endpoint_override), C(image_interface) and
        C(image_region_name), and their older names.
      - YAML needs PyYAML (python3-yaml) on that host, JSON does not.
      - When none of O(cloud), O(auth), O(auth_type), O(token) and O(username) is given, the variables of that host
        (C(environment) of the task) are read. E(OS_CLOUD) names the cloud, and E(OS_REGION_NAME) its region. Without
        E(OS_CLOUD), the words above with C(OS_) before them, such as E(OS_AUTH_URL), E(OS_USERNAME) and E(OS_PASSWORD).
        Without these, the only cloud of the file E(OS_CLIENT_CONFIG_FILE). Without any, there is no authentication.
    type: str
    version_added: "0.3.0"
  region_name:
    description:
      - Region whose Image service is taken from the catalogue. Without it, that of C(clouds.yaml), of which the first
        one of several, or of E(OS_REGION_NAME); else the first in the catalogue.
      - With a O(cloud) that names its regions, one of them.
    type: str
    version_added: "0.3.0"
  interface:
    description:
      - Kind of the address that is taken from the catalogue. Without it, that of C(clouds.yaml) or E(OS_INTERFACE);
        else V(public).
    type: str
    choices: [public, internal, admin]
    version_added: "0.3.0"
  request_timeout:
    description:
      - Seconds that the service may be silent during one request, and that the body of its answer may take.
    type: int
    default: 30
  validate_certs:
    description:
      - Whether the certificate of an C(https) service, Keystone as well, must be valid.
      - Without it, V(true) unless C(verify) or C(insecure) of C(clouds.yaml), or E(OS_INSECURE), says otherwise.
    type: bool
  ca_path:
    description:
      - File with the certificates of the authorities to trust, in PEM format, on the host that runs the module.
      - Without it, C(cacert) of C(clouds.yaml) or E(OS_CACERT); else those that the host trusts.
    type: path
    aliases: [ca_cert]
  auth_ca_path:
    description:
      - File with the certificates of the authorities to trust for Keystone, when these are others than O(ca_path).
    type: path
    version_added: "0.3.0"
  client_cert:
    description:
      - Certificate to show to the service, in PEM format. It may hold the key as well.
      - Without it, C(cert) and C(key) of C(clouds.yaml), or E(OS_CERT) and E(OS_KEY).
    type: path
  client_key:
    description:
      - Key of O(client_cert), in PEM format, when it is in a file of its own.
    type: path
"""
