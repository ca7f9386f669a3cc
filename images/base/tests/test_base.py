"""What every image of this workspace can rely on."""

import pytest


def test_it_is_debian_12(host):
    release = host.file("/etc/os-release").content_string.splitlines()
    assert "VERSION_CODENAME=bookworm" in release


def test_it_boots_with_systemd(host):
    assert host.file("/sbin/init").linked_to.endswith("/lib/systemd/systemd")


@pytest.mark.parametrize("module", ["apt", "json", "ssl"])
def test_ansible_finds_its_python(host, module):
    assert host.run(f"python3 -c 'import {module}'").rc == 0


def test_it_trusts_public_authorities(host):
    assert host.file("/etc/ssl/certs/ca-certificates.crt").size > 100_000


def test_it_names_no_machine(host):
    # An id that is baked in would be shared by all machines of the image.
    identity = host.file("/etc/machine-id")
    assert not identity.exists or identity.content_string.strip() in ("", "uninitialized")


def test_it_keeps_no_downloads(host):
    assert host.check_output("find /var/cache/apt/archives -name '*.deb'") == ""
