variable "edge_image" {
  description = "Digest of the image the machines run"
  type        = string

  validation {
    condition     = can(regex("^(.+@)?sha256:[0-9a-f]{64}$", var.edge_image))
    error_message = "The image must be named by its digest: what was tested is what runs."
  }
}

variable "machines" {
  description = "How many machines the fleet has"
  type        = number
  default     = 2
}

variable "zones" {
  description = "Zone to its address range"
  type        = map(string)
}
