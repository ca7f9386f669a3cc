output "image" {
  description = "What the fleet runs"
  value       = var.edge_image
}

output "addresses" {
  description = "Machine to its address"
  value       = module.fleet.addresses
}
