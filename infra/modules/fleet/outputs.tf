output "addresses" {
  description = "Machine to its address"
  value       = { for name, machine in terraform_data.machine : name => machine.output.address }
}
