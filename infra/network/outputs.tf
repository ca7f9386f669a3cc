output "zones" {
  description = "Zone to its address range"
  value       = { for name, zone in terraform_data.zone : name => zone.output.cidr }
}
