# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugin: a proxy as variables of an environment."""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable, Iterable

DOCUMENTATION = r"""
name: outbound_proxy
author: glanceops contributors (@glanceops)
version_added: "0.3.0"
short_description: A proxy as variables of an environment
description:
  - Gives C(http_proxy), C(https_proxy) and C(no_proxy) as libraries of Python read them, for a systemd unit.
  - The host itself is always reached without the proxy.
options:
  _input:
    description: URL of the proxy, as in C(glance_http_proxy). Without one, there are no variables.
    type: str
    required: true
  direct:
    description:
      - Names, addresses and domains that are reached without it. Of a URL, its host counts; what is empty is left out.
    type: list
    elements: str
    required: true
positional: direct
"""

EXAMPLES = r"""
- name: Show them
  ansible.builtin.debug:
    msg: "{{ glance_http_proxy | glanceops.image_service.outbound_proxy(glance_no_proxy + [glance_keystone_url]) }}"
"""

RETURN = r"""
_value:
  description: Variables, each with its value; a percent sign is doubled.
  type: list
  elements: str
  sample:
    - http_proxy=http://proxy.example.com:3128
    - https_proxy=http://proxy.example.com:3128
    - no_proxy=localhost,127.0.0.1,::1,[::1],keystone.example.com
"""

# What a host is to itself.
LOCAL = ("localhost", "127.0.0.1", "::1")


def outbound_proxy(url: str, direct: Iterable[str]) -> list[str]:
    """Return the variables."""
    if not url:
        return []
    hosts = [urllib.parse.urlsplit(each).hostname if "://" in each else each for each in direct]
    named = dict.fromkeys([*LOCAL, *filter(None, hosts)])
    # botocore looks for an IPv6 address with its brackets, requests and urllib for one without them.
    without = ",".join(form for each in named for form in ([each, f"[{each}]"] if ":" in each else [each]))
    found = [f"http_proxy={url}", f"https_proxy={url}", f"no_proxy={without}"]
    return [each.replace("%", "%%") for each in found]


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        """Return the filter by its name."""
        return {"outbound_proxy": outbound_proxy}
