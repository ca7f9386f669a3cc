terraform {
  required_version = ">= 1.4"

  backend "local" {
    path = "terraform.tfstate"
  }
}

module "fleet" {
  source = "../modules/fleet"

  name     = "edge"
  image    = var.edge_image
  machines = var.machines
  zones    = var.zones
}
