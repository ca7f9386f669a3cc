"""What the role packages promises: packages that are whole, and nothing left of the way they came."""


def test_every_package_is_installed_whole(host):
    audit = host.run("dpkg --audit")
    assert audit.rc == 0
    assert audit.stdout == ""


def test_dependencies_are_met(host):
    states = host.check_output("dpkg-query --show --showformat '${db:Status-Abbrev}\n'")
    assert {state.strip() for state in states.splitlines()} == {"ii"}


def test_daemons_may_start_where_the_image_runs(host):
    # The policy that keeps them still during a bake must not be in the image.
    assert not host.file("/usr/sbin/policy-rc.d").exists
