# The partners of this environment: data that people change without touching code.
#
# What the program has to know of a partner beside this (grants, certificates, file names) stands in its partner file; the output
# `partners` has the ids that belong there.

partners = {
  acme = {
    scopes = ["reports:read", "reports:write", "keys:write", "destinations:write"]
    limits = {
      rate  = 50
      burst = 100
      quota = { limit = 100000, period = "MONTH" }
    }
    connectors = {
      main = {
        url = "sftp://sftp.acme.example"
        # Two keys while the partner changes from one to the other.
        host_keys = [
          "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBKWQ23K7xVB4VXD5aZe0oQ1QA66o9HrQ2VPnjMfaeUfL+QH08oCR7FrvPe8R6Yvz0RXs//pstRh0VFdfDFeoy4A=",
          "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDjhRaYXARiJ2OMZxhIEs1Jy1JeuOLzr8zzCb2W2mKK/hLBOn6KFpRNZONFxm9Lwm06gKS1P+BzmJZP/SBFe+fsoYkKwIQUFV874MGlr6yT8LtdyIbEMeNZrgy+9RlbU0YiG0igkLg+9ojuuNSHF+KedQBN2t6g4GZ3tYBgmbOWn681NEXziAz279zpHiq29AUnCHJWxcXsfqoaNpYqc71AYUyzaa9jvv+Dy8InDjj4qgfGsqJYgIVjUvaSvI06RJPr0W41GVsh069kjq+EvAzlmi4T+hGU4zlCtS2XxramVT1E7n2o0MLN/KbggfphwciUNeywl1J/mqCh1GT2a25J",
        ]
      }
      archive = {
        url             = "sftp://archive.acme.example:2222"
        host_keys       = ["ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBKWQ23K7xVB4VXD5aZe0oQ1QA66o9HrQ2VPnjMfaeUfL+QH08oCR7FrvPe8R6Yvz0RXs//pstRh0VFdfDFeoy4A="]
        security_policy = "TransferSFTPConnectorSecurityPolicy-FIPS-2024-10"
      }
    }
  }

  # Fetches its files: from the API, and from our SFTP server.
  nordwind = {
    scopes           = ["reports:read", "reports:write"]
    sftp_public_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN+JgBI6QAKYMvVfXe/9Q1qVYqB4Iey0hAzKdwOuesRi"]
  }
}
