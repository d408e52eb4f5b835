# The partners of this environment: data that people change without touching code.

partners = {
  acme = {
    limits = { rate = 10, burst = 20 }
    connectors = {
      main = { url = "sftp://sftp.acme.example" }
    }
  }
}
