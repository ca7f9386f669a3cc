output "zones" {
  description = "Zone to its address range"
  value       = local.zones
}
