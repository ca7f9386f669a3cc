terraform {
  required_version = ">= 1.4"
}

locals {
  zones = sort(keys(var.zones))

  # Round robin over the zones; the first ten addresses of a zone belong to the network itself.
  machines = {
    for index in range(var.machines) : "${var.name}-${index + 1}" => {
      zone    = local.zones[index % length(local.zones)]
      address = cidrhost(var.zones[local.zones[index % length(local.zones)]], 10 + floor(index / length(local.zones)))
    }
  }
}

# A machine never changes its image: another image is another machine.
resource "terraform_data" "machine" {
  for_each = local.machines

  triggers_replace = [var.image]

  input = {
    name    = each.key
    zone    = each.value.zone
    address = each.value.address
    image   = var.image
  }
}
