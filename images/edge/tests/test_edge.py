"""What the edge promises beyond the role nginx: its page and its routes."""

import pytest

ROUTES = {"/orders": "127.0.0.1:8081", "/hello": "127.0.0.1:8082"}


@pytest.fixture(scope="module")
def routes(host):
    return host.file("/etc/nginx/routes.d/services.conf").content_string


@pytest.mark.parametrize("path", sorted(ROUTES))
def test_requests_are_led_to_the_service(routes, path):
    # The path itself and all below it, and nothing that merely begins alike.
    assert f"location = {path} {{" in routes
    assert f"location {path}/ {{" in routes
    assert routes.count(f"proxy_pass http://{ROUTES[path]};") == 2


def test_every_route_has_the_limits_of_services(routes):
    assert routes.count("include /etc/nginx/snippets/upstream.conf;") == routes.count("proxy_pass ")


@pytest.mark.parametrize("path", sorted(ROUTES))
def test_the_page_names_the_service(host, path):
    assert f'href="{path}"' in host.file("/srv/www/index.html").content_string


def test_nginx_accepts_the_routes(host):
    check = host.run("nginx -t")
    assert check.rc == 0, check.stderr
    assert "routes.d/services.conf" in host.check_output("nginx -T -q")
