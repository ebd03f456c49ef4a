# Properties of the cluster that hold for all inputs, and the effects of inputs.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/mock" }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-central-1:111122223333:key/mock" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:111122223333:log-group:mock" }
  }
  mock_resource "aws_eks_cluster" {
    defaults = { arn = "arn:aws:eks:eu-central-1:111122223333:cluster/mock", vpc_config = { cluster_security_group_id = "sg-1" } }
  }
  mock_resource "aws_launch_template" {
    defaults = { id = "lt-0123456789abcdef0" }
  }
}

variables {
  name            = "ingestor-test"
  region          = "eu-central-1"
  zones           = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
  admin_role_arns = ["arn:aws:iam::111122223333:role/platform"]
}

run "nothing_is_open_by_default" {
  command = plan

  assert {
    condition     = !aws_eks_cluster.this.vpc_config[0].endpoint_public_access && aws_eks_cluster.this.vpc_config[0].endpoint_private_access
    error_message = "the API must be reachable from inside only"
  }
  assert {
    condition     = !aws_eks_cluster.this.access_config[0].bootstrap_cluster_creator_admin_permissions && aws_eks_cluster.this.access_config[0].authentication_mode == "API"
    error_message = "access to the cluster must be controlled by access entries"
  }
  assert {
    condition     = tolist(aws_eks_cluster.this.encryption_config[0].resources) == tolist(["secrets"]) && aws_kms_key.this.enable_key_rotation
    error_message = "secrets are encrypted with a key that is rotated"
  }
  assert {
    condition     = alltrue([for subnet in aws_subnet.public : !subnet.map_public_ip_on_launch])
    error_message = "no public addresses by accident"
  }
  assert {
    condition     = aws_launch_template.node.metadata_options[0].http_tokens == "required" && aws_launch_template.node.metadata_options[0].http_put_response_hop_limit == 1
    error_message = "pods can't have the node's role"
  }
  assert {
    condition     = tobool(aws_launch_template.node.block_device_mappings[0].ebs[0].encrypted)
    error_message = "disks of nodes are encrypted"
  }
  assert {
    condition     = aws_ecr_repository.this.image_tag_mutability == "IMMUTABLE" && aws_ecr_repository.this.image_scanning_configuration[0].scan_on_push
    error_message = "tags don't move, images are scanned"
  }
  assert {
    condition     = length(data.aws_iam_policy_document.msk) == 0 && length(data.aws_iam_policy_document.secret) == 0
    error_message = "the ingestor's role must have no rights that were not requested"
  }
  assert {
    condition     = length(aws_eks_cluster.this.enabled_cluster_log_types) == 5
    error_message = "all logs of the control plane are kept"
  }
}

run "a_node_group_and_a_way_out_in_each_zone" {
  command = plan

  assert {
    condition     = length(aws_eks_node_group.this) == 3 && alltrue([for group in aws_eks_node_group.this : length(group.subnet_ids) == 1])
    error_message = "each zone must have its own node group"
  }
  assert {
    condition     = length(aws_nat_gateway.this) == 3 && length(aws_route.nat) == 3
    error_message = "a zone doesn't depend on another's gateway"
  }
  assert {
    condition     = length(distinct(concat(values(local.private_cidrs), values(local.public_cidrs)))) == 6
    error_message = "subnets are six different ones"
  }
  assert {
    condition     = contains(keys(aws_eks_addon.after_nodes), "aws-ebs-csi-driver") && !contains(keys(aws_eks_addon.after_nodes), "aws-secrets-store-csi-driver-provider")
    error_message = "the required drivers must be installed"
  }
}

run "one_gateway" {
  variables {
    nat = "one"
    wal = false
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 1 && length(aws_route.nat) == 3 && length(distinct([for route in aws_route.nat : route.nat_gateway_id])) == 1
    error_message = "all zones go out by the one gateway"
  }
  assert {
    condition     = !contains(keys(aws_eks_addon.after_nodes), "aws-ebs-csi-driver") && !contains(keys(aws_iam_role.addon), "aws-ebs-csi-driver")
    error_message = "without volumes there must be neither driver nor role"
  }
}

run "no_way_out" {
  command = plan

  variables {
    nat = "none"
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 0 && length(aws_route.nat) == 0 && contains(keys(aws_vpc_endpoint.interface), "ecr.dkr")
    error_message = "nodes must need only the endpoints"
  }
}

run "the_least_rights_for_msk" {
  command = plan

  variables {
    msk_iam = {
      cluster_arn = "arn:aws:kafka:eu-central-1:111122223333:cluster/events/0d8f2c5e-7c1c-4d8e-9b55-1b0c6a1c2f11-3"
      topics      = ["events", "events-dlq"]
    }
  }

  assert {
    condition     = toset(data.aws_iam_policy_document.msk[0].statement[1].actions) == toset(["kafka-cluster:DescribeTopic", "kafka-cluster:DescribeTopicDynamicConfiguration", "kafka-cluster:WriteData"])
    error_message = "of topics, to write"
  }
  assert {
    condition = toset(data.aws_iam_policy_document.msk[0].statement[1].resources) == toset([
      "arn:aws:kafka:eu-central-1:111122223333:topic/events/0d8f2c5e-7c1c-4d8e-9b55-1b0c6a1c2f11-3/events",
      "arn:aws:kafka:eu-central-1:111122223333:topic/events/0d8f2c5e-7c1c-4d8e-9b55-1b0c6a1c2f11-3/events-dlq",
    ])
    error_message = "the two topics, no wildcard"
  }
  assert {
    condition     = toset(data.aws_iam_policy_document.msk[0].statement[0].actions) == toset(["kafka-cluster:Connect", "kafka-cluster:WriteDataIdempotently"])
    error_message = "of the cluster, to connect"
  }
}

run "the_role_is_for_one_service_account" {
  assert {
    condition = anytrue([
      for condition in data.aws_iam_policy_document.trust_pod["ingestor"].statement[0].condition :
      condition.variable == "aws:RequestTag/kubernetes-service-account" && tolist(condition.values) == tolist(["event-ingestor"])
    ])
    error_message = "another pod must not be able to use the role"
  }
}

run "a_secret_brings_its_driver_and_right" {
  command = plan

  variables {
    kafka_secret = {
      arn         = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:AmazonMSK_ingestor-AbCdEf"
      kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/1"
    }
  }

  assert {
    condition     = contains(keys(aws_eks_addon.after_nodes), "aws-secrets-store-csi-driver-provider") && length(data.aws_iam_policy_document.secret[0].statement) == 2
    error_message = "the driver, to read the secret, and to use its key"
  }
  assert {
    condition     = jsondecode(aws_eks_addon.after_nodes["aws-secrets-store-csi-driver-provider"].configuration_values)["secrets-store-csi-driver"].enableSecretRotation
    error_message = "a changed secret must reach the pods; by default the driver doesn't read it again"
  }
}

run "msk_lets_the_nodes_in" {
  command = plan

  variables {
    msk_security_group = { id = "sg-0123456789abcdef0", port = 9098 }
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.msk[0].from_port == 9098 && aws_vpc_security_group_ingress_rule.msk[0].to_port == 9098
    error_message = "one port"
  }
}

run "the_api_for_the_office" {
  command = plan

  variables {
    api_allowed_cidrs = ["203.0.113.0/24"]
  }

  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].endpoint_public_access && toset(aws_eks_cluster.this.vpc_config[0].public_access_cidrs) == toset(["203.0.113.0/24"])
    error_message = "those addresses, no others"
  }
}

run "the_api_for_a_vpn" {
  command = plan

  variables {
    api_allowed_cidrs = ["10.8.0.0/16", "172.31.0.0/16", "100.64.0.0/10", "192.168.7.0/24"]
  }

  assert {
    condition     = !aws_eks_cluster.this.vpc_config[0].endpoint_public_access
    error_message = "private addresses open no public endpoint"
  }
  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.api) == 4 && aws_vpc_security_group_ingress_rule.api["10.8.0.0/16"].from_port == 443
    error_message = "the private endpoint must admit them"
  }
}

run "a_public_range_next_to_a_private_one" {
  command = plan

  variables {
    api_allowed_cidrs = ["172.32.0.0/16", "100.128.0.0/16"]
  }

  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].endpoint_public_access && length(aws_vpc_security_group_ingress_rule.api) == 0
    error_message = "172.32 and 100.128 are public"
  }
}

run "balancers_find_their_subnets" {
  command = plan

  assert {
    condition     = alltrue([for subnet in concat(values(aws_subnet.private), values(aws_subnet.public)) : subnet.tags["kubernetes.io/cluster/ingestor-test"] == "shared"])
    error_message = "the load balancer controller ignores subnets without the cluster's tag"
  }
}

# Inputs that must be rejected; each of the named ones must be. A run takes about a second, so several share one.

run "open_ownerless_and_cut_off" {
  command = plan

  variables {
    api_allowed_cidrs   = ["0.0.0.0/0"]     # the API for everyone
    admin_role_arns     = []                # a cluster without users
    zones               = ["eu-central-1a"] # the loss of one zone would lose everything
    nat                 = "none"            # neither a gateway nor endpoints
    interface_endpoints = []
    msk_iam = {
      cluster_arn = "arn:aws:kafka:eu-central-1:111122223333:cluster/events/0d8f2c5e-7c1c-4d8e-9b55-1b0c6a1c2f11-3"
      topics      = ["*"] # all topics
    }
  }
  expect_failures = [var.api_allowed_cidrs, var.admin_role_arns, var.zones, var.interface_endpoints, var.msk_iam]
}

run "a_zone_of_another_region_and_a_secret_without_a_way_to_it" {
  command = plan

  variables {
    zones        = ["eu-central-1a", "eu-west-1a"]
    nat          = "none"
    kafka_secret = { arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:AmazonMSK_ingestor-AbCdEf" }
  }
  expect_failures = [var.zones, var.interface_endpoints]
}
