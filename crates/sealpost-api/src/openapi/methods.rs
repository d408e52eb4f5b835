//! Which methods a path has, by the documents. The router knows only that `{id}` and `{id}:verb` are one segment, so what
//! it says in `Allow` (RFC 9110, section 10.2.1) is of both.

use std::sync::LazyLock;

use serde_json::Value as Json;

use crate::plane::Plane;

/// A path template and its methods as `Allow` has them.
struct Row {
    template: String,
    methods: String,
}

static PARTNER: LazyLock<Vec<Row>> = LazyLock::new(|| rows(&super::public_document()));
static OPERATOR: LazyLock<Vec<Row>> = LazyLock::new(|| rows(&super::admin_document()));

fn rows(document: &Json) -> Vec<Row> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let row = |(template, item): (&String, &Json)| {
        let named = item.as_object().into_iter().flatten().map(|(method, _)| method.to_uppercase());
        let all = named.flat_map(|method| if method == "GET" { vec![method, "HEAD".to_owned()] } else { vec![method] });
        Row { template: template.clone(), methods: all.collect::<Vec<_>>().join(",") }
    };
    paths.map(row).collect()
}

/// The methods of a path; `None` where the documents don't have it.
pub(crate) fn allowed(plane: Plane, path: &str) -> Option<&'static str> {
    let rows: &'static [Row] = match plane {
        Plane::Partner => &PARTNER,
        Plane::Operator => &OPERATOR,
    };
    rows.iter().find(|row| fits(&row.template, path)).map(|row| row.methods.as_str())
}

fn fits(template: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    let all = wanted.by_ref().zip(given.by_ref()).all(|(wanted, given)| match wanted.split_once('}') {
        None => wanted == given,
        // What stands behind the parameter is a verb; a value without one has no colon.
        Some((_, "")) => !given.contains(':'),
        Some((_, verb)) => given.ends_with(verb),
    });
    all && template.split('/').count() == path.split('/').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_and_its_verbs_have_their_own_methods() {
        for (path, methods) in [
            ("/admin/v1/connectors/c-0123456789abcdef0", Some("GET,HEAD")),
            ("/admin/v1/connectors/c-0123456789abcdef0:test", Some("POST")),
            ("/admin/v1/connectors", Some("GET,HEAD")),
            ("/admin/v1/partners/acme/keys", Some("GET,HEAD,POST")),
            ("/docs", None),
        ] {
            assert_eq!(allowed(Plane::Operator, path), methods, "{path}");
        }
        assert_eq!(allowed(Plane::Partner, "/v1/reports:preview"), Some("POST"));
        assert_eq!(allowed(Plane::Partner, "/v1/reports"), Some("GET,HEAD,POST"));
    }
}
