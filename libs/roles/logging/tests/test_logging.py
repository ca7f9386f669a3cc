"""What the role logging promises: logs with a bound."""

import configparser

import pytest


@pytest.fixture(scope="module")
def journal(host):
    settings = configparser.ConfigParser()
    settings.optionxform = str
    settings.read_string(host.file("/etc/systemd/journald.conf.d/50-limits.conf").content_string)
    return settings["Journal"]


@pytest.mark.parametrize("limit", ["SystemMaxUse", "RuntimeMaxUse", "MaxRetentionSec"])
def test_the_journal_has_a_bound(journal, limit):
    assert journal.get(limit), f"{limit} is not set"


def test_the_journal_outlives_a_reboot(journal):
    assert journal["Storage"] == "persistent"


def test_log_files_rotate_by_size_too(host):
    policy = host.file("/etc/logrotate.conf").content_string.splitlines()
    assert any(line.startswith("maxsize ") for line in policy)
    assert "compress" in policy


def test_logrotate_accepts_every_rule(host):
    # --debug changes nothing; a rule it cannot read is an error.
    run = host.run("logrotate --debug /etc/logrotate.conf")
    assert run.rc == 0
    assert "error:" not in run.stderr


def test_rotation_runs_by_itself(host):
    assert host.file("/etc/systemd/system/timers.target.wants/logrotate.timer").is_symlink
