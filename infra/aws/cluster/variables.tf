variable "region" {
  description = "AWS region, as eu-central-1."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region: an AWS region, as eu-central-1."
  }
}

variable "tags" {
  description = "Tags for every resource, in addition to Application, Installation and ManagedBy."
  type        = map(string)
  default     = {}
}

variable "vpc_cidr" {
  description = "Addresses of the VPC. Must not overlap with the network that Kafka is in, if the two are to be peered."
  type        = string
  default     = "10.40.0.0/16"

  validation {
    condition     = can(cidrnetmask(var.vpc_cidr)) && try(tonumber(split("/", var.vpc_cidr)[1]), 0) <= 18 && try(tonumber(split("/", var.vpc_cidr)[1]), 0) >= 16
    error_message = "vpc_cidr: an IPv4 range of /16 to /18, as 10.40.0.0/16."
  }
}

variable "zones" {
  description = "Availability zones, two or three, as [\"eu-central-1a\", \"eu-central-1b\", \"eu-central-1c\"]. Each gets a private and a public subnet and a node group."
  type        = list(string)

  validation {
    condition     = length(var.zones) >= 2 && length(var.zones) <= 3 && length(distinct(var.zones)) == length(var.zones)
    error_message = "zones: two or three different zones; EKS asks for two."
  }

  validation {
    condition     = alltrue([for zone in var.zones : startswith(zone, var.region)])
    error_message = "zones: each zone has to be in the region."
  }
}

variable "nat" {
  description = "Outgoing access of the private subnets: one (a gateway in the first zone: cheap, and its zone's failure cuts the others off), per-zone, or none (nodes reach only what has a VPC endpoint or is peered: then Kafka has to be in reach that way, and interface_endpoints can't be empty)."
  type        = string
  default     = "per-zone"

  validation {
    condition     = contains(["one", "per-zone", "none"], var.nat)
    error_message = "nat: one of one, per-zone, none."
  }
}

variable "interface_endpoints" {
  description = "AWS services with an endpoint inside the VPC, by the last part of their endpoint's name. Each costs about 7 USD a month and zone. With nat = none at least ec2, ecr.api, ecr.dkr, eks, eks-auth, logs and sts are needed, and secretsmanager with kafka_secret."
  type        = set(string)
  default     = ["ec2", "ecr.api", "ecr.dkr", "eks", "eks-auth", "logs", "sts"]

  validation {
    condition     = var.nat != "none" || length(setsubtract(["ec2", "ecr.api", "ecr.dkr", "eks", "eks-auth", "logs", "sts"], var.interface_endpoints)) == 0
    error_message = "interface_endpoints: without a NAT gateway nodes can't join unless ec2, ecr.api, ecr.dkr, eks, eks-auth, logs and sts have an endpoint."
  }

  validation {
    condition     = var.nat != "none" || var.kafka_secret == null || contains(var.interface_endpoints, "secretsmanager")
    error_message = "interface_endpoints: without a NAT gateway kafka_secret can't be read unless secretsmanager has an endpoint."
  }
}

variable "admin_role_arns" {
  description = "IAM roles that administer the cluster; the app root must be applied by one of them. The creator of the cluster has no rights by default."
  type        = set(string)

  validation {
    condition     = length(var.admin_role_arns) > 0 && alltrue([for arn in var.admin_role_arns : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/", arn))])
    error_message = "admin_role_arns: at least one ARN of an IAM role or user, otherwise the cluster can't be used."
  }
}

variable "nodes" {
  description = "Node groups, one a zone. The numbers are per zone. Both types of an instance list have to have one architecture. disk_gib is the root volume of a node."
  type = object({
    instance_types = optional(list(string), ["m7i.large"])
    arm64          = optional(bool, false)
    min            = optional(number, 1)
    desired        = optional(number, 1)
    max            = optional(number, 3)
    disk_gib       = optional(number, 30)
    spot           = optional(bool, false)
  })
  default = {}

  validation {
    condition     = var.nodes.min >= 1 && var.nodes.min <= var.nodes.desired && var.nodes.desired <= var.nodes.max
    error_message = "nodes: 1 <= min <= desired <= max."
  }

  validation {
    condition     = var.nodes.disk_gib >= 20 && length(var.nodes.instance_types) > 0
    error_message = "nodes: disk_gib is at least 20, and there is at least one instance type."
  }
}

variable "addon_versions" {
  description = "Versions of EKS add-ons to pin, as { vpc-cni = \"v1.20.4-eksbuild.1\" }. One that isn't named gets EKS' default for kubernetes_version when it is made, and keeps it."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.addon_versions), ["aws-ebs-csi-driver", "aws-secrets-store-csi-driver-provider", "coredns", "eks-pod-identity-agent", "kube-proxy", "metrics-server", "vpc-cni"])) == 0
    error_message = "addon_versions: names an add-on that this root doesn't install."
  }
}

variable "wal" {
  description = "Whether events are to be kept on volumes (ack = wal in the app root): installs the EBS CSI driver."
  type        = bool
  default     = true
}

variable "msk_iam" {
  description = "Amazon MSK cluster with IAM access control that the ingestor may write to: its ARN and the topics. Unset: the right is not given."
  type = object({
    cluster_arn = string
    topics      = optional(list(string), ["events", "events-dlq"])
  })
  default = null

  validation {
    condition     = var.msk_iam == null || can(regex("^arn:aws[a-z-]*:kafka:[a-z0-9-]+:[0-9]{12}:cluster/[A-Za-z0-9-]+/[a-z0-9-]+$", var.msk_iam.cluster_arn))
    error_message = "msk_iam: cluster_arn is arn:aws:kafka:REGION:ACCOUNT:cluster/NAME/UUID."
  }

  validation {
    condition     = var.msk_iam == null || try(length(var.msk_iam.topics) > 0 && alltrue([for topic in var.msk_iam.topics : can(regex("^[A-Za-z0-9._-]{1,249}$", topic))]), false)
    error_message = "msk_iam: topics are names of Kafka topics, without wildcards."
  }
}

variable "msk_security_group" {
  description = "Security group of an MSK cluster in this VPC or a peered one of this region, to let the nodes in: its id, and the port (9096 for SCRAM, 9098 for IAM). Unset: its owner does it, with the output node_security_group_id."
  type = object({
    id   = string
    port = number
  })
  default = null

  validation {
    condition     = var.msk_security_group == null || contains([9092, 9094, 9096, 9098], try(var.msk_security_group.port, 0))
    error_message = "msk_security_group: port is one of MSK's, 9092, 9094, 9096 or 9098."
  }
}

variable "kafka_secret" {
  description = "Secret of AWS Secrets Manager with the Kafka password that the ingestor's pods may read through the secrets store CSI driver, and the KMS key that it is encrypted with (MSK asks for a key of your own). Unset: neither right nor driver."
  type = object({
    arn         = string
    kms_key_arn = optional(string)
  })
  default = null
}

variable "log_retention_days" {
  description = "Days that the logs of the API server and of the VPC's traffic are kept."
  type        = number
  default     = 365

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.log_retention_days)
    error_message = "log_retention_days: one of the periods that CloudWatch Logs has: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731."
  }
}

variable "images_kept" {
  description = "Tagged images that the registry keeps, newest first."
  type        = number
  default     = 50

  validation {
    condition     = var.images_kept >= 2
    error_message = "images_kept: at least 2, so that a rollback is possible."
  }
}
