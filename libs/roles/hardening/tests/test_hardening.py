"""What the role hardening promises, read from files: nothing has to run."""

import pytest

SYSCTL = {
    "fs.protected_hardlinks": "1",
    "fs.protected_symlinks": "1",
    "fs.suid_dumpable": "0",
    "kernel.dmesg_restrict": "1",
    "kernel.kptr_restrict": "2",
    "kernel.randomize_va_space": "2",
    "net.ipv4.conf.all.accept_redirects": "0",
    "net.ipv4.conf.all.accept_source_route": "0",
    "net.ipv4.conf.all.rp_filter": "1",
    "net.ipv4.tcp_syncookies": "1",
    "net.ipv6.conf.all.accept_redirects": "0",
}

SETUID = {
    "/usr/bin/passwd",
    "/usr/bin/su",
    "/usr/lib/dbus-1.0/dbus-daemon-launch-helper",
    "/usr/sbin/unix_chkpwd",
}


def settings(text, separator=None):
    """Key and value of each line that is neither empty nor a comment."""
    lines = (line.strip() for line in text.splitlines())
    pairs = (line.split(separator, 1) for line in lines if line and not line.startswith("#"))
    return {pair[0].strip(): pair[1].strip() for pair in pairs if len(pair) == 2}


@pytest.fixture(scope="module")
def sysctl(host):
    return settings(host.file("/etc/sysctl.d/60-hardening.conf").content_string, "=")


@pytest.fixture(scope="module")
def login(host):
    return settings(host.file("/etc/login.defs").content_string)


@pytest.fixture(scope="module")
def accounts(host):
    return [line.split(":") for line in host.file("/etc/shadow").content_string.splitlines()]


@pytest.mark.parametrize("key", sorted(SYSCTL))
def test_kernel_setting(sysctl, key):
    assert sysctl.get(key) == SYSCTL[key]


def test_nothing_later_overrides_the_kernel_settings(host, sysctl):
    for name in host.file("/etc/sysctl.d").listdir():
        if name.endswith(".conf") and name > "60-hardening.conf":
            later = settings(host.file(f"/etc/sysctl.d/{name}").content_string, "=")
            changed = {key for key, value in later.items() if key in sysctl and value != sysctl[key]}
            assert not changed, f"{name} overrides {', '.join(sorted(changed))}"


def test_rare_network_protocols_cannot_load(host):
    refused = host.file("/etc/modprobe.d/60-hardening.conf").content_string
    for module in ("dccp", "rds", "sctp", "tipc"):
        assert f"install {module} /bin/false" in refused


def test_new_files_and_homes_are_closed_to_others(login):
    assert int(login["UMASK"], 8) & 0o007 == 0o007


def test_passwords_age(login):
    assert 0 < int(login["PASS_MAX_DAYS"]) <= 365
    assert int(login["PASS_MIN_DAYS"]) >= 1
    assert int(login["PASS_WARN_AGE"]) >= 7


def test_passwords_are_hashed_slowly(login):
    assert login["ENCRYPT_METHOD"] == "YESCRYPT"


def test_nobody_can_log_in_by_password(accounts):
    # A hash begins with `$`, and an empty field needs no password at all.
    usable = [account[0] for account in accounts if not account[1].startswith(("!", "*"))]
    assert usable == []


def test_only_root_has_the_rights_of_root(host):
    users = [line.split(":") for line in host.file("/etc/passwd").content_string.splitlines()]
    assert [user[0] for user in users if user[2] == "0"] == ["root"]


def test_the_home_of_root_is_closed(host):
    assert host.file("/root").mode == 0o700


def test_no_setuid_beyond_the_list(host):
    found = host.check_output("find / -xdev -type f -perm /6000")
    assert set(found.split()) <= SETUID


def test_nothing_outside_tmp_is_writable_by_all(host):
    found = host.check_output(
        "find / -xdev \\( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /var/tmp \\) -prune"
        " -o \\( -type f -o -type d ! -perm -1000 \\) -perm -0002 -print"
    )
    assert found == ""


@pytest.mark.parametrize("folder", ["/tmp", "/var/tmp"])
def test_temporary_folders_are_sticky(host, folder):
    assert host.file(folder).mode == 0o1777


def test_tmp_is_in_memory_without_devices_and_setuid(host):
    unit = settings(host.file("/etc/systemd/system/tmp.mount").content_string, "=")
    assert unit["Type"] == "tmpfs"
    assert {"nosuid", "nodev", "mode=1777"} <= set(unit["Options"].split(","))
    enabled = host.file("/etc/systemd/system/local-fs.target.wants/tmp.mount")
    assert enabled.linked_to == "/etc/systemd/system/tmp.mount"


@pytest.mark.parametrize("unit", ["apt-daily.timer", "apt-daily-upgrade.timer", "ctrl-alt-del.target"])
def test_unit_never_starts(host, unit):
    assert host.file(f"/etc/systemd/system/{unit}").linked_to == "/dev/null"
