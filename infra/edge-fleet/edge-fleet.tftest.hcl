variables {
  edge_image = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
  zones      = { a = "10.60.0.0/24", b = "10.60.1.0/24" }
  machines   = 3
}

run "machines_are_spread_over_the_zones" {
  command = apply

  assert {
    condition     = output.addresses == { "edge-1" = "10.60.0.10", "edge-2" = "10.60.1.10", "edge-3" = "10.60.0.11" }
    error_message = "Round robin, from the tenth address of each zone."
  }
}

run "an_image_without_digest_is_refused" {
  command = plan

  variables {
    edge_image = "edge:latest"
  }

  expect_failures = [var.edge_image]
}
