# The document that API Gateway is given: OpenAPI 3.0 with its own extensions, made of the program's OpenAPI 3.1.
#
# API Gateway does not read 3.1, and its models are JSON Schema draft 4. So of a request's body the first level is taken: which
# members there must be, which there may be, and what type each has where it has one. Deeper and finer the program checks, with
# better messages. Paths such as `{id}:rotate` are no path parts there: the methods of `{id}` and of its verbs are one, whose
# parameter has the verb in it, and whose body is only checked where there is just one of them.

locals {
  given = var.openapi_file == null ? null : jsondecode(file(var.openapi_file))

  methods = ["get", "put", "post", "delete", "patch"]

  # Without a document: what needs no credentials, and everything else. A specific path goes before a greedy one.
  fallback = {
    paths = merge(
      { for path in ["/healthz", "/readyz"] : path => { get = { operationId = trimprefix(path, "/"), security = [{}], parameters = [] } } },
      { "/{proxy+}" = { x-amazon-apigateway-any-method = { operationId = "any", parameters = [{ name = "proxy", in = "path", required = true }] } } },
    )
    components = { schemas = {} }
  }
  source = local.given == null ? jsonencode(local.fallback) : jsonencode({
    paths      = local.given.paths
    components = { schemas = try(local.given.components.schemas, {}) }
  })
  document = jsondecode(local.source)

  # Also served, and in no document.
  public_pages = { for path in ["/openapi.json", "/docs", "/docs/{page+}"] : path => {
    path      = path
    method    = "get"
    public    = true
    alone     = true
    required  = endswith(path, "{page+}") ? [{ name = "page", in = "path" }] : []
    body      = null
    operation = "page${index(["/openapi.json", "/docs", "/docs/{page+}"], path)}"
  } }

  listed = flatten([for path, item in local.document.paths : [
    for method, operation in item : {
      # `/v1/keys/{id}:prove` is `/v1/keys/{id}` there.
      path      = replace(path, "/\\}:[^/]*/", "}")
      method    = method
      operation = operation.operationId
      public    = try(length(keys(operation.security[0])) == 0, false)
      required  = [for parameter in try(operation.parameters, []) : { name = parameter.name, in = parameter.in } if try(parameter.required, false)]
      # The name of the body's schema, where the body is needed and the schema has a name.
      body = try(operation.requestBody.required, false) ? try(trimprefix(operation.requestBody.content["application/json"].schema["$ref"], "#/components/schemas/"), null) : null
    } if contains(concat(local.methods, ["x-amazon-apigateway-any-method"]), method)
  ]])

  grouped = { for one in local.listed : "${one.method} ${one.path}" => one... }

  operations = merge(
    { for key, group in local.grouped : key => {
      path      = group[0].path
      method    = group[0].method
      operation = group[0].operation
      public    = alltrue([for one in group : one.public])
      # What every one of them needs.
      required = [for parameter in group[0].required : parameter if alltrue([for one in group : contains(one.required, parameter)])]
      body     = length(group) == 1 ? group[0].body : null
    } },
    # The program answers HEAD wherever it answers GET; API Gateway wants to be told.
    { for key, group in local.grouped : "head ${group[0].path}" => {
      path      = group[0].path
      method    = "head"
      operation = "head${group[0].operation}"
      public    = alltrue([for one in group : one.public])
      required  = group[0].required
      body      = null
    } if group[0].method == "get" },
    { for path, page in local.public_pages : "get ${path}" => {
      path      = page.path
      method    = page.method
      operation = page.operation
      public    = page.public
      required  = page.required
      body      = page.body
    } },
  )

  # Models: the first level of the bodies' schemas.
  bodies = toset([for operation in values(local.operations) : operation.body if operation.body != null])
  models = { for name in local.bodies : name => merge(
    {
      type = "object"
      properties = { for member, schema in try(local.document.components.schemas[name].properties, {}) : member => merge(
        can(tostring(schema.type)) ? { type = schema.type } : {},
        can(tostring(schema.type)) && try(schema.minLength, null) != null ? { minLength = schema.minLength } : {},
        can(tostring(schema.type)) && try(schema.maxLength, null) != null ? { maxLength = schema.maxLength } : {},
        can(tostring(schema.type)) && try(schema.minimum, null) != null ? { minimum = schema.minimum } : {},
        can(tostring(schema.type)) && try(schema.maximum, null) != null ? { maximum = schema.maximum } : {},
      ) }
    },
    # Draft 4 has no empty list there.
    length(try(local.document.components.schemas[name].required, [])) == 0 ? {} : { required = local.document.components.schemas[name].required },
    try(local.document.components.schemas[name].additionalProperties, true) == false ? { additionalProperties = false } : {},
  ) }

  integration = {
    type                = "aws_proxy"
    httpMethod          = "POST"
    uri                 = var.functions.api.invoke_arn
    passthroughBehavior = "when_no_match"
    timeoutInMillis     = 29000
  }

  paths = { for path in distinct([for operation in values(local.operations) : operation.path]) : path => {
    for operation in values(local.operations) : operation.method => merge(
      {
        operationId = operation.operation
        responses   = { default = { description = "The program's answer." } }
        # The key stands for the partner's usage plan; the authorizer says which it is.
        security                              = operation.public ? [] : [{ authorizer = [], usage_key = [] }]
        parameters                            = [for parameter in operation.required : { name = parameter.name, in = parameter.in, required = true, schema = { type = "string" } }]
        x-amazon-apigateway-integration       = local.integration
        x-amazon-apigateway-request-validator = "all"
      },
      operation.body == null ? {} : {
        requestBody = {
          required = true
          content  = { "application/json" = { schema = { "$ref" = "#/components/schemas/${operation.body}" } } }
        }
      },
    ) if operation.path == path
  } }

  body = {
    openapi    = "3.0.1"
    info       = { title = var.name, version = try(local.given.info.version, "1.0.0") }
    paths      = local.paths
    components = { schemas = local.models, securitySchemes = local.security_schemes }

    x-amazon-apigateway-api-key-source     = "AUTHORIZER"
    x-amazon-apigateway-request-validators = { all = { validateRequestBody = true, validateRequestParameters = true } }
    x-amazon-apigateway-gateway-responses  = local.gateway_responses
    # Of an answer API Gateway makes bytes only where the client's first `Accept` is among these, and most say `*/*`: with less, a
    # sealed file would arrive as base64.
    x-amazon-apigateway-binary-media-types = ["*/*"]
  }

  security_schemes = {
    authorizer = {
      type                         = "apiKey"
      name                         = "Unused"
      in                           = "header"
      x-amazon-apigateway-authtype = "custom"
      x-amazon-apigateway-authorizer = merge(
        {
          type                         = "request"
          authorizerUri                = var.functions.authorizer.invoke_arn
          authorizerResultTtlInSeconds = length(var.authorizer.identity_sources) == 0 ? 0 : var.authorizer.ttl_in_seconds
        },
        length(var.authorizer.identity_sources) == 0 ? {} : { identitySource = join(", ", var.authorizer.identity_sources) },
      )
    }
    usage_key = { type = "apiKey", name = "x-api-key", in = "header" }
  }
}
