run "zones_get_their_ranges_in_order" {
  command = plan

  variables {
    cidr  = "10.60.0.0/16"
    zones = ["a", "b", "c"]
  }

  assert {
    condition     = output.zones == { a = "10.60.0.0/24", b = "10.60.1.0/24", c = "10.60.2.0/24" }
    error_message = "Each zone gets the next 256 addresses."
  }
}

run "a_zone_twice_is_refused" {
  command = plan

  variables {
    zones = ["a", "a"]
  }

  expect_failures = [var.zones]
}
