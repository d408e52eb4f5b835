//! The XSD of an XML file (XML Schema 1.0 part 2).

use std::fmt::Write as _;

use sealpost_core::column::{Column, ColumnKind};

use super::{XmlOptions, push_escaped};
use crate::cell::BytesText;

/// The schema of files with these columns.
pub(super) fn xsd(columns: &[Column], elements: &[String], options: &XmlOptions) -> String {
    let mut rows = String::new();
    for (column, element) in columns.iter().zip(elements) {
        let head = format!("<xs:element name=\"{element}\" nillable=\"true\"");
        // Writing to a String can't fail.
        let _written = match kind(column.kind, options.bytes) {
            Kind::Named(name) => writeln!(rows, "              {head} type=\"{name}\">{}</xs:element>", doc(column)),
            Kind::Restricted { base, facets } => writeln!(
                rows,
                "              {head}>{}<xs:simpleType><xs:restriction base=\"{base}\">{facets}</xs:restriction>\
                 </xs:simpleType></xs:element>",
                doc(column)
            ),
        };
    }
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" elementFormDefault="qualified">
  <xs:element name="{root}">
    <xs:complexType>
      <xs:sequence>
        <xs:element name="{row}" minOccurs="0" maxOccurs="unbounded">
          <xs:complexType>
            <xs:sequence>
{rows}            </xs:sequence>
          </xs:complexType>
        </xs:element>
      </xs:sequence>
    </xs:complexType>
  </xs:element>
  <!-- The database may hold dates that no calendar has, such as 0000-00-00. -->
  <xs:simpleType name="databaseDate">
    <xs:union memberTypes="xs:date uncalendaredDate"/>
  </xs:simpleType>
  <xs:simpleType name="uncalendaredDate">
    <xs:restriction base="xs:string"><xs:pattern value="\d{{4}}-\d{{2}}-\d{{2}}"/></xs:restriction>
  </xs:simpleType>
  <xs:simpleType name="databaseDateTime">
    <xs:union memberTypes="xs:dateTime uncalendaredDateTime"/>
  </xs:simpleType>
  <xs:simpleType name="uncalendaredDateTime">
    <xs:restriction base="xs:string">
      <xs:pattern value="\d{{4}}-\d{{2}}-\d{{2}}T\d{{2}}:\d{{2}}:\d{{2}}(\.\d{{1,6}})?(Z|[+\-]\d{{2}}:\d{{2}})?"/>
    </xs:restriction>
  </xs:simpleType>
  <!-- A span of time, not a time of day: negative ones and more than 24 hours occur. -->
  <xs:simpleType name="databaseTime">
    <xs:restriction base="xs:string"><xs:pattern value="-?\d{{2,3}}:\d{{2}}:\d{{2}}(\.\d{{1,6}})?"/></xs:restriction>
  </xs:simpleType>
</xs:schema>
"#,
        root = options.root_element,
        row = options.row_element,
    )
}

enum Kind {
    Named(&'static str),
    Restricted { base: &'static str, facets: String },
}

fn kind(kind: ColumnKind, bytes: BytesText) -> Kind {
    Kind::Named(match kind {
        ColumnKind::Integer => "xs:long",
        ColumnKind::Unsigned => "xs:unsignedLong",
        ColumnKind::Float32 => "xs:float",
        ColumnKind::Float64 => "xs:double",
        // Part 2 section 3.2.3: processors need not support more than 18 digits.
        ColumnKind::Decimal { precision, scale } if precision <= 18 => {
            let facets =
                format!("<xs:totalDigits value=\"{}\"/><xs:fractionDigits value=\"{scale}\"/>", precision.max(1));
            return Kind::Restricted { base: "xs:decimal", facets };
        }
        ColumnKind::Decimal { .. } => {
            return Kind::Restricted {
                base: "xs:string",
                facets: "<xs:pattern value=\"-?\\d+(\\.\\d+)?\"/>".to_owned(),
            };
        }
        ColumnKind::Boolean => "xs:boolean",
        ColumnKind::Text | ColumnKind::Json => "xs:string",
        ColumnKind::Bytes if bytes == BytesText::Hex => "xs:hexBinary",
        ColumnKind::Bytes => "xs:base64Binary",
        ColumnKind::Date => "databaseDate",
        ColumnKind::Time { .. } => "databaseTime",
        ColumnKind::DateTime { .. } | ColumnKind::Timestamp { .. } => "databaseDateTime",
    })
}

/// The column's own name, where the element's name is another one or it says more.
fn doc(column: &Column) -> String {
    let mut name = Vec::new();
    if !push_escaped(&column.name, &mut name) {
        return String::new();
    }
    let name = String::from_utf8(name).unwrap_or_default();
    format!("<xs:annotation><xs:documentation>{name}</xs:documentation></xs:annotation>")
}
