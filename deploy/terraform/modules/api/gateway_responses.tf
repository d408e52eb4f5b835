# What API Gateway answers by itself looks as the program's problems do (RFC 9457), with the gateway's `message`. Templates there
# only fill in variables; `messageString` is the one that comes with its quotes.

locals {
  problems = {
    BAD_REQUEST_BODY             = { status = 400, code = "SP-REQUEST-001", title = "the request is not valid", retryable = false, advice = "See the operation in `/docs`." }
    BAD_REQUEST_PARAMETERS       = { status = 400, code = "SP-REQUEST-001", title = "the request is not valid", retryable = false, advice = "See the operation in `/docs`." }
    UNAUTHORIZED                 = { status = 401, code = "SP-REQUEST-009", title = "no valid credentials", retryable = false, advice = "Send a valid access token or API key as `Authorization: Bearer …`." }
    ACCESS_DENIED                = { status = 403, code = "SP-REQUEST-011", title = "not allowed", retryable = false, advice = "The credentials do not allow this operation." }
    INVALID_API_KEY              = { status = 403, code = "SP-REQUEST-011", title = "not allowed", retryable = false, advice = "Ask the operator: the partner has no usage plan." }
    MISSING_AUTHENTICATION_TOKEN = { status = 404, code = "SP-REQUEST-021", title = "unknown path", retryable = false, advice = "See `/docs`." }
    RESOURCE_NOT_FOUND           = { status = 404, code = "SP-REQUEST-021", title = "unknown path", retryable = false, advice = "See `/docs`." }
    REQUEST_TOO_LARGE            = { status = 413, code = "SP-REQUEST-019", title = "the request body is too large", retryable = false, advice = "Send at most 1 MiB." }
    UNSUPPORTED_MEDIA_TYPE       = { status = 415, code = "SP-REQUEST-020", title = "unsupported media type", retryable = false, advice = "Send `Content-Type: application/json`." }
    THROTTLED                    = { status = 429, code = "SP-REQUEST-029", title = "too many requests", retryable = true, advice = "Wait a second, and spread requests evenly." }
    QUOTA_EXCEEDED               = { status = 429, code = "SP-REQUEST-030", title = "the quota is used up", retryable = true, advice = "Wait until the period ends, or ask the operator for a larger quota." }
    INTEGRATION_TIMEOUT          = { status = 504, code = "SP-REQUEST-026", title = "the answer took too long", retryable = true, advice = "Send the request again, with the same `Idempotency-Key` if it had one." }
    INTEGRATION_FAILURE          = { status = 504, code = "SP-REQUEST-022", title = "an internal error", retryable = true, advice = "Try again; if it stays, tell the operator the request id." }
    AUTHORIZER_FAILURE           = { status = 500, code = "SP-REQUEST-022", title = "an internal error", retryable = true, advice = "Try again; if it stays, tell the operator the request id." }
    WAF_FILTERED                 = { status = 403, code = "SP-REQUEST-011", title = "not allowed", retryable = false, advice = "The request looks like an attack, or comes from an address that is known for them." }
  }

  # Where the program's pages are, as a client has to ask for them: without a domain of our own below the stage.
  docs = var.domain == null ? "/${var.stage}/docs" : "/docs"

  problem_members = { for type, problem in local.problems : type => {
    type      = "${local.docs}/errors#${problem.code}"
    title     = problem.title
    status    = problem.status
    detail    = problem.title
    code      = problem.code
    stage     = "request"
    side      = problem.status >= 500 ? "sealpost" : "caller"
    advice    = problem.advice
    retryable = problem.retryable
  } }

  # `message` and `request_id` are filled in by API Gateway.
  problem_templates = { for type, members in local.problem_members : type => join("", [
    trimsuffix(jsonencode(merge(members, { request_id = "$context.requestId" })), "}"),
    ",\"message\":$context.error.messageString}",
  ]) }

  # What the web ACL answers an address that asks too often, instead of WAF_FILTERED, which is final. It fills in nothing, so there is
  # no `request_id`.
  flood_problem = merge(local.problem_members.THROTTLED, {
    advice  = "Wait as long as `Retry-After` says, and spread requests evenly. All who call from one address share what it may."
    message = "Too Many Requests"
  })

  gateway_responses = { for type, problem in local.problems : type => {
    statusCode = problem.status
    responseParameters = merge(
      {
        "gatewayresponse.header.Content-Type"           = "'application/problem+json'"
        "gatewayresponse.header.Cache-Control"          = "'no-store'"
        "gatewayresponse.header.X-Content-Type-Options" = "'nosniff'"
      },
      type == "THROTTLED" ? { "gatewayresponse.header.Retry-After" = "'1'" } : {},
      type == "QUOTA_EXCEEDED" ? { "gatewayresponse.header.Retry-After" = "'3600'" } : {},
      type == "UNAUTHORIZED" ? { "gatewayresponse.header.WWW-Authenticate" = "'Bearer'" } : {},
    )
    responseTemplates = { "application/json" = local.problem_templates[type] }
  } }
}
