# The edge made by Packer instead of in layers: the same playbook, in a container of the Docker engine.

variable "base_image" {
  type        = string
  description = "The base, as Docker knows it."
}

variable "container_name" {
  type        = string
  description = "What the container is called while it is being made."
}

variable "role_paths" {
  type        = string
  description = "Folders in which Ansible looks for roles, separated by colons."
}

variable "manifest" {
  type        = string
  description = "Where to write down what was made."
}

source "docker" "edge" {
  image  = var.base_image
  pull   = false
  commit = true

  # Ansible has to know the container's name before it is there. What lies on a tmpfs does not become part of the image.
  run_command = [
    "--detach", "--interactive", "--tty",
    "--name", var.container_name,
    "--tmpfs", "/run", "--tmpfs", "/tmp:exec,mode=1777",
    "--tmpfs", "/var/cache/apt", "--tmpfs", "/var/lib/apt/lists",
    "{{ .Image }}", "/bin/sh",
  ]

  changes = [
    "CMD [\"/sbin/init\"]",
    "EXPOSE 80/tcp",
  ]
}

build {
  sources = ["source.docker.edge"]

  provisioner "ansible" {
    playbook_file    = "${path.root}/playbook.yml"
    host_alias       = "edge"
    extra_arguments  = ["--extra-vars", "ansible_host=${var.container_name} ansible_connection=docker"]
    ansible_env_vars = ["ANSIBLE_ROLES_PATH=${var.role_paths}"]
  }

  post-processor "manifest" {
    output = var.manifest
  }
}
