terraform {
  required_version = ">= 1.4"

  backend "local" {
    path = "terraform.tfstate"
  }
}

data "terraform_remote_state" "network" {
  backend = "local"

  config = {
    path = "../network/terraform.tfstate"
  }
}

module "fleet" {
  source = "../modules/fleet"

  name     = "edge"
  image    = var.edge_image
  machines = var.machines
  zones    = data.terraform_remote_state.network.outputs.zones
}
