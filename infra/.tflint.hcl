# All rules of the language itself. The clouds' rule sets are plugins that are available only from their releases; the
# providers' schemas (validate) and checkov check the clouds' resources.
plugin "terraform" {
  enabled = true
  preset  = "all"
}
