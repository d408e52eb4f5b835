//! HTTP: reports, admin, problems, OpenAPI.
