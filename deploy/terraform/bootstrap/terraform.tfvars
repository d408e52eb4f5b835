account_id = "123456789012"
region     = "eu-central-1"

ci = {
  issuer   = "jenkins.example.com/oidc"
  subjects = ["https://jenkins.example.com/job/sealpost-deploy/"]
}

plan_subjects = ["https://jenkins.example.com/job/sealpost/*", "https://jenkins.example.com/job/sealpost-deploy/"]
