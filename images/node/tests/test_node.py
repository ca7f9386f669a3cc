"""What a service on this image can rely on."""

import json

import pytest


def evaluate(host, expression):
    return json.loads(host.check_output(f"node --print 'JSON.stringify({expression})'"))


@pytest.mark.parametrize("name", ["fetch", "structuredClone", "AbortController"])
def test_the_language_has(host, name):
    assert evaluate(host, f"typeof {name}") == "function"


def test_names_of_all_languages_are_known(host):
    # A Node.js with reduced locale data answers in English.
    assert evaluate(host, 'new Intl.DisplayNames("de", { type: "language" }).of("fr")') == "Französisch"


def test_there_is_no_package_manager(host):
    # Dependencies come with the application's own layer, tested, never at run time.
    for program in ("npm", "npx", "yarn"):
        assert not host.exists(program), f"{program} is there"
