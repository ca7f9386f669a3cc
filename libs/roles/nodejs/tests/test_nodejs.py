"""What the role nodejs promises: a place where one application runs without rights."""

import pytest


@pytest.fixture(scope="module")
def unit(host):
    lines = host.file("/etc/systemd/system/app.service").content_string.splitlines()
    return [line.strip() for line in lines]


def test_node_runs(host):
    version = host.check_output("node --version")
    assert int(version.lstrip("v").split(".")[0]) >= 18


def test_the_account_is_for_the_application_alone(host):
    user = host.user("app")
    assert (user.uid, user.gid) == (900, 900)
    assert user.groups == ["app"]
    assert user.shell == "/usr/sbin/nologin"
    assert user.password.startswith("!")


def test_the_application_cannot_change_its_code(host):
    folder = host.file("/srv/app")
    assert (folder.user, folder.group, folder.mode) == ("root", "app", 0o750)


@pytest.mark.parametrize(
    "setting",
    [
        "User=app",
        "WorkingDirectory=/srv/app",
        "Environment=NODE_ENV=production",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "KillSignal=SIGTERM",
    ],
)
def test_the_unit_says(unit, setting):
    assert setting in unit


def test_the_unit_waits_to_be_enabled(host):
    assert host.run("systemctl is-enabled app.service").stdout.strip() == "disabled"
