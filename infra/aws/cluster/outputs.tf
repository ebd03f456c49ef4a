output "cluster_name" {
  description = "Name of the cluster, which the app root takes as name."
  value       = aws_eks_cluster.this.name
}

output "kubeconfig_command" {
  description = "Command that lets kubectl reach the cluster."
  value       = "aws eks update-kubeconfig --region ${var.region} --name ${aws_eks_cluster.this.name}"
}

output "repository_url" {
  description = "The repository to push the image to."
  value       = aws_ecr_repository.this.repository_url
}

output "ingestor_role_arn" {
  description = "IAM role of the ingestor's pods."
  value       = aws_iam_role.ingestor.arn
}

output "vpc_id" {
  description = "VPC of the cluster, to peer with Kafka's or to put an MSK cluster into."
  value       = aws_vpc.this.id
}

output "private_subnet_ids" {
  description = "Private subnets by zone."
  value       = { for zone, subnet in aws_subnet.private : zone => subnet.id }
}

output "private_route_table_ids" {
  description = "Route tables of the private subnets by zone, for routes to a peered network."
  value       = { for zone, table in aws_route_table.private : zone => table.id }
}

output "node_security_group_id" {
  description = "Security group of nodes and pods: Kafka's group must admit it."
  value       = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
}

output "nat_addresses" {
  description = "Public addresses that the cluster's traffic comes from, for the allow list of a Kafka that is reached over the internet."
  value       = sort([for address in aws_eip.nat : address.public_ip])
}
