variable "name" {
  description = "Name of the Helm release."
  type        = string
  default     = "event-ingestor"

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,50}[a-z0-9])?$", var.name))
    error_message = "name: at most 52 characters, a-z 0-9 and -, beginning with a letter and not ending with -."
  }
}

variable "namespace" {
  description = "Namespace of the release. The module creates it, with Pod Security \"restricted\", unless create_namespace is false."
  type        = string
  default     = "event-ingestor"

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.namespace)) && !contains(["default", "kube-system", "kube-public"], var.namespace)
    error_message = "namespace: a Kubernetes name, and none of default, kube-system and kube-public."
  }
}

variable "image" {
  description = "The service's image. If both a digest (sha256:...) and a tag are given, the digest is used."
  type = object({
    repository = string
    tag        = optional(string)
    digest     = optional(string)
  })

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.:/_-]*[a-z0-9]$", var.image.repository))
    error_message = "image: repository is a name without tag or digest, as registry.example.com/event-ingestor."
  }

  validation {
    condition     = var.image.tag != null || var.image.digest != null
    error_message = "image: a tag or a digest is needed; there is no default, so that a plan says what will run."
  }

  validation {
    condition     = var.image.tag != "latest" && (var.image.digest == null || can(regex("^sha256:[0-9a-f]{64}$", var.image.digest)))
    error_message = "image: not the tag latest, which says nothing; a digest is sha256: and 64 hexadecimal digits."
  }
}

variable "wal" {
  description = "The volume of each replica when ack is wal: its size, and the storage class (unset: the cluster's default). The log uses at most four fifths of it, the rest is for dead letters and the file system."
  type = object({
    size_gib      = optional(number, 20)
    storage_class = optional(string)
  })
  default = {}

  validation {
    condition     = var.wal.size_gib >= 1 && floor(var.wal.size_gib) == var.wal.size_gib
    error_message = "wal: size_gib is a whole number, at least 1."
  }
}

variable "kafka" {
  description = <<-EOT
    The Kafka to deliver to. profile is the kind of authentication:
    msk-scram (Amazon MSK, user and password), msk-iam (Amazon MSK, the pod's IAM role), confluent (Confluent Cloud,
    API key), event-hubs (Azure Event Hubs, connection string), plain (no security: a broker of the same cluster).
    username: the SCRAM user, or the API key. region: of MSK, for msk-iam.
  EOT
  type = object({
    profile   = string
    brokers   = list(string)
    topic     = optional(string, "events")
    dlq_topic = optional(string, "events-dlq")
    username  = optional(string)
    region    = optional(string)
  })

  validation {
    condition     = contains(["msk-scram", "msk-iam", "confluent", "event-hubs", "plain"], var.kafka.profile)
    error_message = "kafka: profile is one of msk-scram, msk-iam, confluent, event-hubs, plain."
  }

  validation {
    condition     = length(var.kafka.brokers) > 0 && alltrue([for broker in var.kafka.brokers : can(regex("^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?:[0-9]{2,5}$", broker))])
    error_message = "kafka: brokers are HOST:PORT, without a scheme, at least one."
  }

  # A wrong port is the most common mistake; its effect is a time-out or a rejected log-in much later. MSK's ports from 14001
  # on are those of its private connectivity between VPCs.
  validation {
    condition = alltrue([
      for port in [for broker in var.kafka.brokers : try(tonumber(split(":", broker)[1]), 0)] :
      contains(lookup({ msk-scram = concat([9096, 9196], range(14001, 14101)), msk-iam = concat([9098, 9198], range(14001, 14101)), confluent = [9092], event-hubs = [9093] }, var.kafka.profile, [port]), port)
    ])
    error_message = "kafka: MSK listens for SCRAM on 9096 (9196 public), for IAM on 9098 (9198 public), Confluent Cloud on 9092, Event Hubs on 9093."
  }

  validation {
    condition     = var.kafka.profile != "event-hubs" || (length(var.kafka.brokers) == 1 && can(regex("\\.servicebus\\.(windows\\.net|usgovcloudapi\\.net|chinacloudapi\\.cn):", var.kafka.brokers[0])))
    error_message = "kafka: Event Hubs has one broker, NAMESPACE.servicebus.windows.net:9093."
  }

  validation {
    condition     = contains(["msk-scram", "confluent"], var.kafka.profile) == (var.kafka.username != null)
    error_message = "kafka: username is for msk-scram and confluent, and they need it."
  }

  validation {
    condition     = (var.kafka.profile == "msk-iam") == (var.kafka.region != null)
    error_message = "kafka: region is for msk-iam, which needs it."
  }

  validation {
    condition     = var.kafka.topic != var.kafka.dlq_topic && alltrue([for topic in [var.kafka.topic, var.kafka.dlq_topic] : can(regex("^[A-Za-z0-9._-]{1,249}$", topic))])
    error_message = "kafka: topic and dlq_topic are two different topic names."
  }
}

variable "kafka_secret" {
  description = <<-EOT
    Source of the pods' password (msk-scram; confluent: the API secret; event-hubs: the connection string), mounted as a
    file that is replaced while they run. No secret goes through Terraform. One of:
    kubernetes: a Secret of the namespace, created by another component (External Secrets, Sealed Secrets) or by hand, and its key.
    store: the cloud's secret store, through the Secrets Store CSI driver: the driver's and the provider's name and the
    provider's parameters; the file must be named password.
  EOT
  type = object({
    kubernetes = optional(object({
      name = string
      key  = optional(string, "password")
    }))
    store = optional(object({
      driver     = optional(string, "secrets-store.csi.k8s.io")
      provider   = string
      api        = optional(string, "secrets-store.csi.x-k8s.io/v1")
      parameters = map(string)
    }))
  })
  default = null

  validation {
    condition     = contains(["msk-scram", "confluent", "event-hubs"], var.kafka.profile) == (var.kafka_secret != null)
    error_message = "kafka_secret: msk-scram, confluent and event-hubs need it; msk-iam and plain have none."
  }

  validation {
    condition     = var.kafka_secret == null || (try(var.kafka_secret.kubernetes, null) != null) != (try(var.kafka_secret.store, null) != null)
    error_message = "kafka_secret: either kubernetes or the cloud's store."
  }
}

variable "identity_annotations" {
  description = "Annotations of the service account that give the pods a cloud identity, as { \"azure.workload.identity/client-id\" = \"...\" }."
  type        = map(string)
  default     = {}
}

variable "identity_labels" {
  description = "Labels of the pods that their cloud identity asks for, as { \"azure.workload.identity/use\" = \"true\" }."
  type        = map(string)
  default     = {}
}

variable "service" {
  description = "Access to the service without an ingress: LoadBalancer, or ClusterIP for access from inside only. annotations configure the cloud's load balancer; tls: it terminates TLS. port, unset: 443 if the pods or the balancer have TLS, else 80."
  type = object({
    type        = optional(string, "ClusterIP")
    port        = optional(number)
    tls         = optional(bool, false)
    annotations = optional(map(string), {})
  })
  default = {}

  validation {
    condition     = contains(["ClusterIP", "LoadBalancer"], var.service.type)
    error_message = "service: type is ClusterIP or LoadBalancer."
  }

  validation {
    condition     = try(var.service.port >= 1 && var.service.port <= 65535, var.service.port == null) && (!var.service.tls || var.service.type == "LoadBalancer")
    error_message = "service: port is from 1 to 65535; only a load balancer ends TLS."
  }

  validation {
    condition     = var.service.type == "ClusterIP" || var.ingress == null
    error_message = "service: with an ingress in front it is ClusterIP; with LoadBalancer there would be two public addresses."
  }
}

variable "health_checkers" {
  description = "Addresses of load balancers outside the cluster that request /readyz on the admin port (8081); by default the chart's NetworkPolicy admits only the cluster's pods."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.health_checkers : can(cidrhost(cidr, 0))])
    error_message = "health_checkers: ranges of addresses, as 203.0.113.0/24."
  }
}

variable "timeout_seconds" {
  description = "Time limit of an installation or upgrade until every replica is ready; then the release is rolled back."
  type        = number
  default     = 600

  validation {
    condition     = var.timeout_seconds >= 60
    error_message = "timeout_seconds: at least 60."
  }
}
