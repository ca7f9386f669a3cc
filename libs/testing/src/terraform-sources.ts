/** Zones, named as an output that is known before they are made. */
export const zonesStack = (names: readonly string[]): string => `terraform {
  backend "http" {}
}

resource "terraform_data" "zone" {
  for_each = toset(${JSON.stringify(names)})
  input    = each.key
}

output "zones" {
  value = ${JSON.stringify(names)}
}
`;

/** A machine in each zone, replaced with its image, and a resource with a secret. */
export const FLEET_STACK = `terraform {
  backend "http" {}
}

variable "image" { type = string }
variable "zones" { type = list(string) }

variable "token" {
  type      = string
  sensitive = true
}

resource "terraform_data" "token" {
  input = var.token
}

output "token" {
  value     = "for \${var.token}"
  sensitive = true
}

resource "terraform_data" "machine" {
  for_each         = toset(var.zones)
  triggers_replace = [var.image]
  input            = each.key
}
`;

/** A bucket. */
export const BUCKET_STACK = `terraform {
  backend "http" {}
}

resource "terraform_data" "bucket" {
  input = "photos"
}
`;

/** The same with a second resource, which is made when this file is there. */
export const albumStack = (gate: string): string => `${BUCKET_STACK.replace('photos', 'songs')}
resource "terraform_data" "album" {
  input      = "one"
  depends_on = [terraform_data.bucket]

  provisioner "local-exec" {
    command = "touch ${gate}.begun; until test -e ${gate}; do sleep 0.1; done"
  }
}
`;
