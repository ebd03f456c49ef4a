# Inputs that the app roots have too, by links to this file, and pass on unchanged.

variable "create_namespace" {
  description = "Whether the namespace is created, and removed with the release. false: it must exist already, which is required if the Kafka password, a certificate or the clients file is in a Kubernetes Secret."
  type        = bool
  default     = true
}

variable "chart" {
  description = "The Helm chart: a folder (default: this repository's), or an OCI repository with a version."
  type = object({
    path       = optional(string)
    repository = optional(string)
    version    = optional(string)
  })
  default = {}

  validation {
    condition     = (var.chart.repository == null) == (var.chart.version == null)
    error_message = "chart: a repository needs a version, and a version a repository."
  }

  validation {
    condition     = var.chart.repository == null || (can(regex("^oci://", var.chart.repository)) && var.chart.path == null)
    error_message = "chart: the repository begins with oci://, and excludes path."
  }
}

variable "ack" {
  description = "The guarantee of a success reply. broker: Kafka has the event (a Deployment, no disk). wal: it is synced to the pod's volume (a StatefulSet, see wal). On AWS wal needs wal = true in the cluster root."
  type        = string
  default     = "broker"

  validation {
    condition     = contains(["broker", "wal"], var.ack)
    error_message = "ack: broker or wal. memory loses accepted events with a pod and is not offered here."
  }
}

variable "replicas" {
  description = "Number of replicas if autoscaling is unset. Two is the minimum that survives the loss of a node."
  type        = number
  default     = 3

  validation {
    condition     = var.replicas >= 1 && floor(var.replicas) == var.replicas
    error_message = "replicas: a whole number, at least 1."
  }
}

variable "autoscaling" {
  description = "Replicas by CPU instead of a fixed number. Only with ack = broker: a removed replica may leave undelivered events on its volume."
  type = object({
    min         = optional(number, 2)
    max         = number
    cpu_percent = optional(number, 70)
  })
  default = null

  validation {
    condition     = var.autoscaling == null || try(1 <= var.autoscaling.min && var.autoscaling.min < var.autoscaling.max, false)
    error_message = "autoscaling: 1 <= min < max."
  }

  validation {
    condition     = var.autoscaling == null || try(var.autoscaling.cpu_percent >= 10 && var.autoscaling.cpu_percent <= 95, false)
    error_message = "autoscaling: cpu_percent is from 10 to 95."
  }

  validation {
    condition     = var.autoscaling == null || var.ack == "broker"
    error_message = "autoscaling: only with ack = broker. A StatefulSet with volumes is scaled by hand (README of the chart: scaling down)."
  }
}

variable "resources" {
  description = "CPU and memory of a replica, requested; the memory is its limit too. No CPU limit is set, as throttling causes latency."
  type = object({
    cpu    = optional(string, "1")
    memory = optional(string, "512Mi")
  })
  default = {}

  validation {
    condition     = can(regex("^([1-9][0-9]*m?|[0-9]+\\.[0-9]+)$", var.resources.cpu)) && can(regex("^[1-9][0-9]*(Mi|Gi)$", var.resources.memory))
    error_message = "resources: cpu as 500m or 2, memory as 512Mi or 1Gi."
  }
}

variable "settings" {
  description = "Further settings of the service by their keys, as { \"journal.bytes_max\" = \"128MiB\" }; docs/CONFIGURATION.md lists all of them. Settings that have their own input here are rejected."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key in keys(var.settings) : can(regex("^[a-z_]+\\.[a-z_]+$", key))])
    error_message = "settings: keys are a group and a name, as journal.bytes_max."
  }

  validation {
    condition = length(setintersection(keys(var.settings), [
      "http.address", "http.port", "ingest.ack", "wal.dir", "dead_letter.dir", "kafka.brokers", "kafka.topic", "kafka.dlq_topic", "kafka.routes_file",
    ])) == 0
    error_message = "settings: ports, folders, ingest.ack and the settings of kafka are set by other inputs or by the chart."
  }

  validation {
    condition     = alltrue([for key in keys(var.settings) : key == "admin.auth" || !contains(["admin", "file", "shutdown", "sink"], split(".", key)[0])])
    error_message = "settings: admin (except auth), file, shutdown and sink are set by the chart (extra_values: drainPauseSeconds, terminationGracePeriodSeconds)."
  }
}

variable "tls" {
  description = <<-EOT
    TLS of the pods themselves, on both ports; unset: none. secret_name is a Secret of the namespace of type
    kubernetes.io/tls, or cert_manager makes it: its issuer, and names of the service in addition to the cluster's own.
    client_auth: whether clients have certificates, off, optional or required; their CAs are the key client_ca_key of the
    Secret client_ca_secret (unset: of the same Secret). Running pods take over changes of the Secrets.
  EOT
  type = object({
    secret_name = optional(string)
    cert_manager = optional(object({
      issuer = object({
        name = string
        kind = optional(string, "Issuer")
      })
      dns_names = optional(list(string), [])
    }))
    client_auth      = optional(string, "off")
    client_ca_secret = optional(string)
    client_ca_key    = optional(string, "ca.crt")
  })
  default = null

  validation {
    condition     = var.tls == null || try(var.tls.secret_name, null) != null || try(var.tls.cert_manager, null) != null
    error_message = "tls: either secret_name or cert_manager, which may have a secret_name too."
  }

  validation {
    condition     = contains(["off", "optional", "required"], try(var.tls.client_auth, "off"))
    error_message = "tls: client_auth is off, optional or required."
  }
}

variable "clients_secret" {
  description = "The Secret of the namespace with the clients file (docs/CLIENTS.md), and its key. Running pods see its changes. How clients prove who they are is a setting: settings = { \"auth.methods\" = \"keys\" }."
  type = object({
    name = string
    key  = optional(string, "clients.yaml")
  })
  default = null

  validation {
    condition     = var.clients_secret == null || lookup(var.settings, "auth.methods", "none") != "none"
    error_message = "clients_secret: without auth.methods in settings the file has no effect, and anyone may send events."
  }
}

variable "ingress" {
  description = "HTTPS by an ingress controller of the cluster: class (unset: the cluster's default, or the one of an annotation), host, and the Secret with the certificate. Unset: none. On Google Cloud the class gce is GKE's own and faces the internet, gce-internal doesn't."
  type = object({
    class_name  = optional(string)
    host        = string
    tls_secret  = optional(string)
    annotations = optional(map(string), {})
  })
  default = null

  validation {
    condition     = var.ingress == null || can(regex("^[a-z0-9]([a-z0-9.-]*[a-z0-9])?\\.[a-z]{2,}$", var.ingress.host))
    error_message = "ingress: host is a full domain name."
  }
}

variable "extra_values" {
  description = "Values of the chart that have no input here, merged over all others; see the chart's values.yaml."
  type        = any
  default     = {}
}
