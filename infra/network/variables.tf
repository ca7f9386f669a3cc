variable "cidr" {
  description = "Address space of all zones together"
  type        = string
  default     = "10.40.0.0/16"

  validation {
    condition     = can(cidrsubnet(var.cidr, 8, 0))
    error_message = "The address space must be a CIDR block that leaves 8 bits for zones."
  }
}

variable "zones" {
  description = "Zones in order; a new one goes to the end, so that the others keep their addresses"
  type        = list(string)
  default     = ["a", "b"]

  validation {
    condition     = length(var.zones) > 0 && length(distinct(var.zones)) == length(var.zones)
    error_message = "There must be at least one zone, and none twice."
  }
}

locals {
  zones = { for index, name in var.zones : name => cidrsubnet(var.cidr, 8, index) }
}
