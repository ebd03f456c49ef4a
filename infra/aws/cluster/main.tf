# Files of this root: network.tf and endpoints.tf (network), keys.tf, cluster.tf, nodes.tf, addons.tf,
# registry.tf, identities.tf (rights).

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition

  tags = merge(var.tags, {
    Application  = "event-ingestor"
    Installation = var.name
    ManagedBy    = "terraform"
  })

  # Subnets by zone. Pods have their own addresses, so the private subnets get most of the range: a quarter of it each, for at
  # most three zones. The public ones get a sixteenth of the last quarter each.
  private_cidrs = { for index, zone in var.zones : zone => cidrsubnet(var.vpc_cidr, 2, index) }
  public_cidrs  = { for index, zone in var.zones : zone => cidrsubnet(cidrsubnet(var.vpc_cidr, 2, 3), 4, index) }

  nat_zones = {
    one      = [var.zones[0]]
    per-zone = var.zones
    none     = []
  }[var.nat]
}
