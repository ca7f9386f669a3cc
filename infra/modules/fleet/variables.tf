variable "name" {
  description = "Name of the fleet; machines are numbered after it"
  type        = string
}

variable "image" {
  description = "Image that every machine runs"
  type        = string
}

variable "machines" {
  description = "How many machines there are"
  type        = number

  validation {
    condition     = var.machines >= 1 && floor(var.machines) == var.machines
    error_message = "A fleet has at least one machine, and no half ones."
  }
}

variable "zones" {
  description = "Zone to its address range"
  type        = map(string)
}
