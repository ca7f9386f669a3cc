terraform {
  required_version = ">= 1.4"

  backend "local" {
    path = "terraform.tfstate"
  }
}

# Stands for what a cloud would make: the same values, plans and states without an account.
resource "terraform_data" "zone" {
  for_each = local.zones

  input = {
    name = each.key
    cidr = each.value
  }
}
