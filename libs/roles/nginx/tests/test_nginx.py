"""What the role nginx promises: one closed site that says it is well."""

import pytest


@pytest.fixture(scope="module")
def effective(host):
    """The configuration as nginx reads it, every included file in it."""
    return host.check_output("nginx -T -q")


def test_nginx_accepts_its_configuration(host):
    check = host.run("nginx -t")
    assert check.rc == 0, check.stderr


def test_the_default_site_is_gone(host):
    assert not host.file("/etc/nginx/sites-enabled/default").exists
    assert host.file("/etc/nginx/sites-enabled/main").linked_to == "/etc/nginx/sites-available/main"


def test_answers_do_not_tell_the_version(effective):
    assert "server_tokens off;" in effective
    assert "server_tokens on;" not in effective


@pytest.mark.parametrize(
    "header", ["Content-Security-Policy", "Referrer-Policy", "X-Content-Type-Options", "X-Frame-Options"]
)
def test_header_is_sent_with_errors_too(effective, header):
    lines = [line.strip() for line in effective.splitlines() if f"add_header {header} " in line]
    assert len(lines) == 1
    assert lines[0].endswith(" always;")


def test_it_has_a_health_answer(effective):
    assert "location = /healthz {" in effective
    assert 'return 200 "ok\\n";' in effective


def test_old_tls_is_refused(effective):
    assert "ssl_protocols TLSv1.2 TLSv1.3;" in effective


def test_workers_are_not_root(effective):
    assert "user www-data;" in effective


def test_it_starts_at_boot(host):
    assert host.file("/etc/systemd/system/multi-user.target.wants/nginx.service").is_symlink


def test_its_logs_rotate(host):
    assert host.file("/etc/logrotate.d/nginx").exists
