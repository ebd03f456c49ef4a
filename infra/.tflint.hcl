# All rules of the language itself. The clouds' rule sets are plugins that only a download from their releases brings; the
# providers' own schemas (validate) and checkov look at the clouds.
plugin "terraform" {
  enabled = true
  preset  = "all"
}
