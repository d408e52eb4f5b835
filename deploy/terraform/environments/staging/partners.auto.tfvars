# The partners of this environment: data that people change without touching code.

partners = {
  acme = {
    limits = { rate = 10, burst = 20 }
    connectors = {
      main = {
        url = "sftp://sftp-test.acme.example:2222"
        # Compared with the partner over another channel, then written here: <type> <base64>, no comment.
        host_keys = ["ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBKWQ23K7xVB4VXD5aZe0oQ1QA66o9HrQ2VPnjMfaeUfL+QH08oCR7FrvPe8R6Yvz0RXs//pstRh0VFdfDFeoy4A="]
      }
    }
  }

  # Fetches its files from the API, and has no server.
  nordwind = {
    scopes = ["reports:read", "reports:write"]
  }
}
