# All rules of the language itself. The clouds' rule sets are plugins that are available only from their releases; the
# providers' schemas (validate) and checkov check the clouds' resources.
plugin "terraform" {
  enabled = true
  preset  = "all"
}

# Inputs and outputs may be in files that several roots link (infra/shared).
rule "terraform_standard_module_structure" {
  enabled = false
}
